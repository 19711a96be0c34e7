"""The folder of a training in its project."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.volumes import open_labels, open_volume
from napari_scsam.project.image import ImageReference, copy_image
from napari_scsam.project.project import CLASSES, Project, create_project
from napari_scsam.project.reviewed_classes import ReviewedPart, number_of_classes
from napari_scsam.project.training_job import (
    BEST,
    BEST_REPORT,
    REPORT,
    TUNED,
    Outcome,
    best_outcome,
    checkpoint_of,
    choose_classes,
    drop_job,
    find_job,
    plan_training,
    prepare_job,
    read_job,
    read_outcome,
    write_json,
)
from napari_scsam.steps import drive

TABLE = (ClassSpec(1, "mitochondrion", "#ff0000"), ClassSpec(2, "membrane"))
REPORT_OF = {"before": {"membrane": 0.5}, "after": {"membrane": 0.75}, "reason": "It rose."}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    image = np.random.default_rng(0).integers(0, 200, (4, 30, 40)).astype(np.uint8)
    drive(copy_image(tmp_path / "cell.zarr", image, (40.0, 8.0, 8.0), (0.0, 0.0, 0.0)))
    path = tmp_path / "mine.scsam.zarr"
    made = create_project(path, ImageReference.of(open_volume(tmp_path / "cell.zarr"), path), TABLE)
    made.array(CLASSES)[:, 5:10, 5:10] = 1
    made.reviewed[0] = number_of_classes(made, (1,))
    made.reviewed[1, :20] = number_of_classes(made, (1, 2))
    made.reviewed[2] = number_of_classes(made, (2,))
    yield made
    made.close()


def test_a_job_has_a_copy_of_what_was_reviewed_for_all_of_its_classes(
    project: Project, tmp_path: Path
) -> None:
    folder = drive(prepare_job(project, (1,), tmp_path / "c.safetensors", 2.0))
    project.array(CLASSES)[0] = 0  # painting goes on while it trains
    assert find_job(project.path) == folder
    job = read_job(folder)
    assert (job.classes, job.slices, job.minutes) == ({"1": "mitochondrion"}, (0, 1), 2.0)
    assert open_volume(job.image).shape == (4, 30, 40)
    labels = open_labels(folder / "labels.zarr" / "labels" / "classes")
    mask = open_labels(folder / "labels.zarr" / "labels" / "reviewed")
    assert labels.plane(0).sum() == 25
    assert [int(mask.plane(z).sum()) for z in range(4)] == [30 * 40, 20 * 40, 0, 0]


def test_nothing_reviewed_for_all_classes_is_told_and_leaves_no_job(
    project: Project, tmp_path: Path
) -> None:
    project.reviewed[1] = 0
    with pytest.raises(UserError, match="nothing is reviewed for all of these classes"):
        drive(prepare_job(project, (1, 2), tmp_path / "c.safetensors", 2.0))
    assert find_job(project.path) is None


def test_a_new_job_replaces_the_old_one(project: Project, tmp_path: Path) -> None:
    for minutes in (1.0, 5.0):
        folder = drive(prepare_job(project, (1,), tmp_path / "c.safetensors", minutes))
        (folder / TUNED).touch()
    folder = drive(prepare_job(project, (1,), tmp_path / "c.safetensors", 9.0))
    assert read_job(folder).minutes == 9.0
    assert checkpoint_of(folder) is None


def test_only_a_job_is_removed(project: Project, tmp_path: Path) -> None:
    folder = drive(prepare_job(project, (1,), tmp_path / "c.safetensors", 1.0))
    drop_job(folder)
    assert not folder.exists()
    folder.mkdir()
    (folder / "mine.txt").touch()
    drop_job(folder)
    assert (folder / "mine.txt").exists()
    assert find_job(project.path) is None
    with pytest.raises(UserError, match="no training that can be read"):
        read_job(folder)


def test_a_project_with_a_job_is_still_a_project(project: Project, tmp_path: Path) -> None:
    drive(prepare_job(project, (1,), tmp_path / "c.safetensors", 1.0))
    path = project.path
    project.close()
    opened = Project(path)
    assert opened.label_names == ("classes",)
    opened.close()


def test_the_outcome_is_what_the_report_says(tmp_path: Path) -> None:
    assert read_outcome(tmp_path) is None
    (tmp_path / TUNED).touch()
    write_json(tmp_path / REPORT, {**REPORT_OF, "offered": True})
    assert read_outcome(tmp_path) == Outcome((("membrane", 0.5, 0.75),), "It rose.", offered=True)
    (tmp_path / TUNED).unlink()
    outcome = read_outcome(tmp_path)
    assert outcome is not None
    assert not outcome.offered, "there is nothing to offer"


def test_a_cancelled_training_offers_the_best_so_far(tmp_path: Path) -> None:
    nothing = best_outcome(tmp_path)
    assert not nothing.offered
    assert "the checkpoint in use is kept" in nothing.sentence
    (tmp_path / BEST).touch()
    write_json(tmp_path / BEST_REPORT, {**REPORT_OF, "offered": True})
    found = best_outcome(tmp_path)
    assert found.offered
    assert found.rows == (("membrane", 0.5, 0.75),)
    assert checkpoint_of(tmp_path) == tmp_path / BEST


def part(classes: tuple[int, ...], **slices: int) -> ReviewedPart:
    return ReviewedPart(classes, (1,), {int(z[1:]): count for z, count in slices.items()})


def test_classes_are_chosen_by_what_can_be_used() -> None:
    many_of_one = [part((1,), z0=100, z1=100, z2=100, z3=100), part((1, 2, 5), z4=100)]
    assert choose_classes(many_of_one) == (1,)
    assert choose_classes([part((1,), z0=10), part((1, 2), z1=100, z2=100)]) == (1, 2)
    assert choose_classes([part((1, 2), z0=100), part((2, 5), z1=100)]) == (2,)
    assert choose_classes([]) == ()


def test_a_plan_counts_whole_slices_and_parts() -> None:
    parts = [part((1, 2), z0=60, z1=100), part((1,), z0=40, z2=30), part((2,), z3=100)]
    plan = plan_training(parts, (1,), 100)
    assert (plan.classes, plan.whole, plan.parts, plan.slices) == ((1,), 2, 1, 3)
    assert plan_training(parts, (1, 5), 100).slices == 0
