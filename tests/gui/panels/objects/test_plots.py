from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.gui.panels.objects.plots import COUNT_AXIS, ObjectPlots

COLUMNS = {
    "class": np.array(["vesicle", "mitochondrion", "vesicle", "mitochondrion"]),
    "id": np.arange(1, 5),
    "voxels": np.array([1, 10, 100, 1000]),
    "sphericity": np.array([0.9, 0.5, np.nan, 0.7]),
}
ALL = np.ones(4, bool)


@pytest.fixture
def plots(qtbot):
    """A plot of four objects, and what is picked in it."""
    made = ObjectPlots()
    qtbot.addWidget(made)
    made.show_columns(COLUMNS, ALL)
    made.show()
    made.got = []
    made.picked.connect(lambda rows: made.got.append(rows.tolist()))
    return made


def choose(plots, across: str, up: str) -> None:
    plots.across.show_choice(across)
    plots.up.show_choice(up)
    plots.up.picked.emit(up)


def test_a_range_of_a_histogram_selects_what_is_in_it(plots):
    choose(plots, "voxels", COUNT_AXIS)
    plots.area.dragged.emit((5, 100), (0, 0.5))
    assert plots.got == [[1, 2]]


def test_a_rectangle_of_a_scatter_selects_what_is_in_it(plots):
    choose(plots, "voxels", "sphericity")
    plots.area.dragged.emit((0, 2000), (0.6, 1))
    assert plots.got == [[0, 3]], "an unknown value is nowhere"


def test_a_logarithm_is_what_is_dragged_over(plots):
    choose(plots, "voxels", COUNT_AXIS)
    plots.logarithmic.click()
    plots.area.dragged.emit((1.5, 3.5), (0, 1))
    assert plots.got == [[2, 3]]


def test_what_the_filters_hide_is_not_selected(plots):
    choose(plots, "voxels", COUNT_AXIS)
    plots.show_rows(np.array([True, False, True, False]))
    plots.area.dragged.emit((0, 2000), (0, 1))
    assert plots.got == [[0, 2]]


def test_equal_values_and_nothing_at_all_are_drawn(plots):
    plots.show_columns(COLUMNS | {"voxels": np.full(4, 7)}, ALL)
    plots.show_columns({}, np.zeros(0, bool))
    plots.show_selected(np.zeros(0, np.intp))
