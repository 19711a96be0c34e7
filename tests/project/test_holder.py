from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from napari_scsam.config import UserError
from napari_scsam.io.saved.anchored_store import MissingStoreError
from napari_scsam.project import holder as module
from napari_scsam.project.holder import MARK_FILE, Holder


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "cell.scsam"
    (folder / "labels").mkdir(parents=True)
    return folder


def test_a_project_is_held_once(path: Path) -> None:
    holder = Holder(path)
    with pytest.raises(UserError, match=r"'cell.scsam' is open in another window"):
        Holder(path)
    holder.release()
    Holder(path).release()


def test_the_folder_that_was_opened_is_known_wherever_it_is(path: Path) -> None:
    holder = Holder(path)
    holder.check()
    moved = path.with_name("moved.scsam")
    path.rename(moved)
    assert holder.is_at(moved)
    assert not holder.is_at(path)
    with pytest.raises(MissingStoreError, match="is gone; put it back"):
        holder.check()
    holder.path = moved
    holder.check()
    holder.release()


def test_another_folder_at_the_same_place_is_noticed(path: Path) -> None:
    holder = Holder(path)
    holder.release()
    shutil.rmtree(path)
    (path / "labels").mkdir(parents=True)
    with pytest.raises(MissingStoreError, match="is not the one that was opened"):
        holder.check()
    other = Holder(path)
    with pytest.raises(MissingStoreError, match="is not the one that was opened"):
        holder.check()
    other.check()
    other.release()


@pytest.mark.parametrize("mark", [b"", b"\xff\xfe", b"0123"])
def test_a_damaged_mark_is_not_that_of_the_folder(path: Path, mark: bytes) -> None:
    holder = Holder(path)
    (path / MARK_FILE).write_bytes(mark)
    assert not holder.is_at(path)
    holder.release()


def test_each_opening_has_a_mark_of_its_own(path: Path) -> None:
    marks = set()
    for _ in range(5):
        holder = Holder(path)
        marks.add((path / MARK_FILE).read_text())
        holder.release()
    assert len(marks) == 5


def test_a_disk_that_cannot_be_written_is_known_by_the_folder_itself(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> object:
        raise OSError("read-only file system")

    monkeypatch.setattr(module, "replacing", refuse)
    holder = Holder(path)
    holder.check()
    moved = path.with_name("moved.scsam")
    path.rename(moved)
    assert holder.is_at(moved)
    path.mkdir()
    assert not holder.is_at(path)
    holder.release()
