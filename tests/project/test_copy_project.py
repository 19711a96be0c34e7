"""A copy of a project: the same labels, a record that finds the image, and nothing half done."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.stored_chunks import StoredChunks
from napari_scsam.io.volumes import open_labels, open_volume
from napari_scsam.project.copy_project import copy_project
from napari_scsam.project.image import ImageReference, copy_image
from napari_scsam.project.project import CLASSES, Project, create_project
from napari_scsam.project.record import read_record
from napari_scsam.project.start import ImageSource, start_project
from napari_scsam.steps import drive

IMAGE = np.random.default_rng(0).integers(0, 200, (3, 17, 23)).astype(np.uint8)
TABLE = (ClassSpec(1, "mitochondrion"), ClassSpec(7, "PSD"))


def project_of(image: Path, path: Path) -> Project:
    return create_project(path, ImageReference.of(open_volume(image), path), TABLE)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    (tmp_path / "lab").mkdir()
    list(copy_image(tmp_path / "lab" / "cell.zarr", IMAGE, (40.0, 8.0, 8.0), (0.0, 0.0, 0.0)))
    made = project_of(tmp_path / "lab" / "cell.zarr", tmp_path / "lab" / "mine.scsam.zarr")
    yield made
    made.close()


def test_what_is_not_on_disk_yet_is_copied_too(project: Project, tmp_path: Path) -> None:
    project.array(CLASSES)[1, 2:5, 3:9] = 7
    project.reviewed[1] = 1
    place = drive(copy_project(project, tmp_path / "copy.scsam.zarr"))
    assert place == tmp_path / "copy.scsam.zarr"
    copy = Project(place)  # and it has no lock of the original
    expected = np.zeros(IMAGE.shape)
    expected[1, 2:5, 3:9] = 7
    np.testing.assert_array_equal(copy.array(CLASSES)[...], expected)
    assert (copy.reviewed[1] == 1).all()
    assert copy.class_table() == TABLE
    copy.close()


def test_the_original_and_the_copy_are_apart(project: Project, tmp_path: Path) -> None:
    copy = Project(drive(copy_project(project, tmp_path / "copy.scsam.zarr")))
    copy.array(CLASSES)[0] = 1
    copy.flush()
    project.array(CLASSES)[2] = 7
    project.flush()
    assert project.array(CLASSES)[0].max() == 0
    assert copy.array(CLASSES)[2].max() == 0
    copy.close()


def test_the_record_leads_from_the_new_place_to_the_image(project: Project, tmp_path: Path) -> None:
    (tmp_path / "far" / "away").mkdir(parents=True)
    place = drive(copy_project(project, tmp_path / "far" / "away" / "copy.scsam.zarr"))
    image = read_record(place).image
    assert image.relative == "../../../lab/cell.zarr"
    assert image.fingerprint == project.record.image.fingerprint
    np.testing.assert_array_equal(image.find(place).data[...], IMAGE)
    assert read_record(project.path).image.relative == "../cell.zarr"


def test_an_image_inside_the_project_is_copied_with_it(tmp_path: Path) -> None:
    path = tmp_path / "own.scsam.zarr"
    project = drive(start_project(path, ImageSource(IMAGE, None, None), TABLE))
    place = drive(copy_project(project, tmp_path / "copy.scsam.zarr"))
    project.close()
    shutil.rmtree(path)
    found = read_record(place).image.find(place)
    assert found.path == place / "image"


def test_a_project_whose_image_is_gone_is_copied_as_it_is(project: Project, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "lab" / "cell.zarr")
    place = drive(copy_project(project, tmp_path / "copy.scsam.zarr"))
    assert read_record(place) == project.record


def test_locks_and_half_written_files_stay_behind(project: Project, tmp_path: Path) -> None:
    (project.path / "labels" / "x.partial").write_text("half", encoding="utf-8")
    (project.path / "notes.txt").write_text("mine", encoding="utf-8")
    place = drive(copy_project(project, tmp_path / "copy.scsam.zarr"))
    assert not list(place.rglob("*.partial"))
    assert not list(place.rglob(".lock"))
    assert (place / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_progress_says_where_the_copy_goes(project: Project, tmp_path: Path) -> None:
    steps = list(copy_project(project, tmp_path / "copy.scsam.zarr"))
    assert [(step.done, step.total, step.what) for step in steps] == [
        (0, 2, "writing what is not on disk yet"),
        (1, 2, "copying to copy.scsam.zarr"),
    ]


def test_a_copy_that_is_closed_early_is_not_there(project: Project, tmp_path: Path) -> None:
    steps = copy_project(project, tmp_path / "copy.scsam.zarr")
    next(steps)
    next(steps)
    steps.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lab"]


@pytest.mark.parametrize(
    ("error", "why"),
    [(OSError(28, "No space left on device"), "No space left on device"), (shutil.Error([]), "")],
)
def test_a_full_disk_is_told_and_leaves_nothing(
    project: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: OSError,
    why: str,
) -> None:
    def full(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(shutil, "copytree", full)
    why = why or "not all of it could be copied"
    with pytest.raises(UserError) as told:
        drive(copy_project(project, tmp_path / "copy.scsam.zarr"))
    assert str(told.value) == (
        f"'copy.scsam.zarr' cannot be written ({why}); choose another place, or make room there"
    )
    assert not (tmp_path / "copy.scsam.zarr").exists()


def test_what_a_full_disk_does_not_take_is_written_where_the_project_moves(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    project.array(CLASSES)[0] = 1
    project.flush()
    with monkeypatch.context() as disk:
        disk.setattr(StoredChunks, "write", full)
        project.array(CLASSES)[1] = 2
        with pytest.raises(UserError, match="No space left on device"):
            drive(copy_project(project, tmp_path / "backup.scsam.zarr"))
        place = drive(copy_project(project, tmp_path / "copy.scsam.zarr", moving=True))
        assert project.unsaved
    project.move_to(place)
    project.flush()
    assert not project.unsaved
    assert not (tmp_path / "backup.scsam.zarr").exists()
    labels = open_labels(place / "labels" / CLASSES).data[...]
    assert [np.unique(plane).tolist() for plane in labels[:2]] == [[1], [2]]


def test_a_project_on_a_disk_that_became_read_only_opens_with_its_drafts(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system", str(self))

    project.close()
    draft = project.path / "labels" / "x.partial"
    draft.write_text("half", encoding="utf-8")
    with monkeypatch.context() as disk:
        disk.setattr(Path, "unlink", refuse)
        Project(project.path).close()
    assert draft.exists()
