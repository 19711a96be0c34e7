"""The ledger of finished slices: what it says is true even after a crash in the middle of a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.volume.writing.ledger import FinishedSlice, Ledger, pixels_hash

RUN: dict[str, Any] = {"classes": ["er"], "shape": (30, 10, 10), "image": "abc"}


def begun(path: Path, run: dict[str, Any] = RUN) -> Ledger:
    """Return a ledger that continues the one at `path`, if any."""
    ledger = Ledger(path, run)
    if path.exists():
        ledger.read()
    ledger.begin()
    return ledger


def read(path: Path, run: dict[str, Any] = RUN) -> dict[int, FinishedSlice]:
    """Return the slices that count."""
    ledger = Ledger(path, run)
    ledger.read()
    return ledger.done


def add(ledger: Ledger, *slices: int) -> None:
    for z in slices:
        ledger.add(FinishedSlice(z, "00ff", ("0/0", "0/1")))


def test_finished_slices_are_remembered(tmp_path: Path) -> None:
    ledger = begun(tmp_path / "ledger")
    slices = [FinishedSlice(0, "aa", ()), FinishedSlice(5, "bb", ("0/0", "1/0"))]
    for slice_ in slices:
        ledger.add(slice_)
    assert list(read(tmp_path / "ledger").values()) == slices
    assert [p.name for p in tmp_path.iterdir()] == ["ledger"]


def test_a_line_that_was_cut_off_does_not_count_nor_spoil_the_next(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    add(begun(path), 0, 1)
    whole = path.read_bytes()
    line = FinishedSlice(71, "00ff", ("0/0",)).line().encode()
    for length in range(len(line)):
        path.write_bytes(whole + line[:length])
        again = begun(path)
        assert set(again.done) == {0, 1}
        add(again, 2)
        assert set(read(path)) == {0, 1, 2}
    path.write_bytes(whole + line)
    assert set(read(path)) == {0, 1, 71}


def test_a_run_of_version_0_1_is_resumed(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    old = {"classes": [{"id": 2, "name": "er", "over": ["cell"]}], "shape": [30, 10, 10]}
    path.write_text(f"{json.dumps(old, sort_keys=True)}\n0\n3\n")
    run = {
        "image": "abc",
        "classes": [{"id": 2, "name": "er", "overrides": ["cell"]}],
        "shape": (30, 10, 10),
    }
    assert read(path, run) == {0: FinishedSlice(0), 3: FinishedSlice(3)}
    begun(path, run)
    assert read(path, run) == {0: FinishedSlice(0), 3: FinishedSlice(3)}
    run["classes"][0]["overrides"] = ["wall"]
    with pytest.raises(UserError, match="other classes"):
        read(path, run)


@pytest.mark.parametrize(
    "rubbish", ["\0\0\0\n", "-3\n", "\n", "1.5\n", "²\n", "7 aa\n", "7 aa 0 1\n", "\xff\n"]
)
def test_rubbish_after_a_power_cut_does_not_count(tmp_path: Path, rubbish: str) -> None:
    path = tmp_path / "ledger"
    add(begun(path), 4)
    path.write_bytes(path.read_bytes() + rubbish.encode("latin-1"))
    assert set(read(path)) == {4}


@pytest.mark.parametrize("content", ["", "{", "not a ledger\n0\n1\n", "[]\n0\n"])
def test_a_file_without_a_first_line_counts_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "ledger").write_text(content)
    assert read(tmp_path / "ledger") == {}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"image": "def"}, "another image"),
        ({"image": "def", "contrast": 3}, "another image"),
        ({"classes": ["membrane"]}, "other classes"),
        ({"weights": "x"}, "another checkpoint"),
        ({"views": [1]}, "another choice of --careful or --coarse"),
        ({"threshold": 2}, "another threshold"),
    ],
)
def test_another_run_is_refused_and_its_lines_stay(
    tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    path = tmp_path / "ledger"
    add(begun(path), 0)
    before = path.read_bytes()
    with pytest.raises(UserError, match=f"was begun with {says}; repeat its command"):
        read(path, RUN | change)
    assert path.read_bytes() == before


def test_slices_that_are_not_whole_are_forgotten(tmp_path: Path) -> None:
    ledger = begun(tmp_path / "ledger")
    add(ledger, 0, 1, 2)
    ledger.forget([1])
    ledger.begin()
    assert set(read(tmp_path / "ledger")) == {0, 2}


def test_it_goes_when_all_is_done(tmp_path: Path) -> None:
    ledger = begun(tmp_path / "ledger")
    ledger.remove()
    ledger.remove()
    assert not list(tmp_path.iterdir())


def test_every_pixel_counts_in_the_hash() -> None:
    plane = np.arange(12, dtype=np.uint16).reshape(3, 4)
    other = plane.copy()
    other[2, 3] += 1
    assert pixels_hash(plane) == pixels_hash(plane.copy())
    assert pixels_hash(plane) != pixels_hash(other)
    assert pixels_hash(plane.T) == pixels_hash(plane.T.copy())
