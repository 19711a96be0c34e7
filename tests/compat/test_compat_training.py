"""Training sets, recipes and stopped trainings of commit 5b2b5ab are understood as before."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_scsam.config import ClassSpec
from napari_scsam.io.volumes import open_labels
from napari_scsam.project.review import find_reviewed
from napari_scsam.train.dataset import LabelledCrops
from napari_scsam.train.recipe import read_recipe
from napari_scsam.train.resume import read_state

FILES = Path(__file__).parent / "files"
CLASSES = (
    ClassSpec(1, "mitochondrion", "#e6553c"),
    ClassSpec(2, "mitochondrial_boundary", "#3ca0e6"),
    ClassSpec(3, "vesicle", "#46c864"),
    ClassSpec(7, "lipid droplet", "#ffd54a"),
)


@pytest.mark.parametrize("folder", ["training_set", "training_set_tiff"])
def test_a_training_set_can_be_trained_on(folder: str) -> None:
    recipe = read_recipe(FILES / folder)
    assert recipe.start is not None
    assert recipe.start.name == "tiny.safetensors"
    assert recipe.classes == CLASSES
    assert [known.spec for known in recipe.taught] == [CLASSES[3]]
    assert recipe.taught[0].prototype[:2] == (-0.5, -127 / 256)
    assert LabelledCrops(recipe)


@pytest.mark.parametrize("folder", ["training_set", "training_set_tiff"])
def test_a_training_set_holds_labels_and_what_was_reviewed(folder: str) -> None:
    (source,) = read_recipe(FILES / folder).sources
    labels = open_labels(source.labels).data
    mask = find_reviewed(source.labels)
    assert source.voxel_size == (30.0, 8.0, 8.0)
    assert (labels[1, 10, 20], labels[2, 43, 69], labels[2, 70, 5]) == (1, 3, 7)
    assert mask is not None
    assert [int(np.sum(plane)) for plane in open_labels(mask).data[...]] == [0, 96 * 96, 200, 0]


def test_a_training_set_says_where_it_comes_from() -> None:
    origin = json.loads((FILES / "training_set" / "provenance.json").read_text())
    assert origin["format"] == "napari-scsam training set 1"
    changes = {"predicted": 400, "corrected": 600, "kept": 400, "added": 200, "removed": 0}
    assert origin["slices"]["1"]["classes"]["mitochondrion"] == changes


def test_the_model_and_the_checkpoint_of_a_recipe_are_understood() -> None:
    recipe = read_recipe(FILES / "recipe.toml")
    weights = (recipe.start, recipe.kept, recipe.sam_weights, recipe.mae_weights)
    assert weights == tuple(
        FILES / name
        for name in (
            "tiny.safetensors",
            "other.safetensors",
            "mobile_sam.pt",
            "mae_hybrid.safetensors",
        )
    )
    assert recipe.renumber
    assert recipe.model.to_dict() == {
        "sam": "vit_t",
        "mae": "hybrid",
        "nm_per_pixel": 8.0,
        "tile": 256,
        "branches": "sam+mae",
        "fusion": "sum",
        "similarity": "unscaled",
        "detail": False,
        "prompts_only": False,
    }
    assert [spec.part_of for spec in recipe.classes] == ["", "mitochondrion"]
    assert (recipe.summary, recipe.licence, recipe.half) == ("A small one.", "CC0-1.0", True)


def test_the_data_of_a_recipe_are_understood() -> None:
    (source,) = read_recipe(FILES / "recipe.toml").sources
    assert (source.image, source.labels) == (FILES / "cell.tif", FILES / "labels.tif")
    assert source.reviewed == FILES / "reviewed.tif"
    assert source.voxel_size == (20.0, 8.0, 8.0)
    assert (source.objects, source.borders, source.sheath) == (((1, 2),), (6,), 5)
    assert (source.weight, source.slices, source.calibration) == (2.5, (0, 2), (3,))


def test_the_training_of_a_recipe_is_understood() -> None:
    written = tomllib.loads((FILES / "recipe.toml").read_text())["training"]
    training = read_recipe(FILES / "recipe.toml").training.to_dict()
    assert training.pop("augmentation") == written.pop("augmentation")
    assert training == {**written, "unfreeze": ("sam", "mae")}


def test_a_stopped_training_goes_on(tmp_path: Path) -> None:
    state = tmp_path / "mine.resume"
    shutil.copy(FILES / "training_state.safetensors", state)
    layer = torch.nn.Linear(2, 3)
    optimiser = torch.optim.AdamW(layer.parameters())
    assert read_state(state, layer, optimiser, read_recipe(FILES / "recipe.toml").to_dict()) == 3
    np.testing.assert_allclose(layer.weight.detach(), np.arange(6).reshape(3, 2), atol=2e-3)
    moments = optimiser.state_dict()["state"][0]
    assert moments["step"] == 1
    np.testing.assert_allclose(moments["exp_avg"], 0.1)
