"""Which Qt widgets are left after a test."""

from __future__ import annotations

import gc
from collections import Counter

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication

OWN = "napari_scsam."
PASSES = 3
"""A widget that goes may take others with it only when Qt's event loop has run again."""

PASSING = {
    "QTipLabel",  # Qt takes a tooltip away by a timer
    "QListView",  # the list of a completer, once shown, belongs to Qt and outlives its field
}


def count_widgets() -> Counter[str]:
    """Count our own widgets, wherever they are, and all windows, by class."""
    if not isinstance(QApplication.instance(), QApplication):
        return Counter()
    names = Counter()
    for widget in QApplication.allWidgets():
        kind = type(widget)
        if kind.__module__.startswith(OWN) or widget.isWindow():
            names[f"{kind.__module__}.{kind.__qualname__}"] += 1
    for name in list(names):
        if name.rpartition(".")[2] in PASSING:
            del names[name]
    return names


def left_since(before: Counter[str]) -> list[str]:
    """Return the classes of widgets that were made since a count, and that neither Qt nor Python takes away."""
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        return []
    app.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    left = count_widgets() - before
    for _ in range(PASSES):
        if not left:
            break
        gc.collect()  # takes long with torch and napari loaded, so only when something is left
        app.processEvents()
        app.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        left = count_widgets() - before
    return sorted(left.elements())
