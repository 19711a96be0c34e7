from __future__ import annotations

from pathlib import Path

import pytest

from napari_scsam.volume import sync as module
from napari_scsam.volume.sync import sync_files


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return the list of what is waited for."""
    found: list[Path] = []
    monkeypatch.setattr(module, "sync", found.append)
    return found


def test_files_come_before_their_folders_and_inner_ones_before_outer_ones(
    tmp_path: Path, synced: list[Path]
) -> None:
    level = tmp_path / "labels" / "0"
    (level / "c" / "1").mkdir(parents=True)
    (level / "c" / "1" / "2").write_bytes(b"x")
    sync_files(level, ("c/1/2",), tmp_path)
    assert synced[0] == level / "c" / "1" / "2"
    folders = synced[1:]
    assert folders == sorted(folders, reverse=True)
    assert {level, level / "c", level / "c" / "1", tmp_path / "labels", tmp_path} == set(folders)


def test_what_was_never_written_is_not_waited_for(tmp_path: Path, synced: list[Path]) -> None:
    (tmp_path / "c").mkdir()
    sync_files(tmp_path, ("c/0", "d/1"), tmp_path)
    assert set(synced) == {tmp_path / "c", tmp_path}


def test_nothing_above_is_waited_for(tmp_path: Path, synced: list[Path]) -> None:
    top = tmp_path / "out.zarr"
    (top / "0").mkdir(parents=True)
    (top / "0" / "a").write_bytes(b"")
    sync_files(top / "0", ("a",), top)
    assert set(synced) == {top / "0" / "a", top / "0", top}
