"""Commands that write are stopped at some of their operations on files; `every_step` has them all."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from every_step import COMMANDS, campaign
from file_steps import ENDED, FAILED, play

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="forks the processes that are stopped"),
    pytest.mark.filterwarnings("ignore:Object at:zarr.errors.ZarrUserWarning"),
    # A child process does nothing but the work, and ends.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


@pytest.mark.parametrize("name", COMMANDS)
def test_old_or_new_opens_wherever_it_was_stopped(name: str, tmp_path: Path) -> None:
    result = campaign(name, tmp_path, "kill", most=3)
    assert result.steps > 3
    assert result.stopped
    assert result.lost == []


@pytest.mark.parametrize("name", ["save over .zarr", "copy a project", "work on a project"])
def test_old_or_new_opens_when_the_disk_was_full_from_some_moment_on(
    name: str, tmp_path: Path
) -> None:
    result = campaign(name, tmp_path, "stay full", most=2)
    assert result.lost == []


def test_a_process_is_stopped_where_it_was_asked(tmp_path: Path) -> None:
    def work() -> None:
        for name in "abc":
            (tmp_path / name).write_text(name)

    assert play(work, tmp_path) == (0, 3)
    for file in tmp_path.iterdir():
        file.unlink()
    assert play(work, tmp_path, 2) == (ENDED, 2)
    assert [f.name for f in tmp_path.iterdir()] == ["a"]
    assert play(work, tmp_path, 3, "fail") == (FAILED, 3)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["a", "b"]
