"""The speed benchmark: its clock, its files, and all of it at a small scale."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.speed import __main__ as speed
from benchmarks.speed.clock import Figure, interleaved
from benchmarks.speed.report import rounded, table, write

ROOT = Path(__file__).resolve().parents[1]


def test_works_take_turns_and_the_first_round_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order, now = (
        [],
        iter(
            [
                *(0.0, 90.0, 0.0, 90.0),
                *(0.0, 1.0, 0.0, 4.0),
                *(0.0, 2.0, 0.0, 5.0),
                *(0.0, 9.0, 0.0, 6.0),
            ]
        ),
    )
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    medians = interleaved({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 3)
    assert order == ["a", "b"] * 4
    assert medians == {"a": 2.0, "b": 5.0}


@pytest.mark.parametrize(
    ("value", "text"), [(1234.5, "1234"), (99.4, "99.4"), (1.149, "1.15"), (0.0316, "0.0316")]
)
def test_figures_have_three_digits(value: float, text: str) -> None:
    assert rounded(value) == text


def test_parts_are_kept_as_json_and_shown_together(tmp_path: Path) -> None:
    write(tmp_path, "cache", [Figure("on disk", 0.3669, "MB", "≤ 0.6")], 1.0)
    write(tmp_path, "stack", [Figure("stack", 1.2, "×")], 2.0)
    text = table(tmp_path, ("stack", "switch", "cache"))
    assert "| on disk | 0.367 MB | ≤ 0.6 |" in text
    assert text.index("| stack |") < text.index("| on disk |")
    assert text.count("Measured on") == 1
    assert (tmp_path / "table.md").read_text(encoding="utf-8") == text
    record = json.loads((tmp_path / "cache.json").read_text(encoding="utf-8"))
    assert record["figures"] == [
        {"what": "on disk", "value": 0.3669, "unit": "MB", "target": "≤ 0.6"}
    ]
    assert record["machine"]["cores"] >= 1


def test_a_quick_run_never_replaces_real_figures(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        speed.parse(["--quick"])
    assert "needs --out" in capsys.readouterr().err
    assert speed.parse([]).out == ROOT / "benchmarks" / "speed" / "results"


@pytest.mark.slow
@pytest.mark.gui
@pytest.mark.timeout(1200)
def test_every_part_runs(tmp_path: Path) -> None:
    """Memory in a process of its own, as always; the others share one, which saves imports."""
    command = [sys.executable, "-m", "benchmarks.speed", "--quick", "--out", str(tmp_path)]
    others = [part for part in speed.PARTS if part != "memory"]
    subprocess.run([*command, "--here", "--only", *others], check=True, cwd=ROOT)
    subprocess.run([*command, "--only", "memory"], check=True, cwd=ROOT)
    shown = (tmp_path / "table.md").read_text(encoding="utf-8")
    for part in speed.PARTS:
        figures = json.loads((tmp_path / f"{part}.json").read_text(encoding="utf-8"))["figures"]
        assert figures, part
        assert all(figure["value"] > 0 for figure in figures), part
        assert all(figure["what"] in shown for figure in figures), part
