"""Values that are not in the labels: every command says which there are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_scsam import cli
from napari_scsam.config import UserError
from napari_scsam.io.label_values import (
    check_named_values,
    describe_values,
    doubt_of_names,
    in_turn,
)
from napari_scsam.io.volumes import as_volume
from napari_scsam.train.labelled_volume import LabelledVolume
from napari_scsam.train.recipe import read_recipe

IMAGE = np.random.default_rng(0).integers(0, 255, (3, 96, 128), dtype=np.uint8)
MASK = np.zeros(IMAGE.shape, np.uint8)
MASK[:, 20:60, 30:90] = 255


@pytest.mark.parametrize(
    ("values", "phrase"),
    [
        ({0}, "only 0"),
        ({0, 255}, "0 and 255"),
        ({5, 0, -3}, "-3, 0 and 5"),
        (set(range(100)), "0, 1, 2, 3, 4, 5, 6, 7, … (100 values)"),
    ],
)
def test_values_are_listed_in_order(values: set[int], phrase: str) -> None:
    assert describe_values(values) == phrase


def test_a_value_on_another_slice_is_enough() -> None:
    labels = np.zeros((4, 8, 9), np.uint16)
    labels[3, 2, 2] = 300
    check_named_values(as_volume(labels), {300, 7}, [0], "do something")
    assert list(in_turn([2, 0], 4)) == [2, 0, 1, 3]
    with pytest.raises(
        UserError, match=r"^the labels 'array' hold 0 and 300, but no 1 or 7; do something$"
    ):
        check_named_values(as_volume(labels), {7, 1}, [0], "do something")


def test_a_source_may_have_its_classes_on_slices_that_are_not_trained_on(
    files: dict[str, str],
) -> None:
    labels = MASK.copy()
    labels[2, :10, :10] = 1
    tifffile.imwrite(files["mask"], labels, imagej=True, metadata={"axes": "ZYX"})
    recipe = read_recipe(Path(files["recipe"]))
    first = replace(recipe.sources[0], slices=(0, 1))
    assert not LabelledVolume(first, recipe).classes.any()
    tifffile.imwrite(files["mask"], MASK, imagej=True, metadata={"axes": "ZYX"})
    with pytest.raises(UserError, match="hold 0 and 255, but no 1"):
        LabelledVolume(first, recipe)


@pytest.fixture
def files(tmp_path: Path, checkpoint: Path) -> dict[str, str]:
    """Write an image, a mask of 0 and 255, and what commands need."""
    tifffile.imwrite(tmp_path / "em.tif", IMAGE, imagej=True, metadata={"axes": "ZYX"})
    tifffile.imwrite(tmp_path / "mask.tif", MASK, imagej=True, metadata={"axes": "ZYX"})
    (tmp_path / "classes.json").write_text(json.dumps({"1": "mitochondrion"}))
    (tmp_path / "recipe.toml").write_text(
        f"""
[model]
start = "{checkpoint}"
[[classes]]
id = 1
name = "mitochondrion"
[[data]]
image = "em.tif"
labels = "mask.tif"
voxel_size = [8.0, 8.0, 8.0]
[training]
steps = 1
batch = 1
crop = 64
"""
    )
    return {
        "image": str(tmp_path / "em.tif"),
        "mask": str(tmp_path / "mask.tif"),
        "classes": str(tmp_path / "classes.json"),
        "recipe": str(tmp_path / "recipe.toml"),
        "out": str(tmp_path / "new.safetensors"),
        "checkpoint": str(checkpoint),
    }


@pytest.mark.parametrize("command", ["evaluate", "clicks", "train", "finetune", "teach"])
def test_a_mask_of_0_and_255_is_told_by_every_command(
    command: str, files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    image = ["--image", files["image"]]
    labels = ["--labels", files["mask"]]
    common = ["--checkpoint", files["checkpoint"], "--voxel-size", "8", "--device", "cpu"]
    one = ["--map", "1=mitochondrion"]
    arguments = {
        "evaluate": ["evaluate", *image, *labels, *one, *common],
        "clicks": ["evaluate", *image, *labels, *one, "--clicks", "1", *common],
        "train": ["train", files["recipe"], "-o", files["out"], "--device", "cpu"],
        "finetune": ["finetune", *image, *labels, "--classes", files["classes"]]
        + ["-o", files["out"], *common],
        "teach": ["teach", *image, "--strokes", files["mask"], "--name", "er"]
        + ["-o", files["out"], *common],
    }[command]
    assert cli.main(arguments) == 2
    told = capsys.readouterr()
    assert "255" in told.err.splitlines()[-1]
    assert "0.000" not in told.out
    assert not Path(files["out"]).exists()


def test_the_value_that_there_is_can_be_named(
    files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", "--image", files["image"], "--labels", files["mask"]]
    common = ["--checkpoint", files["checkpoint"], "--voxel-size", "8", "--device", "cpu"]
    pairs = ["--map", "255=mitochondrion", "7=vesicle"]
    assert cli.main([*command, *pairs, *common]) == 0
    assert "mitochondrion" in capsys.readouterr().out


def test_labels_without_any_object_are_no_truth(
    files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    tifffile.imwrite(files["mask"], np.zeros_like(MASK), imagej=True, metadata={"axes": "ZYX"})
    command = ["evaluate", "--image", files["image"], "--labels", files["mask"]]
    common = ["--checkpoint", files["checkpoint"], "--voxel-size", "8", "--device", "cpu"]
    assert cli.main([*command, "--map", "1=mitochondrion", *common]) == 2
    assert "hold only 0, but no 1; name the values that there are" in capsys.readouterr().err
    assert cli.main(["train", files["recipe"], "-o", files["out"], "--device", "cpu"]) == 2
    assert "mask.tif" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("named", "doubted"),
    [((1, 2), False), ((1,), False), ((1, 7), True), ((1, 2, 7), False), ((7,), True), ((), False)],
)
def test_a_name_for_a_value_that_is_not_there_is_doubted_beside_one_without_a_name(
    named: tuple[int, ...], doubted: bool
) -> None:
    labels = as_volume(np.array([[[0, 1]], [[2, 2]]], np.uint8))
    text = doubt_of_names(labels, named, range(2))
    assert ("but no 7, whose class counts as absent" in text) == doubted
    assert bool(text) == doubted


def test_evaluate_says_which_value_is_probably_mistyped(
    files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    values = MASK.copy()
    values[0, :4] = 3
    tifffile.imwrite(files["mask"], values, imagej=True, metadata={"axes": "ZYX"})
    command = ["evaluate", "--image", files["image"], "--labels", files["mask"]]
    common = ["--checkpoint", files["checkpoint"], "--voxel-size", "8", "--device", "cpu"]
    assert cli.main([*command, "--map", "255=mitochondrion", "7=vesicle", *common]) == 0
    assert "but no 7, whose class counts as absent; without a name: 3" in capsys.readouterr().err
