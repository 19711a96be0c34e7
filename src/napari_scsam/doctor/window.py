"""Whether napari can open a window: a Qt binding, a screen, and OpenGL."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from napari_scsam.doctor.finding import Finding
from napari_scsam.doctor.packages import QT_BINDINGS, installed_version
from napari_scsam.doctor.probes import ProbeAnswer

PROBE = "napari_scsam.gui.graphics_probe"

LEAST_TEXTURE = 4096
"""Side in pixels of the largest texture; napari shows larger slices coarsely or not at all."""

SOFTWARE = ("llvmpipe", "softpipe", "swrast", "swiftshader", "gdi generic")
"""Parts of the names of drivers that use no graphics card."""


def unavailable() -> Finding | None:
    """Return why no window is tried; None when one can be.

    That is not a complaint: commands run on servers that have no Qt and no screen.
    """
    if not any(map(installed_version, QT_BINDINGS)):
        return Finding(
            "window",
            "no Qt binding, so commands only; for napari: pip install 'napari-scsam[all]'",
        )
    if not has_screen():
        return Finding("window", "not tried, because there is no screen here")
    return None


def has_screen() -> bool:
    """Whether there is something to open windows on."""
    if sys.platform != "linux":
        return True
    return any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")))


def judge_window(answer: ProbeAnswer) -> Finding:
    """Return what a probe says of Qt and OpenGL."""
    if answer.trouble:
        complaint = (
            f"no window opens ({answer.trouble}); install the Qt libraries of this system "
            "and the driver of its graphics card"
        )
        return Finding("window", "none", {}, (complaint,))
    facts = answer.facts
    text = f"{facts['binding']} {facts['qt']} on {facts['platform']}"
    if facts.get("opengl"):
        text += f", OpenGL {facts['opengl']}, {facts['renderer']}, textures {facts['texture']} px"
        if any(name in facts["renderer"].lower() for name in SOFTWARE):
            text += ", drawn in software, which is slow"
    return Finding("window", text, facts, tuple(_complaints(facts)))


def _complaints(facts: Mapping[str, Any]) -> Iterator[str]:
    if not facts.get("opengl"):
        yield (
            "Qt opens, but no OpenGL context comes up, so napari shows no pictures; install the "
            "driver of the graphics card, or set LIBGL_ALWAYS_SOFTWARE=1 with Mesa"
        )
    elif facts["texture"] < LEAST_TEXTURE:
        yield (
            f"OpenGL holds textures of {facts['texture']} px at most, so large slices are shown "
            "coarsely; update the driver of the graphics card"
        )
