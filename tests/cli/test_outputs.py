"""No command writes into the folder of an image; the image stays as it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_scsam import cli
from napari_scsam.config import ClassSpec
from napari_scsam.io.labels import write_labels
from napari_scsam.project.image import copy_image
from napari_scsam.steps import drive

IMAGE = np.random.default_rng(0).integers(0, 200, (3, 64, 64)).astype(np.uint8)
LABELS = (IMAGE > 150).astype(np.uint8)
SIZE = (8.0, 8.0, 8.0)

COMMANDS: dict[str, Sequence[str]] = {
    "segment into .zarr": ("segment", "em.zarr", "-o", "em.zarr/out.zarr"),
    "segment into .tif": ("segment", "em.zarr", "-o", "em.zarr/0/c/out.tif"),
    "segment into .h5": ("segment", "em.zarr", "-o", "em.zarr/out.h5"),
    "segment beside labels": ("segment", "em.zarr", "-o", "em.zarr/labels/mine.zarr"),
    "segment another image": ("segment", "slices", "-o", "em.zarr/out.zarr"),
    "segment among slices": ("segment", "slices", "-o", "slices/out.tif"),
    "segment several": ("segment", "slices/0.tif", "slices/1.tif", "-o", "em.zarr/out"),
    "pseudo-label": ("pseudo-label", "em.zarr", "-o", "em.zarr/pseudo"),
    "pseudo-label among slices": ("pseudo-label", "slices", "-o", "slices"),
    "instances": ("instances", "lab.zarr", "-o", "lab.zarr/objects.zarr"),
    "measure": ("measure", "lab.zarr", "-o", "lab.zarr/t.csv"),
    "contacts": ("measure", "lab.zarr", "-o", "t.csv", "--contacts", "lab.zarr/labels/c.csv"),
    "meshes": ("measure", "lab.zarr", "-o", "t.csv", "--meshes", "lab.zarr/meshes"),
    "import": ("import", "lab.tif", "-o", "em.zarr/new.zarr", "--classes", "1=mitochondrion"),
    "demo": ("demo", "--headless", "em.zarr/demo"),
    "checkpoints import": (
        *("checkpoints", "import", "net.onnx", "--channels", "mitochondrion"),
        *("-o", "em.zarr/a.safetensors"),
    ),
    "checkpoints export": ("checkpoints", "export", "CHECKPOINT", "--onnx", "em.zarr/a.onnx"),
    "teach": (
        *("teach", "--image", "em.zarr", "--strokes", "lab.tif", "--name", "granule"),
        *("-o", "em.zarr/a.safetensors"),
    ),
    "finetune": (
        *("finetune", "--image", "em.zarr", "--labels", "lab.zarr"),
        *("--classes", "classes.json", "-o", "em.zarr/a.safetensors"),
    ),
    "pretrain": ("pretrain", "em.zarr", "-o", "em.zarr/a.safetensors", "--steps", "1"),
    "train": ("train", "recipe.toml", "-o", "em.zarr/a.safetensors"),
    "report of evaluate": (
        *("evaluate", "--image", "em.zarr", "--labels", "lab.zarr", "--map", "1=mitochondrion"),
        *("--json", "em.zarr/r.json"),
    ),
    "report of suggest": ("suggest", "--image", "em.zarr", "--json", "em.zarr/r.json"),
}

WITH_CHECKPOINT = ("segment", "pseudo-label", "teach", "finetune", "evaluate", "suggest")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Path:
    """A folder with an image, slices, labels and a recipe."""
    folder = tmp_path_factory.mktemp("inputs")
    drive(copy_image(folder / "em.zarr", IMAGE, SIZE, (0.0, 0.0, 0.0)))
    (folder / "slices").mkdir()
    for z, plane in enumerate(IMAGE):
        tifffile.imwrite(folder / "slices" / f"{z}.tif", plane)
    tifffile.imwrite(folder / "lab.tif", LABELS, photometric="minisblack")
    write_labels(folder / "lab.zarr", LABELS, SIZE, (ClassSpec(1, "mitochondrion"),))
    (folder / "classes.json").write_text('{"1": "mitochondrion"}', encoding="utf-8")
    (folder / "recipe.toml").write_text(
        f'[model]\nstart = "{checkpoint}"\n[[data]]\nimage = "em.zarr"\nlabels = "lab.tif"\n'
        "[training]\nsteps = 1\n"
    )
    (folder / "net.onnx").write_bytes(b"no network")
    return folder


def files_in(folder: Path) -> dict[str, bytes]:
    """Return every file, by its path."""
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_to_be_written_into_an_image_is_refused(
    name: str,
    inputs: Path,
    checkpoint: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(inputs)
    before = files_in(inputs)
    words = [str(checkpoint) if word == "CHECKPOINT" else word for word in COMMANDS[name]]
    if words[0] in WITH_CHECKPOINT:
        words += ["--checkpoint", str(checkpoint), "--device", "cpu"]
    assert cli.main(words) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "lies inside the zarr" in said or "would become a slice" in said
    assert files_in(inputs) == before


def test_labels_among_folders_of_no_image_are_written(
    inputs: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "info").write_text(json.dumps({"about": "my data"}))
    out = tmp_path / "sub" / "out.tif"
    words = ["segment", str(inputs / "slices"), "-o", str(out)]
    assert cli.main([*words, "--checkpoint", str(checkpoint), "--device", "cpu"]) == 0
    assert out.is_file()
