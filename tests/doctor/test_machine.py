from __future__ import annotations

import os

import pytest

from napari_scsam.doctor import machine
from napari_scsam.doctor.machine import examine_machine, memory_bytes


def test_cores_and_memory_are_those_of_this_machine() -> None:
    found = examine_machine()
    assert 1 <= found.facts["cores"] <= (os.cpu_count() or 1)
    assert found.facts["python"] in found.text


@pytest.mark.parametrize(("gibibytes", "complaints"), [(2, 1), (16, 0)])
def test_little_memory_is_a_complaint(
    monkeypatch: pytest.MonkeyPatch, gibibytes: int, complaints: int
) -> None:
    monkeypatch.setattr(machine, "memory_bytes", lambda: gibibytes * 2**30)
    assert len(examine_machine().complaints) == complaints


def test_memory_that_cannot_be_found_out_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: str) -> int:
        raise ValueError

    monkeypatch.setattr(os, "sysconf", unknown)
    assert memory_bytes() is None
    assert "memory" not in examine_machine().text
