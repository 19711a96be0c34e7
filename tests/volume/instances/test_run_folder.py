"""The folder of a run is removed only if it is one, and an output moves in one step."""

from __future__ import annotations

import pytest
import zarr

from napari_scsam.config import UserError
from napari_scsam.volume.instances.run_folder import MOVED, InstanceFolder


def test_settings_are_read_again(tmp_path):
    run = InstanceFolder(tmp_path / "out.zarr")
    assert run.settings is None
    run.begin({"smallest": 3})
    assert run.settings == {"smallest": 3}
    run.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_somebody_else_stays(tmp_path):
    run = InstanceFolder(tmp_path / "out.zarr")
    run.path.mkdir()
    (run.path / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="not of a run"):
        run.begin({})
    assert (run.path / "mine.txt").exists()


@pytest.mark.parametrize("replaced", [False, True])
def test_a_run_that_is_killed_while_its_output_moves_is_finished_later(tmp_path, replaced):
    run = InstanceFolder(tmp_path / "out.zarr")
    if replaced:
        zarr.open_group(run.out, mode="w")
    run.begin({})
    zarr.open_group(run.draft, mode="w").attrs["new"] = True
    tidy = run.tidy
    run.tidy = lambda: None  # killed before the rest is removed
    run.finish()
    assert (run.out / MOVED).exists()
    tidy()
    assert [path.name for path in tmp_path.iterdir()] == ["out.zarr"]
    assert dict(zarr.open_group(run.out, mode="r").attrs) == {"new": True}
    assert not (run.out / MOVED).exists()
