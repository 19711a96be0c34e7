"""Which classes a review speaks of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.volumes import open_labels, open_volume
from napari_scsam.project.image import ImageReference, copy_image
from napari_scsam.project.nnunet import labels_with_ignore, reviewed_table
from napari_scsam.project.project import CLASSES, Project, create_project
from napari_scsam.project.review import count_values, review_slice
from napari_scsam.project.reviewed_classes import (
    ReviewedPart,
    classes_of_number,
    gather_parts,
    number_of_classes,
    painted_classes,
    reviewed_slices,
)
from napari_scsam.project.training_set import export_training_set
from napari_scsam.steps import drive
from napari_scsam.train.finetune.known_labels import UNKNOWN
from napari_scsam.train.recipe import read_recipe

SIZE = (40.0, 8.0, 8.0)
TABLE = (
    ClassSpec(1, "mitochondrion", "#ff0000"),
    ClassSpec(2, "membrane", "#00ff00"),
    ClassSpec(5, "vesicle", "#0000ff"),
)
EVERY = (1, 2, 5)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Slices 0 and 1 of four are labelled 1 and 2 in places."""
    image = np.random.default_rng(0).integers(0, 200, (4, 60, 80)).astype(np.uint8)
    drive(copy_image(tmp_path / "cell.zarr", image, SIZE, (0.0, 0.0, 0.0)))
    path = tmp_path / "mine.scsam.zarr"
    made = create_project(path, ImageReference.of(open_volume(tmp_path / "cell.zarr"), path), TABLE)
    labels = made.array(CLASSES)
    labels[:2, 10:30, 10:30] = 1
    labels[:2, 40:50, 10:30] = 2
    yield made
    made.close()


def test_a_choice_of_classes_gets_a_number_that_means_it_ever_after(project: Project) -> None:
    first = number_of_classes(project, (1,))
    second = number_of_classes(project, (5, 1))
    assert (first, second) == (1, 2)
    assert number_of_classes(project, {1, 5}) == second
    assert classes_of_number(project, second) == (1, 5)
    path = project.path
    project.close()
    opened = Project(path)
    assert classes_of_number(opened, 2) == (1, 5)
    opened.close()


def test_old_reviews_are_of_every_class_also_when_a_class_is_added_later(project: Project) -> None:
    project.reviewed[0] = 1  # as version 0.1 wrote it
    assert not project.record.reviewed_classes
    assert classes_of_number(project, 1) == EVERY
    assert number_of_classes(project, (2,)) == 2
    project.show_classes(CLASSES, (*TABLE, ClassSpec(7, "granule")))
    assert classes_of_number(project, 1) == EVERY, "no one looked for granules"


def test_a_review_of_all_classes_says_nothing_of_a_class_that_is_added_later(
    project: Project,
) -> None:
    number = number_of_classes(project, EVERY)
    project.show_classes(CLASSES, (*TABLE, ClassSpec(7, "granule")))
    assert classes_of_number(project, number) == EVERY


def test_there_are_only_so_many_choices(project: Project) -> None:
    project.update(reviewed_classes={str(n): (1000 + n,) for n in range(1, 256)})
    with pytest.raises(UserError, match="different choices of classes"):
        number_of_classes(project, (1,))


def test_what_was_reviewed_alike_is_gathered(project: Project) -> None:
    project.reviewed[0] = number_of_classes(project, (1,))
    project.reviewed[1, :30] = number_of_classes(project, (1,))
    project.reviewed[1, 30:40] = number_of_classes(project, EVERY)
    counts = {z: count_values(mask) for z, mask in reviewed_slices(project)}
    assert gather_parts(project, counts) == [
        ReviewedPart((1,), (1,), {0: 60 * 80, 1: 30 * 80}),
        ReviewedPart(EVERY, (2,), {1: 10 * 80}),
    ]


def test_what_a_person_changed_was_painted() -> None:
    predicted = np.zeros((6, 6), np.uint8)
    predicted[:2] = 1
    predicted[4:] = 5
    labels = predicted.copy()
    assert painted_classes(labels, predicted) == set()
    labels[0] = 2
    assert painted_classes(labels, predicted) == {1, 2}


def test_kept_pixels_are_of_classes_that_were_looked_at() -> None:
    labels = np.zeros((10, 10), np.uint8)
    labels[:, :3] = 1
    labels[:, 3:5] = 2
    mask = np.zeros((10, 10), np.uint8)
    mask[:5] = 1
    mask[5:] = 2
    found = review_slice(labels, mask, {1: (1,)})
    assert dict(found.kept) == {1: 30, 2: 10}
    assert dict(found.numbers) == {1: 50, 2: 50}


