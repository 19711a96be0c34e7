"""A tuned model as a checkpoint that knows where it comes from."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from napari_scsam.checkpoints.checkpoint import load_checkpoint
from napari_scsam.checkpoints.find import checkpoint_info
from napari_scsam.io.volumes import open_labels, open_volume
from napari_scsam.train.finetune.data import CorrectedVolume
from napari_scsam.train.finetune.report import FinetuneReport
from napari_scsam.train.finetune.save import save_tuned
from napari_scsam.train.finetune.steps import FinetuneResult

REPORT = FinetuneReport(
    {"vesicle": 0.5}, {"vesicle": 0.7}, {"membrane": 0.98}, True, "It rose.", 9, 1.5, 0.25, (1,)
)


@pytest.fixture
def files(tmp_path: Path) -> CorrectedVolume:
    for name, dtype in (("image", np.uint8), ("labels", np.uint16)):
        data = np.zeros((2, 20, 20), dtype)
        data[:, 5:9] = 5
        tifffile.imwrite(tmp_path / f"{name}.tif", data, photometric="minisblack")
    return CorrectedVolume(
        open_volume(tmp_path / "image.tif"), open_labels(tmp_path / "labels.tif"), {5: "vesicle"}
    )


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_card_names_the_parent_the_data_and_what_was_gained(
    files: CorrectedVolume, model, checkpoint: Path, tmp_path: Path
) -> None:
    out = tmp_path / "tuned.safetensors"
    save_tuned(out, FinetuneResult(model, REPORT), checkpoint, files)
    info = checkpoint_info(out)
    record = info.training["finetuned"]
    assert record["parent"]["name"] == "random"
    assert record["parent"]["sha256"] == digest(checkpoint)
    assert [each["sha256"] for each in record["data"]] == [
        digest(tmp_path / "image.tif"),
        digest(tmp_path / "labels.tif"),
    ]
    assert record["classes"] == {"5": "vesicle"}
    assert record["report"]["after"] == {"vesicle": 0.7}
    assert info.training["steps"] == 0, "what the parent's card says stays"
    assert info.summary == "Random weights.; fine-tuned on vesicle of image"
    assert info.licence == checkpoint_info(checkpoint).licence


def test_parents_of_parents_are_named_oldest_first(
    files: CorrectedVolume, model, checkpoint: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    result = FinetuneResult(model, REPORT)
    save_tuned(first, result, checkpoint, files)
    save_tuned(second, result, first, files)
    parents = [each["sha256"] for each in checkpoint_info(second).training["parents"]]
    assert parents == [digest(checkpoint), digest(first)]


def test_a_parent_that_is_kept_is_not_called_tuned(
    files: CorrectedVolume, model, checkpoint: Path, tmp_path: Path
) -> None:
    out = tmp_path / "kept.safetensors"
    save_tuned(out, FinetuneResult(model, replace(REPORT, offered=False)), checkpoint, files)
    assert checkpoint_info(out).summary == checkpoint_info(checkpoint).summary


def test_the_weights_are_those_of_the_model(
    files: CorrectedVolume, model, checkpoint: Path, tmp_path: Path
) -> None:
    with torch.no_grad():
        model.class_prompt.prototypes += 0.5
    out = tmp_path / "tuned.safetensors"
    save_tuned(out, FinetuneResult(model, REPORT), checkpoint, files)
    found = load_checkpoint(out)
    torch.testing.assert_close(found.class_prompt.prototypes, model.class_prompt.prototypes)
