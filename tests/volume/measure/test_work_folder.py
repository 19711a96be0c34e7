"""Folders of killed measurements go, and those in use stay."""

from __future__ import annotations

from pathlib import Path

from napari_scsam.volume.measure.work_folder import work_folder


def test_what_a_killed_process_left_is_removed_and_what_is_used_stays(tmp_path: Path) -> None:
    left = tmp_path / ".table.csv.abc.work"
    left.mkdir()
    (left / ".lock").touch()
    (left / "objects.zarr").mkdir()
    (tmp_path / ".other.csv.abc.work").mkdir()
    with work_folder(".table.csv.", tmp_path) as first:
        assert not left.exists()
        with work_folder(".table.csv.", tmp_path) as second:
            assert first.is_dir()
            assert second != first
        assert not second.exists()
    assert [path.name for path in tmp_path.iterdir()] == [".other.csv.abc.work"]