def tables(folder: Path) -> str:
    return (folder / "recipe.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("layout", ["ome-zarr", "tiff"])
def test_a_recipe_says_which_classes_its_labels_name(
    project: Project, tmp_path: Path, layout: str, checkpoint: Path
) -> None:
    from dataclasses import replace

    from napari_scsam.train.dataset import LabelledCrops

    project.reviewed[0] = number_of_classes(project, (1,))
    project.reviewed[1] = number_of_classes(project, EVERY)
    out = tmp_path / "set"
    drive(export_training_set(project, out, layout, checkpoint=checkpoint))
    recipe = read_recipe(out)
    assert [source.classes for source in recipe.sources] == [(1,), ()]
    assert [source.reviewed_values for source in recipe.sources] == [(1,), (2,)]
    few, all_ = LabelledCrops(replace(recipe, classes=TABLE)).volumes
    assert few.grey.shape == all_.grey.shape == (1, 60, 80)
    assert set(np.unique(few.classes)) == {0, 1}, "membrane is unknown there"
    assert few.groups.tolist() == [0, 1, 0, 0]
    assert set(np.unique(all_.classes)) == {0, 1, 2}
    assert all_.groups.tolist() == [0, 1, 2, 3]
    origin = json.loads((out / "provenance.json").read_text())
    assert origin["reviewed_classes"] == {"1": [1], "2": [1, 2, 5]}


def test_a_recipe_of_one_choice_is_one_table(project: Project, tmp_path: Path) -> None:
    project.reviewed[:2] = number_of_classes(project, (1, 2))
    drive(export_training_set(project, tmp_path / "set"))
    assert tables(tmp_path / "set").count("[[data]]") == 1
    assert "classes = [1, 2]  # all others are unknown here" in tables(tmp_path / "set")
    assert "reviewed_values" not in tables(tmp_path / "set")


def test_a_review_of_every_class_needs_no_words(project: Project, tmp_path: Path) -> None:
    project.reviewed[0] = 1
    drive(export_training_set(project, tmp_path / "set"))
    assert "\nclasses = " not in tables(tmp_path / "set")


def test_nnunet_ignores_what_is_unknown(project: Project) -> None:
    project.reviewed[0] = number_of_classes(project, (1,))
    assert [spec.name for spec in reviewed_table(project)] == ["mitochondrion"]
    project.reviewed[1] = number_of_classes(project, (1, 2))
    classes = reviewed_table(project)
    assert [spec.name for spec in classes] == ["mitochondrion", "membrane"]
    labels = labels_with_ignore(project, slice(0, 3), classes)
    assert (labels[0, 10:30, 10:30] == 1).all()
    assert (labels[0, 30:] == 3).all(), "membrane was not looked at"
    assert set(np.unique(labels[1])) == {0, 1, 2}
    assert (labels[2] == 3).all()


def test_the_mask_in_a_training_set_keeps_its_values(project: Project, tmp_path: Path) -> None:
    project.reviewed[0] = number_of_classes(project, (1,))
    project.reviewed[1] = number_of_classes(project, (2,))
    drive(export_training_set(project, tmp_path / "set"))
    mask = open_labels(tmp_path / "set" / "labels.zarr" / "labels" / "reviewed")
    assert [np.unique(mask.plane(z)).tolist() for z in range(3)] == [[1], [2], [0]]
    assert UNKNOWN == 255


def test_a_project_reviewed_for_some_classes_is_not_trained_on_as_if_for_all(
    project: Project, tmp_path: Path
) -> None:
    from napari_scsam.train.labelled_volume import check_reviews
    from napari_scsam.train.recipe_tables import LabelledSource

    project.reviewed[0] = number_of_classes(project, EVERY)
    source = LabelledSource(tmp_path / "cell.zarr", project.path)
    check_reviews(source)
    project.reviewed[1] = number_of_classes(project, (1,))
    for labels in (project.path, project.path / "labels" / "classes"):
        with pytest.raises(UserError, match="reviewed for some of its classes only"):
            check_reviews(LabelledSource(tmp_path / "cell.zarr", labels))
    check_reviews(LabelledSource(tmp_path / "cell.zarr", project.path, classes=(1,)))


def test_a_source_cannot_label_a_class_that_there_is_not(tmp_path: Path) -> None:
    from napari_scsam.train.labelled_volume import class_groups, labelled_rows
    from napari_scsam.train.recipe_tables import LabelledSource

    source = LabelledSource(tmp_path / "a.tif", tmp_path / "b.tif", classes=(1, 9))
    with pytest.raises(UserError, match="the id 9, which no class has"):
        labelled_rows(source, {1: 1, 2: 2})
    whole = ClassSpec(1, "mitochondrion")
    table = (whole, ClassSpec(2, "boundary", part_of="mitochondrion"), ClassSpec(3, "vesicle"))
    assert class_groups(table, [1]).tolist() == [0, 1, 1, 0], "a whole stands for its parts"
    assert class_groups(table, [1, 2]).tolist() == [0, 1, 2, 0]
