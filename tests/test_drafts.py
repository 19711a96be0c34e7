"""Drafts: their names and marks, and who may remove what a killed process left."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from napari_scsam.drafts import (
    DRAFT_MARK,
    STALE_SECONDS,
    Leftover,
    draft_path,
    is_empty,
    is_marked,
    leftovers_of,
    mark_draft,
    remove_marked,
    remove_stale_drafts,
    try_to_remove_marked,
    unmark_draft,
)


@pytest.fixture(scope="module")
def ended() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_draft_lies_beside_its_target_under_the_number_of_its_process(tmp_path: Path) -> None:
    draft = draft_path(tmp_path / "labels.zarr")
    assert draft == tmp_path / f".labels.zarr.{os.getpid()}.part"


def test_a_mark_holds_the_name_of_this_machine_until_it_is_taken_away(tmp_path: Path) -> None:
    assert is_empty(tmp_path)
    assert not is_marked(tmp_path)
    mark_draft(tmp_path)
    assert is_marked(tmp_path)
    assert (tmp_path / DRAFT_MARK).read_text() == socket.gethostname()
    assert not is_empty(tmp_path)
    unmark_draft(tmp_path)
    unmark_draft(tmp_path)
    assert is_empty(tmp_path)


def test_a_marked_folder_is_removed_with_all_in_it_but_never_what_a_link_leads_to(
    tmp_path: Path,
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "data").write_text("data")
    draft = tmp_path / "draft"
    (draft / "in").mkdir(parents=True)
    (draft / "in" / "data").write_text("data")
    (draft / "link").symlink_to(kept, target_is_directory=True)
    remove_marked(draft)
    assert (draft / "in" / "data").is_file()
    mark_draft(draft)
    remove_marked(draft)
    assert not draft.exists()
    assert (kept / "data").is_file()


def test_a_folder_that_cannot_be_removed_keeps_its_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "draft" / "in").mkdir(parents=True)
    mark_draft(tmp_path / "draft")
    tries = []

    def refuse(folder: Path) -> None:
        tries.append(folder)
        raise OSError

    monkeypatch.setattr("shutil.rmtree", refuse)
    try_to_remove_marked(tmp_path / "draft")
    assert len(tries) == 2
    assert is_marked(tmp_path / "draft")


def test_only_drafts_of_the_target_are_its_leftovers(tmp_path: Path) -> None:
    names = [".a.tif.12.part", ".a.tif.34.old", ".a.tif.part", ".b.tif.12.part", "a.tif.12.part"]
    for name in [*names, ".aXtif.12.part", ".a.tif.12.part.gz"]:
        (tmp_path / name).touch()
    found = sorted(leftovers_of(tmp_path / "a.tif"), key=lambda leftover: leftover.pid)
    assert found == [
        Leftover(tmp_path / ".a.tif.12.part", 12, False),
        Leftover(tmp_path / ".a.tif.34.old", 34, True),
    ]


def test_a_leftover_is_abandoned_when_its_process_has_ended(tmp_path: Path, ended: int) -> None:
    assert Leftover(tmp_path, ended, False).abandoned(own=False)
    assert not Leftover(tmp_path, os.getppid(), False).abandoned(own=True)


@pytest.mark.parametrize("own", [True, False])
def test_a_leftover_of_this_process_is_abandoned_only_when_it_says_so(
    tmp_path: Path, own: bool
) -> None:
    assert Leftover(tmp_path, os.getpid(), False).abandoned(own=own) is own


def test_a_leftover_of_another_machine_is_not_of_this_one(tmp_path: Path) -> None:
    leftover = Leftover(tmp_path, 1, False)
    assert not leftover.of_this_machine()
    mark_draft(tmp_path)
    assert leftover.of_this_machine()
    (tmp_path / DRAFT_MARK).write_text("another machine")
    assert not leftover.of_this_machine()


def test_a_stale_draft_of_a_file_is_removed_and_a_younger_one_is_kept(
    tmp_path: Path, ended: int
) -> None:
    draft = tmp_path / f".a.tif.{ended}.part"
    draft.touch()
    remove_stale_drafts(tmp_path / "a.tif")
    assert draft.exists()
    old = time.time() - STALE_SECONDS - 5
    os.utime(draft, (old, old))
    running = tmp_path / f".a.tif.{os.getppid()}.part"
    running.touch()
    os.utime(running, (old, old))
    remove_stale_drafts(tmp_path / "a.tif")
    assert [path.name for path in tmp_path.iterdir()] == [running.name]
