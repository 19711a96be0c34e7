"""The ledger of finished slices: what it says is true even after a crash in the middle of a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from napari_scsam.volume.ledger import Ledger

RUN: dict[str, Any] = {"classes": ["er"], "shape": (30, 10, 10)}


def started(path: Path, run: dict[str, Any] = RUN, resume: bool = True) -> Ledger:
    ledger = Ledger(path, run, resume)
    ledger.begin()
    return ledger


def test_finished_slices_are_remembered(tmp_path: Path) -> None:
    ledger = started(tmp_path / "ledger")
    for z in (0, 1, 5):
        ledger.add(z)
    assert Ledger(tmp_path / "ledger", RUN, resume=True).done == {0, 1, 5}
    assert [p.name for p in tmp_path.iterdir()] == ["ledger"]


def test_a_line_that_was_cut_off_does_not_count_nor_spoil_the_next(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    ledger = started(path)
    for z in (0, 1):
        ledger.add(z)
    path.write_text(path.read_text() + "7")  # slice 71, or 7: the crash came after its first digit
    again = started(path)
    assert again.done == {0, 1}
    again.add(2)
    assert Ledger(path, RUN, resume=True).done == {0, 1, 2}


def test_a_run_of_version_0_1_is_resumed(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    old = {"classes": [{"id": 2, "name": "er", "over": ["cell"]}], "shape": [30, 10, 10]}
    path.write_text(f"{json.dumps(old, sort_keys=True)}\n0\n3\n")
    run = {"classes": [{"id": 2, "name": "er", "overrides": ["cell"]}], "shape": (30, 10, 10)}
    assert Ledger(path, run, resume=True).done == {0, 3}
    run["classes"][0]["overrides"] = ["wall"]
    assert Ledger(path, run, resume=True).done == set()


@pytest.mark.parametrize("rubbish", ["\0\0\0\n", "-3\n", "\n", "1.5\n", "²\n"])
def test_rubbish_after_a_power_cut_does_not_count(tmp_path: Path, rubbish: str) -> None:
    path = tmp_path / "ledger"
    started(path).add(4)
    path.write_text(path.read_text() + rubbish, encoding="utf-8")
    assert Ledger(path, RUN, resume=True).done == {4}


@pytest.mark.parametrize("content", ["", "{", "not a ledger\n0\n1\n"])
def test_a_file_without_the_right_first_line_counts_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "ledger").write_text(content)
    assert Ledger(tmp_path / "ledger", RUN, resume=True).done == set()


def test_another_run_starts_from_the_beginning(tmp_path: Path) -> None:
    started(tmp_path / "ledger").add(0)
    other = started(tmp_path / "ledger", RUN | {"classes": ["membrane"]})
    assert other.done == set()
    assert Ledger(tmp_path / "ledger", RUN, resume=True).done == set()


def test_without_resume_the_old_lines_are_gone_before_anything_is_written(tmp_path: Path) -> None:
    started(tmp_path / "ledger").add(0)
    Ledger(tmp_path / "ledger", RUN, resume=False)
    assert not (tmp_path / "ledger").exists()


def test_it_goes_when_all_is_done(tmp_path: Path) -> None:
    ledger = started(tmp_path / "ledger")
    ledger.remove()
    ledger.remove()
    assert not list(tmp_path.iterdir())
