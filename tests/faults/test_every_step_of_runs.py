"""Commands on whole volumes are stopped at operations on files, and continued; a short campaign."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import every_step_of_commands
from every_step_of_runs import COMMANDS, campaign

from napari_scsam.train import resume
from napari_scsam.train.finetune import finetuning

MOST = {"segment": 4, "segment --overwrite": 3, "segment into .tif": 2, "embed": 2, "train": 2}
"""Operations to stop at here; ``make faults`` stops at all of them."""


@pytest.fixture(autouse=True)
def _settings_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore what the scripts set in this process."""
    monkeypatch.setattr(resume, "SAVE_SECONDS", resume.SAVE_SECONDS)
    monkeypatch.setattr(finetuning, "FinetuneSettings", finetuning.FinetuneSettings)


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_nothing_is_lost_wherever_a_command_stops(name: str, tmp_path: Path) -> None:
    result = campaign(name, tmp_path, most=MOST[name])
    assert result.steps >= 5
    assert result.stopped >= MOST[name]
    assert not result.lost


@pytest.mark.slow
def test_a_full_disk_is_no_reason_to_lose_anything(tmp_path: Path) -> None:
    result = campaign("segment", tmp_path, "stay full", most=3)
    assert result.stopped >= 3
    assert not result.lost


@pytest.mark.slow
@pytest.mark.parametrize("name", ["instances", "measure"])
def test_nothing_is_lost_wherever_another_command_stops(name: str, tmp_path: Path) -> None:
    commands = every_step_of_commands.COMMANDS
    result = campaign(name, tmp_path, "stay full", most=2, commands=commands)
    assert result.stopped == 2
    assert not result.lost


@pytest.mark.slow
@pytest.mark.parametrize("name", ["meshes", "checkpoints import", "import"])
def test_nothing_is_lost_wherever_a_command_that_writes_once_is_killed(
    name: str, tmp_path: Path
) -> None:
    commands = every_step_of_commands.COMMANDS
    result = campaign(name, tmp_path, most=2, commands=commands)
    assert result.stopped == 2
    assert not result.lost
