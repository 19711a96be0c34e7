from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtGui import QColor

from napari_scsam.gui.panels.objects.plot_area import BINS, bins_of, faint


def test_bins_are_even_between_the_lowest_and_the_highest_value():
    edges = bins_of(np.array([3.0, 1.0, 2.0]))
    assert len(edges) == BINS + 1
    assert (edges[0], edges[-1]) == (1.0, 3.0)
    np.testing.assert_allclose(np.diff(edges), 2 / BINS)


@pytest.mark.parametrize("values", [[2.0], [2.0, 2.0, 2.0]])
def test_equal_values_have_one_bin_around_them(values):
    assert bins_of(np.array(values)).tolist() == [1.5, 2.5]


def test_every_value_is_in_a_bin():
    values = np.random.default_rng(0).lognormal(size=1000)
    assert np.histogram(values, bins_of(values))[0].sum() == 1000


def test_a_faint_colour_is_another_one():
    colour = QColor("#102030")
    assert faint(colour).alpha() == 50
    assert faint(colour).name() == "#102030"
    assert colour.alpha() == 255
