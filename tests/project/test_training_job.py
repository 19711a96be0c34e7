"""The folder of a training in its project."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.volumes import open_labels, open_volume
from napari_scsam.json_files import replace_json
from napari_scsam.project import training_job
from napari_scsam.project.image import ImageReference, copy_image
from napari_scsam.project.project import CLASSES, Project, create_project
from napari_scsam.project.reviewed_classes import number_of_classes
from napari_scsam.project.training_job import (
    BEST,
    BEST_REPORT,
    JOB_LOG,
    REPORT,
    TUNED,
    Outcome,
    best_outcome,
    checkpoint_of,
    drop_job,
    find_job,
    holding,
    prepare_job,
    read_job,
    read_outcome,
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
    (folder / JOB_LOG).touch()
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
    replace_json(tmp_path / REPORT, {**REPORT_OF, "offered": True})
    assert read_outcome(tmp_path) == Outcome((("membrane", 0.5, 0.75),), "It rose.", offered=True)
    replace_json(tmp_path / REPORT, {**REPORT_OF, "offered": True, "note": "A part stays."})
    assert read_outcome(tmp_path).sentence == "It rose. A part stays."
    (tmp_path / TUNED).unlink()
    outcome = read_outcome(tmp_path)
    assert outcome is not None
    assert not outcome.offered, "there is nothing to offer"


def test_a_cancelled_training_offers_the_best_so_far(tmp_path: Path) -> None:
    nothing = best_outcome(tmp_path)
    assert not nothing.offered
    assert "the checkpoint in use is kept" in nothing.sentence
    (tmp_path / BEST).touch()
    replace_json(tmp_path / BEST_REPORT, {**REPORT_OF, "offered": True})
    found = best_outcome(tmp_path)
    assert found.offered
    assert found.rows == (("membrane", 0.5, 0.75),)
    assert checkpoint_of(tmp_path) == tmp_path / BEST


def test_a_job_that_another_process_works_on_is_left_alone(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = drive(prepare_job(project, (1,), tmp_path / "c.safetensors", 1.0))
    monkeypatch.setattr(training_job, "JOB_PATIENCE", 0.05)
    with holding(folder, 0.0), pytest.raises(UserError, match="is still running"):
        drive(prepare_job(project, (1,), tmp_path / "c.safetensors", 2.0))
    assert read_job(folder).minutes == 1.0
    assert read_job(drive(prepare_job(project, (1,), tmp_path / "c.safetensors", 2.0))).minutes == 2
