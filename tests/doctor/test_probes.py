"""Probes that end badly do no harm; each is a module of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_scsam.doctor.probes import ask


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Write a module and return its name."""

    def write(text: str) -> str:
        (tmp_path / "a_probe.py").write_text(text)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        return "a_probe"

    return write


def test_facts_are_on_the_last_line(module) -> None:
    assert ask(module("print('a note')\nprint('{\"device\": \"cpu\"}')")).facts == {"device": "cpu"}


def test_an_exception_is_its_last_line(module) -> None:
    found = ask(module("import no_such_package"))
    assert found.trouble == "ModuleNotFoundError: No module named 'no_such_package'"


def test_a_crash_is_named_by_its_signal(module) -> None:
    crash = "import os, signal, sys\nsys.stderr.write('bad driver')\nos.kill(os.getpid(), signal.SIGABRT)"
    assert ask(module(crash.replace("\nos.kill", "\nsys.stderr.flush()\nos.kill"))).trouble == (
        "ended by signal 6 (bad driver)"
    )


def test_a_probe_that_hangs_is_ended(module) -> None:
    assert ask(module("import time; time.sleep(60)"), limit=1).trouble == (
        "no answer within 1 seconds"
    )


@pytest.mark.parametrize("text", ["", "print('no JSON')"])
def test_nonsense_is_called_so(module, text: str) -> None:
    assert ask(module(text)).trouble == "an answer that cannot be read"
