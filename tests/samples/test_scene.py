"""Pens and places of the synthetic cell."""

from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.samples.fields import Grid, make_mosaic
from napari_scsam.samples.scene import ALL, Scene, blur, cytoplasm, fill, line, photograph

GRID = Grid((4, 128, 128), (20.0, 8.0, 8.0))


@pytest.fixture
def scene() -> Scene:
    rng = np.random.default_rng(0)
    mosaic = make_mosaic(rng, GRID, 400.0)
    scene = Scene(rng, GRID, mosaic, cytoplasm(rng, GRID, mosaic), np.zeros(GRID.shape, np.uint8))
    scene.room = np.full((4, 32, 32), 500, np.float32)
    return scene


def test_a_place_is_taken_once(scene: Scene) -> None:
    here = np.array([[40.0, 500.0, 500.0]])
    assert scene.take(here, 50)
    assert not scene.take(here + (0, 0, 115), 50)
    assert scene.take(here + (0, 0, 117), 50)


def test_no_place_where_there_is_no_room(scene: Scene) -> None:
    scene.room[:, :, 16:] = 20
    assert not scene.take(np.array([[40.0, 500.0, 600.0]]), 30)
    assert scene.take(np.array([[40.0, 500.0, 600.0]]), 10)


def test_placed_chains_keep_apart(scene: Scene) -> None:
    chains = scene.place(6, radius=(20, 40), length=(60, 300))
    assert len(chains) == 6
    for i, (points, radius) in enumerate(chains):
        for others, wide in chains[:i]:
            assert (
                np.linalg.norm(points[:, None] - others, axis=2).min() >= radius + wide + 16 - 1e-3
            )


def test_room_is_kept_from_membranes_nucleus_and_sheath(scene: Scene) -> None:
    scene.labels[:, :40] = 5
    scene.look_for_room(skin=24, sheath=5)
    closed = scene.room == 0
    mosaic = scene.mosaic
    assert closed[:, :10].all()
    assert closed[(mosaic.border <= 24)[:, ::4, ::4]].all()
    assert closed[(mosaic.nucleus <= 0)[:, ::4, ::4]].all()
    assert not closed.all()


def test_shade_and_mark_change_what_they_are_told(scene: Scene) -> None:
    half = np.zeros(GRID.shape, np.float32)
    half[0] = 1
    before = scene.grey[1].copy()
    scene.shade(ALL, half, 0.25)
    np.testing.assert_allclose(scene.grey[0], 0.25, atol=1e-6)
    np.testing.assert_array_equal(scene.grey[1], before)
    scene.mark(ALL, half > 0, 3)
    assert scene.labels[0].min() == 3
    assert scene.labels[1].max() == 0


def test_pens() -> None:
    distance = np.array([-20, -5, 0, 5, 20], np.float32)
    np.testing.assert_allclose(fill(distance), [1, 1, 0.5, 0, 0])
    assert line(distance, -5, 5)[1] == 1
    assert line(distance, -5, 5)[4] < 1e-6


def test_slices_do_not_blur_into_each_other_and_photographs_are_8_bit() -> None:
    volume = np.zeros(GRID.shape, np.float32)
    volume[1, 64, 64] = 1
    blurred = blur(volume, GRID, 16)
    assert blurred[1].sum() == pytest.approx(1, abs=1e-4)
    assert blurred[[0, 2, 3]].max() == 0
    shot = photograph(np.random.default_rng(0), GRID, np.full(GRID.shape, 0.7, np.float32))
    assert shot.dtype == np.uint8
    assert 120 < shot.mean() < 180
    assert shot.std() > 4
