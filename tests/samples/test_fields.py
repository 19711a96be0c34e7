"""Geometry under the synthetic cell, against plain formulas."""

from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.samples.fields import Grid, clearance, make_mosaic, smooth_noise, tube

GRID = Grid((6, 96, 80), (20.0, 8.0, 10.0))


def test_grid_turns_positions_into_voxels() -> None:
    np.testing.assert_array_equal(GRID.extent, [120, 768, 800])
    assert GRID.axis(2, slice(3, 5)).tolist() == [30.0, 40.0]
    assert [int(i) for i in GRID.index(np.array([39.0, 8.1, -500.0]))] == [2, 1, 0]
    assert GRID.box(np.array([[40.0, 80.0, 100.0]]), 10) == (
        slice(1, 4),
        slice(8, 13),
        slice(9, 12),
    )
    outside = GRID.box(np.array([[1e4, 0.0, 0.0]]), 10)
    assert outside[0].start == outside[0].stop


@pytest.mark.parametrize("length", [30.0, 200.0])
def test_noise_has_unit_variance_and_the_length_asked(length: float) -> None:
    noise = smooth_noise(np.random.default_rng(0), Grid((20, 400, 400), (20.0, 8.0, 8.0)), length)
    assert abs(noise.std() - 1) < 0.25
    lag = round(length / 8)
    near, far = (np.mean(noise[:, :, :-k] * noise[:, :, k:]) / noise.var() for k in (1, 6 * lag))
    assert near > 0.9
    assert abs(far) < 0.4


def test_mosaic_knows_owner_and_neighbour_on_both_sides_of_a_border() -> None:
    mosaic = make_mosaic(np.random.default_rng(1), GRID, spacing=200.0)
    assert len(np.unique(mosaic.owner)) > 4
    crossing = mosaic.owner[:, :, 1:] != mosaic.owner[:, :, :-1]
    left = np.stack([mosaic.owner[:, :, :-1], mosaic.neighbour[:, :, :-1]])[:, crossing]
    right = np.stack([mosaic.neighbour[:, :, 1:], mosaic.owner[:, :, 1:]])[:, crossing]
    assert np.mean(np.all(left == right, axis=0)) > 0.8
    assert np.median(mosaic.border[:, :, 1:][crossing]) < 10
    assert mosaic.border.min() >= 0


def test_mosaic_is_the_same_however_it_is_tiled(monkeypatch: pytest.MonkeyPatch) -> None:
    tiled = make_mosaic(np.random.default_rng(1), GRID, spacing=200.0)
    monkeypatch.setattr("napari_scsam.samples.fields._TILE", 1000)
    whole = make_mosaic(np.random.default_rng(1), GRID, spacing=200.0)
    np.testing.assert_array_equal(tiled.owner, whole.owner)
    np.testing.assert_allclose(tiled.border, whole.border, atol=1e-2)


def test_tube_measures_distance_and_length() -> None:
    points = np.array([[40.0, 80.0, 100.0], [40.0, 80.0, 300.0], [40.0, 400.0, 300.0]])
    box = (slice(2, 3), slice(None), slice(None))
    distance, along = tube(GRID, box, points)
    assert distance[0, 10, 20] == pytest.approx(0)
    assert along[0, 10, 20] == pytest.approx(100)
    assert distance[0, 15, 5] == pytest.approx(np.hypot(40, 50))
    assert distance[0, 30, 40] == pytest.approx(100)
    assert along[0, 30, 40] == pytest.approx(200 + 160)


def test_clearance_is_in_nanometres() -> None:
    free = np.ones((3, 64, 64), bool)
    free[:, :, 0] = False
    room = clearance(Grid((3, 64, 64), (20.0, 8.0, 8.0)), free, stride=4)
    assert room.shape == (3, 16, 16)
    np.testing.assert_allclose(room[1, 5], 32.0 * np.arange(16))
