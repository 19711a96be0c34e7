"""Print the Qt binding and the OpenGL of this machine as JSON, for ``scsam doctor``.

Run as ``python -m napari_scsam.gui.graphics_probe``: a driver that crashes ends this process alone.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import qtpy
from qtpy.QtGui import QGuiApplication, QOffscreenSurface, QOpenGLContext
from qtpy.QtWidgets import QApplication

GL_VERSION = 0x1F02
RENDERER = 0x1F01
MAX_TEXTURE_SIZE = 0x0D33
"""Names of OpenGL's constants."""


def probe_graphics() -> dict[str, Any]:
    """Return the binding, the platform and, if a context comes up, its OpenGL."""
    application = QApplication(sys.argv[:1])
    facts: dict[str, Any] = {
        "binding": qtpy.API_NAME,
        "qt": qtpy.QT_VERSION,
        "platform": QGuiApplication.platformName(),
        "opengl": "",
    }
    facts |= opengl_facts()
    application.quit()
    return facts


def opengl_facts() -> dict[str, Any]:
    """Return version, renderer and largest texture of OpenGL; nothing without a context."""
    surface = QOffscreenSurface()
    surface.create()
    context = QOpenGLContext()
    if not (context.create() and context.makeCurrent(surface)):
        return {}
    try:
        # vispy asks the driver itself, through ctypes, whatever the Qt binding is.
        from vispy.gloo import gl

        return {
            "opengl": str(gl.glGetParameter(GL_VERSION)),
            "renderer": str(gl.glGetParameter(RENDERER)),
            "texture": int(gl.glGetParameter(MAX_TEXTURE_SIZE)),
        }
    finally:
        context.doneCurrent()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(probe_graphics()) + "\n")
