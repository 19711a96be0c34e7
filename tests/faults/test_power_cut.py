"""Data are on disk before anything says so; `power_cuts` has all commands."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from power_cut import watch
from power_cuts import moments_of

from napari_scsam.atomic import replacing
from napari_scsam.train import resume

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="reads what a file is called"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


@pytest.mark.parametrize(
    ("name", "least"),
    [("segment", 4), ("segment --overwrite", 5), ("segment --into", 5), ("instances", 8)],
)
def test_what_is_recorded_is_on_disk(
    name: str, least: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resume, "SAVE_SECONDS", resume.SAVE_SECONDS)
    moments, lost = moments_of(name, tmp_path)
    assert moments >= least
    assert lost == []


def append(record: Path) -> None:
    """Add a line to a record, and wait until it is on disk."""
    with record.open("a") as file:
        file.write("done\n")
        file.flush()
        os.fsync(file.fileno())


def test_a_record_before_its_data_is_noticed(tmp_path: Path) -> None:
    def careless() -> None:
        (tmp_path / "data").write_text("all of it")
        append(tmp_path / "ledger")

    def careful() -> None:
        with replacing(tmp_path / "data") as draft:
            draft.write_text("all of it")
        append(tmp_path / "ledger")

    moments, lost = watch(careless, tmp_path, ("ledger",))
    assert moments == 1
    assert lost == ["before a line of ledger: ['data']"]
    assert watch(careful, tmp_path, ("ledger",)) == (2, [])


def test_a_draft_that_was_not_waited_for_is_noticed(tmp_path: Path) -> None:
    def work() -> None:
        draft = tmp_path / ".a.1.part"
        draft.write_text("all of it")
        draft.rename(tmp_path / "a")

    _, lost = watch(work, tmp_path)
    assert lost == ["before the renaming of .a.1.part: ['.a.1.part']"]
