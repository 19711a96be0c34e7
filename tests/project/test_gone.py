"""A project whose folder goes away while it is open: nothing is written elsewhere, nothing lost."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.saved.anchored_store import MissingStoreError
from napari_scsam.io.volumes import open_labels
from napari_scsam.project import project as project_module
from napari_scsam.project import record_keeper
from napari_scsam.project.copy_project import copy_project
from napari_scsam.project.image import copy_image
from napari_scsam.project.project import CLASSES, Project
from napari_scsam.project.reviewed_classes import number_of_classes
from napari_scsam.project.start import ImageSource, start_project
from napari_scsam.project.strokes import StrokeKey
from napari_scsam.steps import drive

TABLE = (ClassSpec(1, "mitochondrion"), ClassSpec(2, "ER"))
IMAGE = np.random.default_rng(0).integers(0, 200, (4, 20, 20)).astype(np.uint8)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    from napari_scsam.io.saved import saved_chunks

    monkeypatch.setattr(saved_chunks, "RETRY", 0.05)
    monkeypatch.setattr(record_keeper, "RETRY", 0.05)
    list(copy_image(tmp_path / "cell.zarr", IMAGE, None, (0.0, 0.0, 0.0)))
    source = ImageSource(IMAGE, str(tmp_path / "cell.zarr"), None)
    made = drive(start_project(tmp_path / "mine.scsam.zarr", source, TABLE))
    made.array(CLASSES)[3] = 1
    made.flush()
    yield made
    made.close()


def wait_until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)


def paint(project: Project) -> None:
    project.array(CLASSES)[1] = 2


def review(project: Project) -> None:
    project.reviewed[1] = number_of_classes(project, (1,))


def remember_answer(project: Project) -> None:
    project.predicted[1] = 2


def change_record(project: Project) -> None:
    project.update(voxel_size=(30.0, 4.0, 4.0))


def note(project: Project) -> None:
    project.log("painted", slice=1)


ACTS = {act.__name__: act for act in (paint, review, remember_answer, change_record, note)}
LEAVINGS = ("renamed", "removed", "replaced by another project", "replaced by a folder")


def leave(project: Project, how: str) -> None:
    """Take the folder of a project away."""
    away = project.path.with_name("away")
    project.path.rename(away)
    if how == "replaced by another project":
        shutil.copytree(away, project.path, ignore=shutil.ignore_patterns(".open", ".lock"))
        Project(project.path).close()
    elif how == "replaced by a folder":
        project.path.mkdir()
        (project.path / "notes.txt").write_text("mine", encoding="utf-8")


def come_back(project: Project) -> None:
    if project.path.exists():
        shutil.rmtree(project.path)
    project.path.with_name("away").rename(project.path)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(f): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


@pytest.mark.parametrize("how", LEAVINGS)
@pytest.mark.parametrize("act", ACTS)
def test_what_is_done_while_the_folder_is_away_is_written_when_it_is_back(
    project: Project, act: str, how: str
) -> None:
    leave(project, how)
    before = contents(project.path.parent)
    ACTS[act](project)
    wait_until(lambda: project.trouble is not None)
    time.sleep(0.2)
    assert project.unsaved
    assert isinstance(project.trouble, MissingStoreError)
    assert contents(project.path.parent) == before, "nothing is written anywhere"
    come_back(project)
    wait_until(lambda: not project.unsaved)
    assert project.trouble is None
    record = project.record
    project.close()
    again = Project(project.path)
    assert again.record == record
    assert (again.array(CLASSES)[3] == 1).all(), "what was there stays"
    if act == "paint":
        assert (again.array(CLASSES)[1] == 2).all()
    if act == "review":
        assert again.record.reviewed_classes[str(int(again.reviewed[1, 0, 0]))] == (1,)
    if act == "remember_answer":
        assert (again.predicted[1] == 2).all()
    again.close()


def test_a_chunk_that_was_not_in_memory_keeps_its_other_voxels(project: Project) -> None:
    path = project.path
    project.close()
    again = Project(path)
    array = again.array(CLASSES)  # nothing is in memory
    leave(again, "renamed")
    array[3, :5, :5] = 2
    with pytest.raises(MissingStoreError):
        array[3]  # most of it is not known
    come_back(again)
    wait_until(lambda: not again.unsaved)
    again.close()
    expected = np.ones((20, 20), np.uint8)
    expected[:5, :5] = 2
    np.testing.assert_array_equal(open_labels(path).data[3], expected)


@pytest.mark.parametrize(
    "read",
    [
        lambda p: p.array(CLASSES)[0],
        lambda p: p.array(CLASSES).touched(),
        lambda p: p.class_table("others"),
        lambda p: p.label_names,
        lambda p: p.add_labels("cells", "uint8", ()),
        lambda p: p.strokes(StrokeKey.of("granule", 0)),
        lambda p: p.show_classes(CLASSES, TABLE[:1]),
        lambda p: drive(copy_project(p, p.path.with_name("copy.scsam.zarr"))),
    ],
)
def test_reading_and_making_say_that_the_folder_is_gone(
    project: Project, read: Callable[[Project], object]
) -> None:
    project.array(CLASSES)._memory._blocks.clear()
    leave(project, "renamed")
    with pytest.raises(UserError, match="is gone"):
        read(project)
    assert not project.path.exists()
    come_back(project)


def test_a_renamed_project_is_continued_where_it_is_now(project: Project) -> None:
    new = project.path.with_name("renamed.scsam.zarr")
    project.path.rename(new)
    paint(project)
    project.log("painted")
    assert project.folder.is_at(new)
    project.follow(new)
    wait_until(lambda: not project.unsaved)
    project.close()
    assert (open_labels(new).data[1] == 2).all()
    assert (
        json.loads((new / "zarr.json").read_text())["attributes"]["scsam"]["project"]["history"][
            -1
        ]["what"]
        == "painted"
    )


def test_a_write_of_the_record_that_failed_is_tried_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(record_keeper, "write_record", full)
        change_record(project)
        assert project.unsaved
        assert "No space left" in str(project.trouble)
        with pytest.raises(OSError, match="No space left"):
            project.flush()
    wait_until(lambda: not project.unsaved)
    assert "30.0" in (project.path / "zarr.json").read_text()


def test_a_value_that_json_cannot_hold_is_an_error_and_no_part_of_the_record(
    project: Project,
) -> None:
    with pytest.raises(TypeError):
        project.update(view={"camera": object()})
    assert not project.unsaved
    change_record(project)
    assert project.trouble is None


def test_closing_while_it_is_away_keeps_it_open_for_a_retry(project: Project) -> None:
    leave(project, "renamed")
    paint(project)
    with pytest.raises(UserError, match="is gone"):
        project.close()
    come_back(project)
    wait_until(lambda: not project.unsaved)
    Project(project.path).close()
    assert project not in project_module._unwritten
