from __future__ import annotations

import sys

import pytest

from napari_scsam.doctor import window
from napari_scsam.doctor.probes import ProbeAnswer
from napari_scsam.doctor.window import has_screen, judge_window, unavailable

SOUND = {
    "binding": "PySide6",
    "qt": "6.11",
    "platform": "xcb",
    "opengl": "4.6",
    "renderer": "NVIDIA",
    "texture": 16384,
}


def test_a_window_that_opens_is_no_complaint() -> None:
    found = judge_window(ProbeAnswer(SOUND))
    assert found.text == "PySide6 6.11 on xcb, OpenGL 4.6, NVIDIA, textures 16384 px"
    assert found.complaints == ()


def test_drawing_in_software_is_said_and_is_no_complaint() -> None:
    found = judge_window(ProbeAnswer({**SOUND, "renderer": "llvmpipe (LLVM 15)"}))
    assert found.text.endswith("drawn in software, which is slow")
    assert found.complaints == ()


def test_no_context_small_textures_and_no_window_are_complaints() -> None:
    assert "no OpenGL context" in judge_window(ProbeAnswer({**SOUND, "opengl": ""})).complaints[0]
    assert "2048 px at most" in judge_window(ProbeAnswer({**SOUND, "texture": 2048})).complaints[0]
    assert "no window opens (why)" in judge_window(ProbeAnswer(trouble="why")).complaints[0]


def test_a_server_without_qt_or_a_screen_is_no_complaint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "has_screen", lambda: False)
    found = unavailable()
    assert found is not None
    assert "no screen" in found.text
    monkeypatch.setattr(window, "installed_version", lambda _: None)
    found = unavailable()
    assert found is not None
    assert "pip install 'napari-scsam[all]'" in found.text
    assert found.complaints == ()


@pytest.mark.parametrize(
    ("system", "variables", "screen"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("linux", {"DISPLAY": ""}, False),
        ("darwin", {}, True),
        ("win32", {}, True),
    ],
)
def test_where_there_is_a_screen(
    monkeypatch: pytest.MonkeyPatch, system: str, variables: dict[str, str], screen: bool
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", system)
    assert has_screen() is screen
