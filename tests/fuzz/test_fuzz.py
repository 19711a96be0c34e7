"""A short run of the fuzzer, and everything that longer runs have found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fuzz import worker
from fuzz.__main__ import FINDINGS, make_corpus, run_worker
from fuzz.corpus import CORPORA
from napari_scsam.errors import UserError

FILES = 25
"""Damaged files of each reader."""


def wrong_answers(reports: Any) -> list[dict[str, Any]]:
    return [report for report in reports if "wrong" in report]


@pytest.mark.slow
def test_damaged_files_are_read_or_refused_in_a_sentence(tmp_path: Path) -> None:
    for reader in CORPORA:
        make_corpus(reader, tmp_path)
    assert wrong_answers(run_worker(",".join(CORPORA), tmp_path, 0, FILES)) == []


def test_what_was_found_before_stays_mended(tmp_path: Path) -> None:
    found = sorted(FINDINGS.glob("*/*"))
    assert found
    assert wrong_answers(run_worker("", tmp_path, 0, 0, found)) == []


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (None, ""),
        (UserError("one sentence"), ""),
        (UserError("two\nlines"), "more than one line"),
        (ValueError("raw"), "ValueError: raw"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_a_raw_error_is_a_finding(
    answer: Exception | None, wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(_path: Path) -> None:
        if answer is not None:
            raise answer

    monkeypatch.setattr(worker, "TARGETS", {"mrc": read})
    assert worker.judge("mrc", tmp_path).startswith(wrong)
