"""Marks on the strip of slices."""

from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.gui.tools.segment import Segmenting
from napari_scsam.gui.tools.shortcuts import NEXT_SUGGESTED
from napari_scsam.gui.tools.slice_marks import SliceMarks
from napari_scsam.infer.suggest import next_slices

pytestmark = pytest.mark.gui

DEPTH = 9


@pytest.fixture
def one(window, stack, tmp_path, wait):
    from napari.layers import Image

    made = window(Image(np.concatenate([stack, stack, stack[:1]]), name="cell"))
    made.finish()
    made.said = []
    made.session.status.connect(made.said.append)
    made.widget.desk.keeper.new(str(tmp_path / "mine"))
    wait(lambda: made.widget.desk.keeper.project is not None)
    made.finish()
    made.marks = made.session.part(SliceMarks)
    yield made
    made.widget.desk.keeper.close()


def expected(*reviewed: int) -> list[int]:
    return [z for z, _ in next_slices(DEPTH, reviewed)][:5]


def test_suggestions_are_those_of_the_command(one, wait):
    strip = one.widget.desk.strip
    assert list(one.marks.suggested) == expected()
    assert list(strip.suggested) == expected()
    one.widget.desk.reviewing.go_to(0)
    one.widget.desk.reviewing.mark_slice()
    wait(lambda: list(strip.suggested) == expected(0))


def test_the_key_goes_to_the_next_suggested_slice(one, wait):
    reviewing = one.widget.desk.reviewing
    order = expected()
    reviewing.go_to(next(z for z in range(DEPTH) if z not in order))
    for z in (*order, order[0]):
        NEXT_SUGGESTED.run(one.viewer)
        assert reviewing.position == z
        assert one.said[-1].startswith(f"Slice {z} is suggested.")
    reviewing.go_to(0)
    reviewing.mark_slice()
    wait(lambda: 0 in reviewing.slices)
    one.widget.desk.review.suggested.click()
    assert reviewing.position == DEPTH - 1
    assert "8 slices away" in one.said[-1]


def test_without_a_project_it_says_what_to_do(window, stack):
    from napari.layers import Image
    from napari.utils.notifications import notification_manager

    made = window(Image(stack))
    made.finish()
    NEXT_SUGGESTED.run(made.viewer)
    assert "There is no project" in notification_manager.records[-1].message


def test_the_strip_follows_a_run(one, wait):
    strip = one.widget.desk.strip
    runs = []
    one.marks.changed.connect(lambda: runs.append((strip.running, len(strip._shares))))
    segmenting = one.session.part(Segmenting)
    segmenting.choose_scope("volume")
    one.engine.predictor.seconds_per_tile = 0.05
    segmenting.go()
    one.finish()
    wait(lambda: strip.running is None and len(strip._shares) == DEPTH)
    shown = [z for z, _ in runs if z is not None]
    assert shown
    assert shown == sorted(shown)
    assert len({count for _, count in runs}) > 2, "slices get their labels one by one"
