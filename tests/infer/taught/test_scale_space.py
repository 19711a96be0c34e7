"""The filters of a slice."""

import numpy as np
import pytest

from napari_scsam.infer.taught.scale_space import FILTER_COUNT, SIGMAS, halve, scale_space


def test_a_flat_slice_has_no_edges_and_no_texture() -> None:
    maps = scale_space(np.full((40, 60), 0.3, np.float32))
    assert maps.shape == (FILTER_COUNT, 20, 30)
    np.testing.assert_allclose(maps[0::4], 0.3, rtol=1e-5)
    for kind in (1, 2, 3):
        np.testing.assert_allclose(maps[kind::4], 0, atol=1e-5)


def test_an_edge_is_strongest_where_it_lies() -> None:
    grey = np.zeros((40, 60), np.float32)
    grey[:, 30:] = 1
    for number in range(len(SIGMAS)):
        strongest = scale_space(grey)[4 * number + 1, 10].argmax()
        assert strongest in (14, 15)


def test_a_dark_blob_is_curved_upwards_along_both_axes() -> None:
    y, x = np.mgrid[:65, :65] - 32
    grey = 1 - np.exp(-(y**2 + x**2) / 50).astype(np.float32)
    maps = scale_space(grey)
    assert maps[2 * 4 + 2, 16, 16] > 0
    assert maps[2 * 4 + 3, 16, 16] > 0


@pytest.mark.parametrize(("shape", "cells"), [((5, 7), (3, 4)), ((4, 6), (2, 3)), ((1, 1), (1, 1))])
def test_odd_sizes_keep_their_last_row_and_column(
    shape: tuple[int, int], cells: tuple[int, int]
) -> None:
    assert halve(np.ones(shape, np.float32)).shape == cells
    np.testing.assert_allclose(halve(np.ones(shape, np.float32)), 1)
