from __future__ import annotations

import pytest

from napari_scsam.doctor.probes import ask
from napari_scsam.doctor.window import PROBE, judge_window

pytestmark = pytest.mark.gui


def test_the_graphics_of_this_screen_are_found() -> None:
    answer = ask(PROBE)
    assert answer.trouble == ""
    assert answer.facts["binding"] in ("PySide6", "PyQt6")
    assert answer.facts["opengl"]
    assert answer.facts["texture"] >= 4096
    assert judge_window(answer).complaints == ()
