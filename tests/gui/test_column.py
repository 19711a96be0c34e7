"""The column fits a small screen: measured in a real window of 1280×760 pixels."""

from __future__ import annotations

import numpy as np
import pytest
from fits import cut_off
from napari.layers import Image
from napari.settings import get_settings

from napari_scsam.gui.tools.canvas.active_tool import ActiveTool
from napari_scsam.gui.tools.shortcuts import PROMPT
from napari_scsam.gui.tools.shortcuts import TEACH as TEACH_KEY
from napari_scsam.gui.widget import (
    CORRECT_TAB,
    OBJECT_TAB,
    OBJECTS,
    REVIEW_AND_TRAIN,
    SEGMENT_TAB,
    TEACH_TAB,
)
from napari_scsam.project.training_job import Outcome, Phase

pytestmark = pytest.mark.gui

TABS = (SEGMENT_TAB, OBJECT_TAB, TEACH_TAB, CORRECT_TAB, REVIEW_AND_TRAIN, OBJECTS)
LONG = "A sentence at the bottom that says at some length what has happened. " * 3
STEP = {
    "kind": "step",
    "phase": "learning",
    "total": 10,
    "left": 61.0,
    "first": {"mitochondrial_boundary": 0.25},
    "losses": {"loss": 1.0},
    "dice": {"mitochondrial_boundary": 0.5},
}


@pytest.fixture
def one(window, stack, tmp_path, wait):
    """A window of 1280×760 with a project and a status of three lines."""
    made = window(Image(stack, name="cell", scale=(8, 8, 8), units=("nm",) * 3))
    made.viewer.window._qt_window.resize(1280, 760)
    made.finish()
    made.widget.desk.keeper.new(str(tmp_path / "mine"))
    wait(lambda: made.widget.desk.keeper.project is not None)
    made.finish()
    made.widget.card.hide()
    made.widget.work.show_status(LONG)
    yield made
    made.widget.desk.keeper.close()


def scrolled(one, title: str, qtbot) -> int:
    """Return how many pixels of a tab are out of sight."""
    one.widget.tabs.show_page(title)
    qtbot.wait(50)
    return one.widget.tabs.pages[title].verticalScrollBar().maximum()


def test_each_tab_fits_without_scrolling_or_widening_the_column(one, qtbot):
    assert one.viewer.window._qt_window.height() == 760
    asked = one.widget.sizeHint().width()
    width = one.widget.width()
    for title in TABS:
        assert scrolled(one, title, qtbot) == 0, title
        assert one.widget.sizeHint().width() == asked, title
        assert one.widget.width() == width, title
        assert cut_off(one.widget) == [], title


def test_each_tab_fits_while_its_tool_is_active(one, qtbot):
    PROMPT.run(one.viewer)
    one.finish()
    assert scrolled(one, OBJECT_TAB, qtbot) == 0
    assert cut_off(one.widget) == []
    TEACH_KEY.run(one.viewer)
    one.finish()
    assert scrolled(one, TEACH_TAB, qtbot) == 0
    assert cut_off(one.widget) == []
    one.session.part(ActiveTool).deactivate()


def test_the_page_of_objects_fits_with_rows_and_a_plot(one, qtbot):
    objects = one.widget.objects
    count = 1000
    columns = {
        "class": np.full(count, "mitochondrion"),
        "id": np.arange(1, count + 1),
        "voxels": np.arange(count) ** 2,
        "volume_um3": np.arange(count) / 7,
        "touches_border": np.arange(count) % 2 == 0,
        "reviewed": np.zeros(count, bool),
    }
    objects.show_columns(columns, np.ones(count, bool), "")
    objects.filters.show_count(count, count, 0)
    assert scrolled(one, OBJECTS, qtbot) == 0
    objects.plot.click()
    assert scrolled(one, OBJECTS, qtbot) == 0
    assert cut_off(one.widget) == []


@pytest.mark.parametrize("phase", [Phase.RUNNING, Phase.FINISHED])
def test_the_last_tab_fits_while_it_trains_and_after(one, qtbot, phase):
    train = one.widget.desk.train
    rows = tuple((f"mitochondrial_boundary {n}", 0.5, 0.75) for n in range(6))
    outcome = Outcome(rows, "It is better on 6 of 6 classes, by 0.250 on average.", offered=True)
    train.show_phase(Phase.RUNNING, None, "")
    for number in (1, 2):
        train.show_message(STEP | {"step": number, "seconds": float(number)})
    if phase == Phase.FINISHED:
        train.show_phase(phase, outcome, "")
    assert scrolled(one, REVIEW_AND_TRAIN, qtbot) == 0
    assert cut_off(one.widget) == []


def test_a_project_that_is_not_made_yet_leaves_room(window, stack, qtbot):
    made = window(Image(stack, scale=(8, 8, 8), units=("nm",) * 3))
    made.viewer.window._qt_window.resize(1280, 760)
    made.finish()
    assert made.widget.desk.project.contents.isVisible()
    for title in TABS:
        assert scrolled(made, title, qtbot) == 0, title
        assert cut_off(made.widget) == [], title


def test_a_large_font_scrolls_tabs_and_cuts_nothing(one, qtbot):
    appearance = get_settings().appearance
    before = appearance.font_size
    appearance.font_size = round(1.5 * before)
    try:
        for title in TABS:
            scrolled(one, title, qtbot)
            assert one.widget.tabs.pages[title].viewport().height() > 100, title
            assert cut_off(one.widget) == [], title
        one.widget.work.show_status("All is saved.")
        train = one.widget.desk.train
        train.show_phase(Phase.RUNNING, None, "")
        for number in (1, 2):
            train.show_message(STEP | {"step": number, "seconds": float(number)})
        assert scrolled(one, REVIEW_AND_TRAIN, qtbot) == 0
        appearance.theme = "light"
        qtbot.wait(50)
        assert cut_off(one.widget) == []
        appearance.theme = "dark"
        columns = {"class": np.array(["vesicle"]), "id": np.ones(1), "voxels": np.ones(1)}
        one.widget.objects.show_columns(columns, np.ones(1, bool), "")
        one.widget.objects.plot.click()
        assert one.widget.objects.plot.isChecked()
        assert scrolled(one, OBJECTS, qtbot) == 0
    finally:
        appearance.font_size = before


def test_a_voxel_size_that_is_unknown_is_asked_for_in_full(window, stack, wait):
    made = window(Image(stack, name="from somewhere"))
    made.viewer.window._qt_window.resize(1280, 760)
    made.finish()
    assert made.widget.volume.note.isVisible()
    assert "unknown" in made.widget.volume.note.text()
    wait(lambda: cut_off(made.widget) == [])
    made.session.choices.type_voxel_size((8.0, 8.0, 8.0))
    assert not made.widget.volume.note.isVisible(), "it is set, so that it shrinks to a line"
    assert made.widget.volume.summary.text() == "from somewhere: 8 × 8 × 8 nm"
