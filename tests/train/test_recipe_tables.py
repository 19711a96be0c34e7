"""Tables of a recipe as they are created in Python, and their plain JSON values."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from napari_scsam.config import ClassSpec, TaughtClass
from napari_scsam.model.scsam_config import ScSAMConfig
from napari_scsam.train.recipe_tables import (
    TRAINING_ZOOM,
    CardTable,
    LabelledSource,
    ModelTable,
    RecipeTables,
    Training,
)


def source(**more: Any) -> LabelledSource:
    return LabelledSource(Path("data/a/image.tif"), Path("labels.tif"), **more)


def in_folder(kind: Any, base: Path, **values: Any) -> Any:
    """Read a table as from a recipe in a folder."""
    return TypeAdapter(kind).validate_json(json.dumps(values), context={"base": base})


def test_paths_stay_as_they_are_without_a_recipe() -> None:
    assert source().image == Path("data/a/image.tif")
    assert ModelTable(sam_weights=Path("sam.pt")).sam_weights == Path("sam.pt")


def test_paths_are_relative_to_the_recipe_and_absolute_ones_stay(tmp_path: Path) -> None:
    absolute = str(tmp_path / "far" / "labels.tif")
    table = in_folder(LabelledSource, tmp_path / "set", image="../em.tif", labels=absolute)
    assert table.image == tmp_path / "set" / ".." / "em.tif"
    assert table.labels == Path(absolute)
    assert table.reviewed is None


def test_a_record_keeps_two_parts_of_each_path() -> None:
    record = source(reviewed=Path("/x/y/z/mask.tif"), slices=(1, 2)).to_dict()
    assert (record["image"], record["labels"]) == ("a/image.tif", "labels.tif")
    assert record["reviewed"] == "z/mask.tif"
    assert json.loads(json.dumps(record))["slices"] == [1, 2]


def test_a_record_lacks_keys_that_earlier_versions_did_not_know() -> None:
    assert not {"reviewed_values", "classes"} & set(source().to_dict())
    record = source(reviewed_values=(2,), classes=(1, 5)).to_dict()
    assert (record["reviewed_values"], record["classes"]) == ((2,), (1, 5))


@pytest.mark.parametrize(
    ("given", "size"),
    [(None, None), (8, (8.0, 8.0, 8.0)), ([4, 6], (4.0, 4.0, 6.0)), ([40, 4, 6], (40.0, 4.0, 6.0))],
)
def test_a_voxel_size_takes_one_two_or_three_numbers(given: Any, size: Any) -> None:
    assert source(voxel_size=given).voxel_size == size


def test_encoders_to_learn_are_named_once_in_their_order() -> None:
    assert Training(unfreeze=("mae", "sam", "mae")).unfreeze == ("mae", "sam")
    assert Training().unfreeze == ()


@pytest.mark.parametrize(
    "wrong",
    [{"steps": 0}, {"crop": 24}, {"keep": 1.0}, {"keep": -0.1}, {"pool": 0}, {"save_every": 0}]
    + [{"rate": float("nan")}, {"steps": True}, {"speed": 3}],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Training(**wrong)


def test_training_that_teaches_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="train nothing; raise one of them"):
        Training(class_weight=0.0, prompts=0)
    assert Training(class_weight=0.0).prompts == 3
    assert Training(prompts=0).class_weight == 1.0


def test_an_augmentation_without_a_zoom_has_that_of_training(tmp_path: Path) -> None:
    assert Training().augmentation.zoom == TRAINING_ZOOM
    table = in_folder(Training, tmp_path, augmentation={"stretch": 1.0})
    assert (table.augmentation.zoom, table.augmentation.stretch) == (TRAINING_ZOOM, 1.0)
    assert in_folder(Training, tmp_path, augmentation={"zoom": 2.0}).augmentation.zoom == 2.0


@pytest.mark.parametrize("tile", [0, -128, 112, 130])
def test_a_tile_is_a_multiple_of_16_and_not_all_halo(tile: int) -> None:
    with pytest.raises(
        ValidationError, match=f"tile = {tile} in the recipe's .model. is not usable"
    ):
        ModelTable(tile=tile)
    assert ModelTable(tile=144).tile == 144


@pytest.mark.parametrize("size", [0.0, -4.0])
def test_a_pixel_size_is_above_0(size: float) -> None:
    with pytest.raises(ValidationError, match="give the pixel size in nm"):
        ModelTable(nm_per_pixel=size)
    assert ModelTable(nm_per_pixel=None).nm_per_pixel is None


def test_what_a_checkpoint_knows_needs_a_checkpoint() -> None:
    with pytest.raises(
        ValidationError, match=r"renumber in the recipe's .model. needs a checkpoint"
    ):
        ModelTable(renumber=True)
    assert ModelTable(renumber=True, start=Path("a.safetensors")).renumber


def test_the_network_is_the_table_without_its_weights() -> None:
    table = ModelTable(nm_per_pixel=8.0, tile=256, start=Path("a.safetensors"))
    assert table.network() == replace(ScSAMConfig(), nm_per_pixel=8.0, tile=256)
    assert type(table.network()) is ScSAMConfig


def taught(count: int = 256, first: float = 1.0) -> TaughtClass:
    return TaughtClass.from_dict(
        {
            **TaughtClass(ClassSpec(4, "granule"), tuple([0.5] * 256)).to_dict(),
            "prototype": [first] + [0.5] * (count - 1),
        }
    )


def test_taught_classes_are_read_from_their_file(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").touch()
    (tmp_path / "taught.json").write_text(json.dumps([taught().to_dict()]), encoding="utf-8")
    table = in_folder(ModelTable, tmp_path, start="a.safetensors", taught="taught.json")
    assert table.taught == (taught(),)
    assert table.start == tmp_path / "a.safetensors"


@pytest.mark.parametrize(("count", "first"), [(255, 1.0), (257, 1.0), (256, float("nan"))])
def test_a_prototype_of_other_numbers_is_told(tmp_path: Path, count: int, first: float) -> None:
    text = json.dumps([taught(count, first).to_dict()])
    (tmp_path / "taught.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValidationError, match="does not hold 256 numbers for 'granule'; export"):
        in_folder(ModelTable, tmp_path, start="a.safetensors", taught="taught.json")


@pytest.mark.parametrize("text", ["", "[1]", "[{}]", "3"])
def test_a_damaged_file_of_taught_classes_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "taught.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValidationError, match="cannot be read as classes learned from strokes"):
        in_folder(ModelTable, tmp_path, start="a.safetensors", taught="taught.json")


def test_an_empty_recipe_has_the_usual_tables() -> None:
    tables = RecipeTables()
    assert tables.data == tables.classes == ()
    assert tables.checkpoint == CardTable()
    assert not tables.checkpoint.half
    with pytest.raises(ValidationError):
        RecipeTables(optimiser={})
