"""The picture of a held-out crop."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from napari_scsam.project.training_job import TrainingJob
from napari_scsam.train.finetune.held_out import HeldOutRegion
from napari_scsam.train.finetune.known_labels import UNKNOWN, known_classes
from napari_scsam.train.finetune.levels import ClassLevels
from napari_scsam.train.finetune.review_crops import CropMemory
from napari_scsam.train.finetune.tuned_weights import take_path
from napari_scsam.train.finetune.validation import Judge
from napari_scsam.train.validation_tile import ValidationTile, outlines

SIDE = 64


def test_outlines_are_inside_the_labelled_regions():
    targets = np.zeros((12, 12), np.uint8)
    targets[2:8, 2:8] = 1
    targets[9:] = UNKNOWN
    edges = outlines(targets)
    assert edges.sum() == 6 * 4 - 4
    assert not edges[3:7, 3:7].any()
    assert not edges[9:].any(), "what nobody reviewed has no outline"


@pytest.fixture
def run(model):
    """Stands in for a fine-tuning with two held-out crops, the second of which shows more."""
    memory = CropMemory(model)
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, SIDE, SIDE, generator=generator)
    targets = torch.zeros(2, SIDE, SIDE, dtype=torch.uint8)
    targets[0, 5:9, 5:9] = 1
    targets[1, 10:40, 10:40] = 1
    for target in targets:
        memory.add(image, target)
    pieces = [HeldOutRegion(place, (slice(0, SIDE), slice(0, SIDE))) for place in range(2)]
    data = SimpleNamespace(
        held_out=memory,
        known=known_classes(model.classes, ["mitochondrion"]),
        pieces=pieces,
        plain_crop=lambda piece: (image + piece.place, None),
    )
    best = SimpleNamespace(levels=())
    path = take_path(model, data.known)
    judge = Judge(model, model, memory, pieces, memory, data.known)
    device = torch.device("cpu")
    return SimpleNamespace(model=model, path=path, data=data, judge=judge, best=best, device=device)


@pytest.fixture
def job() -> TrainingJob:
    return TrainingJob(
        image="cell.tif",
        classes={"1": "mitochondrion"},
        colours={"1": "#ff0000"},
        slices=(0,),
        checkpoint="c.safetensors",
    )


def test_it_shows_the_crop_with_most_to_see_in_the_colours_of_the_project(run, job, tmp_path: Path):
    tile = ValidationTile(run, job)
    assert tile.number == 1
    assert [spec.colour for spec in tile.classes] == ["#ff0000"]
    run.model.thresholds = torch.full_like(run.model.thresholds, 1e4)
    nothing = tile.draw()
    assert nothing.shape == (SIDE, SIDE, 3)
    assert (nothing[10, 10:40] == 255).all(), "the outline of the labels"
    run.best.levels = (ClassLevels(shift=-2e4),)
    everything = tile.draw()
    inside = (slice(12, 38), slice(12, 38))
    assert (everything[inside] != nothing[inside]).any()
    tile.write(tmp_path / "picture.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "picture.npy"), everything)
