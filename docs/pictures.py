"""Takes the README's picture: the real widget in a real napari window.

    python docs/pictures.py VOLUME SLICE docs/images/widget.png

Without a screen, run it under ``xvfb-run -a -s "-screen 0 1600x1000x24"``
with ``QT_QPA_PLATFORM=xcb LIBGL_ALWAYS_SOFTWARE=1``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import napari
from qtpy.QtWidgets import QApplication
from skimage import io

from napari_scsam.gui.napari_io import read_layers
from napari_scsam.gui.session import Session
from napari_scsam.gui.widget import ScSAMWidget


def wait_until(ready: Callable[[], bool], seconds: float = 300) -> None:
    """Let the event loop run until something holds."""
    end = time.monotonic() + seconds
    while not ready() and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)


def main(volume: str, slice_index: int, out: Path) -> None:
    """Open the volume, segment all classes of one slice, and save the window."""
    viewer = napari.Viewer(title="napari")
    viewer.window.resize(1500, 950)
    for data, options, kind in read_layers(volume):
        getattr(viewer, f"add_{kind}")(data, **options)
    panel = ScSAMWidget(viewer)
    viewer.window.add_dock_widget(panel, name="ScSAM")
    viewer.dims.set_point(0, slice_index * viewer.layers[0].scale[0])
    worker = Session.of(viewer)._worker
    idle = lambda: not (worker.busy() or worker._small)  # noqa: E731
    wait_until(idle)
    panel.segment.segment.click()
    wait_until(idle)
    viewer.reset_view()
    wait_until(lambda: False, 1.5)
    out.parent.mkdir(parents=True, exist_ok=True)
    io.imsave(out, viewer.screenshot(canvas_only=False, flash=False)[..., :3])
    viewer.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
