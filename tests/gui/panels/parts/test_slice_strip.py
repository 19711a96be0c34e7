from __future__ import annotations

import pytest
from qtpy.QtCore import QPoint, Qt

from napari_scsam.gui.panels.parts.slice_strip import POSITION, SUGGESTED, TIP, SliceStrip


@pytest.fixture
def strip(qtbot):
    strip = SliceStrip()
    qtbot.addWidget(strip)
    strip.resize(200, 14)
    return strip


@pytest.mark.parametrize(
    ("x", "z"), [(0, 0), (19, 0), (20, 1), (199, 9), (100, 5), (250, 9), (-5, 0)]
)
def test_a_click_picks_the_slice_under_the_mouse(strip, qtbot, x, z):
    strip.show_slices(10, 0, {})
    picked = []
    strip.picked.connect(picked.append)
    qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=QPoint(x, 5))
    assert picked == [z]


def test_a_flat_image_has_one_slice(strip, qtbot):
    picked = []
    strip.picked.connect(picked.append)
    qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=QPoint(150, 5))
    assert picked == [0]


def test_a_slice_with_a_note_tells_it_before_the_usual_words(strip):
    strip.show_slices(10, 0, {}, {3: "half reviewed"})
    assert strip.tip_at(70) == f"Slice 3: half reviewed.\n{TIP}"
    assert strip.tip_at(90) == TIP
    strip.show_slices(10, 0, {})
    assert strip.tip_at(70) == TIP


def colours(strip) -> list[list[str]]:
    """Return the colours of the columns in the middle of each slice, from top to bottom."""
    image = strip.grab().toImage()
    return [
        [image.pixelColor(int(x), y).name() for y in range(strip.height())]
        for x in range(10, strip.width(), 20)
    ]


def test_a_slice_is_as_high_as_its_reviewed_share(strip):
    strip.show_slices(10, -1, {0: 1.0, 1: 0.5, 2: 0.0})
    whole, half, none, empty = colours(strip)[:4]
    top, bottom = whole[0], whole[-1]
    assert top == bottom, "reviewed from top to bottom"
    assert half[-1] == bottom
    assert half[0] != bottom
    assert half[0] == none[0] == none[-1], "grey: there are labels"
    assert empty[0] not in (bottom, none[0])


def test_the_slice_shown_and_those_suggested_are_marked(strip):
    strip.show_slices(10, 4, {})
    strip.show_marks([7], None)
    image = strip.grab().toImage()
    assert image.pixelColor(80, 5).name() == POSITION.name()
    assert image.pixelColor(150, 12).name() == SUGGESTED.name()
    assert image.pixelColor(150, 2).name() != SUGGESTED.name()


def test_the_slice_that_a_run_wrote_last_is_shown_until_it_ends(strip):
    strip.show_slices(10, -1, {})
    before = colours(strip)
    strip.show_marks([], 2)
    during = colours(strip)
    assert during[2] != before[2]
    assert during[:2] == before[:2]
    strip.show_marks([], None)
    assert colours(strip) == before
