"""A timer that does nothing where Qt is gone or was never there."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QCoreApplication, QEvent

import napari_scsam.gui
from napari_scsam.gui.workarounds import timer as module
from napari_scsam.gui.workarounds.timer import Timer


def test_it_calls_once_for_each_start(qtbot) -> None:
    calls = []
    timer = Timer(lambda: calls.append(1))
    timer.start(1)
    timer.start(1)
    qtbot.waitUntil(lambda: calls == [1])
    assert not timer.is_active()


def test_a_timer_that_qt_deleted_is_started_and_stopped_in_vain(qtbot) -> None:
    timer = Timer(print)
    timer.start(60_000)
    assert timer.is_active()
    timer._timer.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    timer.start(1)
    timer.stop()
    assert not timer.is_active()


def test_without_an_application_nothing_is_called(monkeypatch) -> None:
    monkeypatch.setattr(module.QCoreApplication, "instance", lambda: None)
    timer = Timer(print)
    timer.start(1)
    timer.stop()
    assert not timer.is_active()


def test_no_other_module_has_a_timer_that_qt_may_delete_under_it() -> None:
    gui = Path(napari_scsam.gui.__file__).parent
    found = [path.name for path in gui.rglob("*.py") if "QTimer()" in path.read_text("utf-8")]
    assert found == ["timer.py"]
