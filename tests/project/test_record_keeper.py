from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import damaged_project
import pytest

from napari_scsam.config import UserError
from napari_scsam.project import record_keeper as module
from napari_scsam.project.record import ProjectRecord, read_record
from napari_scsam.project.record_keeper import RecordKeeper


class Disk:
    """Refuses to be written while it is full, and counts the writes."""

    def __init__(self) -> None:
        self.full = False
        self.written: list[ProjectRecord] = []
        self.gone = False

    def write(self, _path: Path, record: ProjectRecord) -> None:
        if self.full:
            raise OSError("no space left")
        self.written.append(record)

    def check(self) -> None:
        if self.gone:
            raise UserError("the folder is gone; put it back")


class Timer:
    """Stands for a timer that never ends by itself."""

    begun: list[Timer]

    def __init__(self, _seconds: float, function: Callable[[], None]) -> None:
        self.function = function
        self.daemon = False

    def start(self) -> None:
        Timer.begun.append(self)

    def is_alive(self) -> bool:
        return True


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> ProjectRecord:
    path, _ = damaged_project.make(tmp_path_factory.mktemp("whole"))
    return read_record(path)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    Timer.begun = []
    monkeypatch.setattr(module, "write_record", disk.write)
    monkeypatch.setattr(module.threading, "Timer", Timer)
    return disk


@pytest.fixture
def keeper(record: ProjectRecord, disk: Disk, tmp_path: Path) -> RecordKeeper:
    return RecordKeeper(tmp_path, record, disk.check)


def test_a_change_is_written_at_once_and_none_twice(keeper: RecordKeeper, disk: Disk) -> None:
    assert not keeper.unsaved
    keeper.update({"voxel_size": (1.0, 2.0, 3.0)})
    assert [written.voxel_size for written in disk.written] == [(1.0, 2.0, 3.0)]
    assert not keeper.unsaved
    keeper.update({"voxel_size": (1.0, 2.0, 3.0)})
    keeper.flush()
    assert len(disk.written) == 1


def test_what_could_not_be_written_is_kept_and_tried_again(
    keeper: RecordKeeper, disk: Disk
) -> None:
    disk.full = True
    keeper.update({"voxel_size": (1.0, 2.0, 3.0)})
    assert keeper.unsaved
    assert keeper.record.voxel_size == (1.0, 2.0, 3.0)
    assert "no space left" in str(keeper.trouble)
    keeper.update({"voxel_size": (4.0, 4.0, 4.0)})
    assert len(Timer.begun) == 1, "one attempt waits, however many changes there are"
    assert Timer.begun[0].daemon
    disk.full = False
    Timer.begun[0].function()
    assert [written.voxel_size for written in disk.written] == [(4.0, 4.0, 4.0)]
    assert keeper.trouble is None
    assert not keeper.unsaved


def test_closing_tells_what_could_not_be_written(keeper: RecordKeeper, disk: Disk) -> None:
    disk.full = True
    keeper.update({"voxel_size": (1.0, 2.0, 3.0)})
    with pytest.raises(OSError, match="no space left"):
        keeper.flush()
    disk.full = False
    keeper.flush()
    assert not keeper.unsaved


def test_nothing_is_written_to_a_folder_that_is_not_the_one(
    keeper: RecordKeeper, disk: Disk
) -> None:
    disk.gone = True
    keeper.update({"voxel_size": (1.0, 2.0, 3.0)})
    assert disk.written == []
    assert "put it back" in str(keeper.trouble)


def test_another_folder_gets_the_record_as_it_is_now(
    keeper: RecordKeeper, disk: Disk, tmp_path: Path
) -> None:
    keeper.move_to(tmp_path / "copy", voxel_size=(5.0, 5.0, 5.0))
    assert [written.voxel_size for written in disk.written] == [(5.0, 5.0, 5.0)]
    keeper.move_to(tmp_path / "again")
    assert len(disk.written) == 2, "a new folder is written even without a change"


def test_a_change_that_cannot_be_stored_is_no_part_of_the_record(
    keeper: RecordKeeper, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: Path, _record: ProjectRecord) -> None:
        raise TypeError("not JSON")

    before = keeper.record
    monkeypatch.setattr(module, "write_record", refuse)
    with pytest.raises(TypeError, match="not JSON"):
        keeper.update({"voxel_size": (1.0, 2.0, 3.0)})
    assert keeper.record is before
    assert not keeper.unsaved
