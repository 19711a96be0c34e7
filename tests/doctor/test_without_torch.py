"""A missing torch is a choice, and no fault."""

from __future__ import annotations

from napari_scsam.doctor import packages, report
from napari_scsam.doctor.network import findings_without_torch


def test_no_complaint_is_made_where_torch_is_not_installed(monkeypatch) -> None:
    device, checkpoint = findings_without_torch()
    assert device.complaints == ()
    assert checkpoint.complaints == ()
    assert 'pip install "napari-scsam[local]"' in device.text


def test_torch_is_not_asked_where_it_is_not(monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(report, "torch_is_installed", lambda: False)
    monkeypatch.setattr(packages, "torch_is_installed", lambda: False)
    monkeypatch.setattr(report.window, "unavailable", lambda: None)
    monkeypatch.setattr(report.window, "judge_window", lambda _answer: None)
    found = report.examine(asked.append)
    assert report.network.PROBE not in asked
    assert found.to_dict()["findings"]["device"]["facts"] == {"device": None}
