from __future__ import annotations

import json
from pathlib import Path

import pytest
from doctor_answers import CPU

from napari_scsam.doctor import report, window
from napari_scsam.doctor.finding import Finding
from napari_scsam.doctor.probes import ProbeAnswer
from napari_scsam.doctor.report import DoctorReport, examine


def test_what_is_wrong_is_at_the_end_of_the_text() -> None:
    made = DoctorReport((Finding("a", "one"), Finding("longer", "two", {}, ("x is wrong; do y",))))
    assert made.to_text() == "a       one\nlonger  two\n\n- x is wrong; do y"
    assert DoctorReport((Finding("a", "one"),)).to_text().endswith("No complaint.")


def test_the_json_has_every_fact() -> None:
    made = DoctorReport((Finding("a", "one", {"size": 3}, ("bad; mend it",)),))
    assert json.loads(json.dumps(made.to_dict())) == {
        "complaints": ["bad; mend it"],
        "findings": {"a": {"text": "one", "facts": {"size": 3}, "complaints": ["bad; mend it"]}},
    }


def test_both_probes_are_asked_where_there_is_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def ask(module: str) -> ProbeAnswer:
        asked.append(module)
        return ProbeAnswer(CPU) if "network" in module else ProbeAnswer(trouble="no driver")

    monkeypatch.setattr(window, "unavailable", lambda: None)
    made = examine(ask)
    assert sorted(asked) == [report.network.PROBE, report.window.PROBE]
    topics = [finding.topic for finding in made.findings]
    assert topics[:5] == ["packages", "machine", "device", "checkpoint", "window"]
    assert any("no driver" in complaint for complaint in made.complaints)


def test_the_home_folder_is_nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setenv("NAPARI_SCSAM_CACHE", str(tmp_path / "cache"))
    made = examine(lambda _: ProbeAnswer(trouble=f"no library in {tmp_path}"))
    assert str(tmp_path) not in made.to_text()
    assert str(tmp_path) not in json.dumps(made.to_dict())
