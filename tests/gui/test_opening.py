"""The window opens the widget while its code is imported on a thread."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from napari._qt.widgets.qt_viewer_dock_widget import QtViewerDockWidget
from qtpy.QtWidgets import QApplication, QLabel, QWidget

from napari_scsam.gui import opening
from napari_scsam.gui.opening import OpeningWidget


class Panel(QLabel):
    def __init__(self, viewer) -> None:
        super().__init__("all is here")
        self.viewer = viewer
        self.left = 0

    def leave(self) -> None:
        self.left += 1


def slow_import(name: str):
    if threading.current_thread() is not threading.main_thread():
        time.sleep(0.05)
        if opening.MODULE == "broken":
            raise ImportError("no zarr")
    sys.modules[name] = SimpleNamespace(ScSAMWidget=Panel)
    return sys.modules[name]


@pytest.fixture
def begin(qapp, monkeypatch):  # widgets need an application
    opened = []

    def start(module: str):
        monkeypatch.setattr(opening, "MODULE", module)
        monkeypatch.delitem(sys.modules, module, raising=False)
        monkeypatch.setattr(opening.importlib, "import_module", slow_import)
        parent = QWidget()
        widget = OpeningWidget("viewer")
        widget.setParent(parent)
        opened.extend((parent, widget))
        return widget

    yield start
    for widget in opened:
        widget.deleteLater()
    for module in ("late", "broken"):
        sys.modules.pop(module, None)


def wait_for(check) -> None:
    end = time.monotonic() + 20
    while not check() and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.002)
    assert check()


def test_the_code_is_imported_on_a_thread_and_the_widget_comes_then(begin):
    widget = begin("late")
    assert widget.panel is None
    assert widget.findChild(QLabel).text() == "Opening …"
    assert widget.sizeHint().width() >= 390
    dock = QtViewerDockWidget(QWidget(), widget, area="right")
    assert widget.layout().count() == 1, "napari adds no stretch that would push the widget down"
    told = []
    widget.opened.connect(told.append)
    wait_for(lambda: widget.panel is not None)
    assert told == [widget.panel]
    assert widget.panel.viewer == "viewer"
    widget.setParent(None)
    dock.deleteLater()
    assert widget.panel.left == 1, "it leaves the session with its dock"
    second = OpeningWidget("viewer")
    assert second.panel is not None, "the second one is there at once"
    second.deleteLater()


def test_a_dock_closed_meanwhile_gets_no_widget(begin):
    widget = begin("late")
    widget.setParent(None)
    wait_for(lambda: not widget._worker.busy())
    assert widget.panel is None


def test_an_import_that_fails_is_explained(begin):
    widget = begin("broken")
    wait_for(lambda: "no zarr" in widget.findChild(QLabel).text())
    assert "scsam doctor" in widget.findChild(QLabel).text()


def test_what_opens_first_imports_little():
    script = (
        "import sys, napari_scsam.gui.opening as o, napari_scsam.gui.commands;"
        "print([m for m in ('zarr', 'torch', 'h5py', o.MODULE) if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
