"""The recipe of a training set, read back as TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_scsam.config import ClassSpec
from napari_scsam.io.volumes import open_volume
from napari_scsam.paths import weights_folder
from napari_scsam.project.image import ImageReference, copy_image
from napari_scsam.project.project import Project, create_project
from napari_scsam.project.recipe_text import MAE_FILE, Start, recipe_text
from napari_scsam.project.reviewed_classes import ReviewedPart

TABLE = (ClassSpec(1, "mitochondrion", "#ff0000"), ClassSpec(5, 'the "dense" \\ core', "#00ff00"))
EVERYTHING = (ReviewedPart((1, 5), (1,), {0: 10}),)


def project_in(folder: Path, size: tuple[float, float, float] | None) -> Project:
    image = np.arange(2 * 9 * 11, dtype=np.uint8).reshape(2, 9, 11)
    list(copy_image(folder / "cell.zarr", image, size, (0.0, 0.0, 0.0)))
    path = folder / "mine.scsam.zarr"
    reference = ImageReference.of(open_volume(folder / "cell.zarr"), path)
    return create_project(path, reference, TABLE)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = project_in(tmp_path, (40.0, 8.0, 4.0))
    yield made
    made.close()


def read(
    project: Project, out: Path, start: Start | None = None, parts: Any = EVERYTHING
) -> dict[str, Any]:
    return tomllib.loads(recipe_text(project, out, "labels.tif", start or Start(), parts))


def test_without_a_start_there_is_no_model(project: Project, tmp_path: Path) -> None:
    recipe = read(project, tmp_path / "sets" / "one")
    assert set(recipe) == {"classes", "training", "data"}
    assert recipe["training"] == {"steps": 300}
    assert recipe["data"] == [
        {"image": "../../cell.zarr", "labels": "labels.tif", "voxel_size": [40.0, 8.0, 4.0]}
    ]


def test_classes_keep_their_ids_and_any_name(project: Project, tmp_path: Path) -> None:
    assert read(project, tmp_path)["classes"] == [
        {"id": 1, "name": "mitochondrion", "colour": "#ff0000"},
        {"id": 5, "name": 'the "dense" \\ core', "colour": "#00ff00"},
    ]


def test_an_unknown_voxel_size_is_not_made_up(tmp_path: Path) -> None:
    project = project_in(tmp_path, None)
    assert "voxel_size" not in read(project, tmp_path)["data"][0]
    project.close()


def test_a_checkpoint_file_is_named_from_the_folder(project: Project, tmp_path: Path) -> None:
    start = Start(tmp_path / "weights" / "mine.safetensors")
    assert read(project, tmp_path / "set", start)["model"] == {
        "start": "../weights/mine.safetensors"
    }


def test_a_known_name_stays_as_it_is(project: Project, tmp_path: Path) -> None:
    assert read(project, tmp_path, Start("scsam_tiny"))["model"] == {"start": "scsam_tiny"}


def test_what_the_start_knows_is_said(project: Project, tmp_path: Path) -> None:
    start = Start("scsam_tiny", renumber=True, taught=True)
    assert read(project, tmp_path, start)["model"] == {
        "start": "scsam_tiny",
        "renumber": True,
        "taught": "taught.json",
    }


def test_a_sam_alone_starts_with_the_shipped_prior(project: Project, tmp_path: Path) -> None:
    start = Start(tmp_path / "sam.pth", sam="vit_b")
    recipe = read(project, tmp_path / "set", start)
    model = recipe["model"]
    assert {key: model[key] for key in ("sam", "tile", "sam_weights")} == {
        "sam": "vit_b",
        "tile": 512,
        "sam_weights": "../sam.pth",
    }
    assert "start" not in model
    mae = (tmp_path / "set" / model["mae_weights"]).resolve()
    assert mae == (weights_folder() / MAE_FILE).resolve()
    assert recipe["training"] == {"steps": 300, "crop": 512}


def test_one_part_of_some_classes_names_these_alone(project: Project, tmp_path: Path) -> None:
    (data,) = read(project, tmp_path, parts=(ReviewedPart((5,), (3,), {0: 1}),))["data"]
    assert data["classes"] == [5]
    assert "reviewed_values" not in data, "all of the mask counts"


def test_each_part_is_a_table_with_its_values_of_the_mask(project: Project, tmp_path: Path) -> None:
    parts = (ReviewedPart((1, 5), (1, 4), {0: 9}), ReviewedPart((5,), (2,), {1: 1}))
    first, second = read(project, tmp_path, parts=parts)["data"]
    assert "classes" not in first
    assert first["reviewed_values"] == [1, 4]
    assert (second["classes"], second["reviewed_values"]) == ([5], [2])
    assert first["image"] == second["image"] == "cell.zarr"


def test_it_begins_with_how_to_run_it_and_ends_with_a_line_break(
    project: Project, tmp_path: Path
) -> None:
    text = recipe_text(project, tmp_path, "labels.tif", Start(), EVERYTHING)
    assert text.splitlines()[1] == "# Run: scsam train THIS_FOLDER -o mine.safetensors"
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
