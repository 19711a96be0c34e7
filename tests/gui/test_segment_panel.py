from __future__ import annotations

import pytest

from napari_scsam.config import Progress
from napari_scsam.gui.segment_panel import SegmentPanel

pytestmark = pytest.mark.gui


@pytest.fixture
def panel(qtbot, classes) -> SegmentPanel:
    panel = SegmentPanel("Shift+S")
    qtbot.addWidget(panel)
    panel.show_classes(classes)
    panel.show_choices(classes, replace=False, prefetch=True)
    panel.show()
    return panel


def test_all_classes_or_one(panel, classes):
    picked = []
    panel.classes_chosen.connect(picked.append)
    assert panel.classes.currentText() == "all classes"
    panel.classes.activated.emit(2)
    assert picked == [(classes[1],)]
    panel.show_choices(classes[2:], replace=True, prefetch=False)
    assert panel.classes.currentText() == "vesicle"
    assert panel.replace.isChecked()
    assert picked == [(classes[1],)]


def test_buttons_ask(panel, qtbot):
    with qtbot.waitSignal(panel.segment_asked):
        panel.segment.click()
    with qtbot.waitSignal(panel.cancel_asked):
        panel.cancel.click()
    with qtbot.waitSignal(panel.replace_changed) as changed:
        panel.replace.click()
    assert changed.args == [True]
    assert "Shift+S" in panel.segment.text()


def test_bar_and_way_out_are_there_only_while_working(panel, wait):
    height = panel.sizeHint().height()
    assert not panel.bar.isVisible()
    panel.show_working(True)
    panel.show_progress(Progress(0, 4, "embedding"))
    wait(panel.cancel.isVisible)
    assert (panel.bar.text(), panel.bar.isVisible()) == ("embedding", True)
    panel.show_progress(Progress(1, 4, "embedding"))
    assert panel.bar.text() == "embedding  25 %"
    assert panel.sizeHint().height() == height
    panel.show_working(False)
    assert not panel.cancel.isVisible()


def test_work_that_is_done_at_once_shows_no_bar(panel, qtbot, monkeypatch):
    monkeypatch.setattr("napari_scsam.gui.segment_panel.PATIENCE_MS", 20)
    panel.show_working(True)
    panel.show_working(False)
    qtbot.wait(60)
    assert not panel.bar.isVisible()
