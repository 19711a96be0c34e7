"""``scsam suggest``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from napari_scsam import cli
from napari_scsam.checkpoints.checkpoint import save_checkpoint
from napari_scsam.model import ScSAM, ScSAMConfig
from napari_scsam.samples.phantom import PHANTOM_CLASSES, make_phantom


def scsam(*arguments: object) -> int:
    try:
        return cli.main([str(a) for a in arguments])
    except SystemExit as end:
        return int(end.code or 0)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    network = ScSAM(ScSAMConfig(nm_per_pixel=8.0, tile=128), PHANTOM_CLASSES[:6])
    save_checkpoint(path, network, summary="Random weights", licence="CC0", training={})
    return path


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("volume") / "cell.tif"
    tifffile.imwrite(path, make_phantom((5, 48, 64), (20.0, 8.0, 8.0)).image)
    return path


def test_suggestions_are_printed_and_written_best_first(
    image: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "next.json"
    common = ("--image", image, "--checkpoint", model, "--voxel-size", 20, 8, 8)
    assert scsam("suggest", *common, "--slices", "0", "--count", 2, "--json", out) == 0
    found = json.loads(out.read_text())
    assert list(found) == ["suggestions"]
    first, second = found["suggestions"]
    assert (first["slice"], first["score"]) == (4, 1.0)
    assert (second["slice"], second["score"]) == (2, 0.5)
    y0, x0, y1, x1 = first["region"]
    assert 0 <= y0 < y1 <= 48
    assert 0 <= x0 < x1 <= 64
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == f"slice 4, score 1.00, rows {y0}-{y1}, columns {x0}-{x1}"
    assert len(printed) == 2


def test_a_mask_says_what_is_reviewed(
    image: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mask = np.ones((5, 48, 64), np.uint8)
    tifffile.imwrite(tmp_path / "all.tif", mask)
    out = tmp_path / "next.json"
    common = ("--image", image, "--checkpoint", model, "--json", out)
    assert scsam("suggest", *common, "--reviewed", tmp_path / "all.tif") == 0
    assert json.loads(out.read_text()) == {"suggestions": []}
    assert "nothing to suggest" in capsys.readouterr().err


def test_a_mistake_is_one_line_that_says_what_to_do(
    image: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scsam("suggest", "--image", image, "--checkpoint", model, "--slices", "7") == 2
    (line,) = capsys.readouterr().err.splitlines()[-1:]
    assert "no slice 7; its slices are 0 to 4" in line
    both = ("--slices", "1", "--reviewed", image)
    assert scsam("suggest", "--image", image, "--checkpoint", model, *both) == 2
