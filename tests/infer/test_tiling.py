"""Tiles cover every pixel, and blending them leaves no seam."""

from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.infer.tiling import MULTIPLE, Blend, Tile, cut_tile, ramp, starts, tile_grid

HALO = 32
SHAPES = [
    (1, 1),
    (5, 300),
    (16, 16),
    (100, 100),
    (128, 128),
    (129, 128),
    (191, 257),
    (500, 333),
    (768, 1024),
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("side", [128, 448])
def test_every_pixel_is_covered_by_tiles_of_one_size(shape: tuple[int, int], side: int) -> None:
    tiles = tile_grid(shape, side, HALO)
    covered = np.zeros(shape, int)
    for tile in tiles:
        covered[tile.inside(shape)] += 1
        assert tile.height % MULTIPLE == tile.width % MULTIPLE == 0
        assert tile.height <= side
        assert tile.width <= side
    assert covered.min() >= 1
    assert len({(t.height, t.width) for t in tiles}) == 1
    assert len(set(tiles)) == len(tiles)


@pytest.mark.parametrize("size", range(129, 1500, 37))
def test_neighbours_share_two_halos_and_no_tile_is_wasted(size: int) -> None:
    places = starts(size, 128, HALO)
    steps = np.diff(places)
    assert places[0] == 0
    assert places[-1] + 128 == size
    assert steps.max() <= 128 - 2 * HALO + 1
    assert len(places) == 1 + -(-(size - 128) // (128 - 2 * HALO))


def test_a_small_slice_gets_one_tile_of_its_own_size() -> None:
    assert tile_grid((40, 50), 448, HALO) == [Tile(0, 0, 48, 64)]


@pytest.mark.parametrize("shape", SHAPES)
def test_constants_stay_constants(shape: tuple[int, int]) -> None:
    blend = Blend(2, shape, HALO)
    for tile in tile_grid(shape, 128, HALO):
        blend.add(
            tile,
            np.stack([np.full((tile.height, tile.width), v, np.float32) for v in (-3.5, 7.25)]),
        )
    np.testing.assert_allclose(
        blend.result(),
        np.broadcast_to(np.array([-3.5, 7.25])[:, None, None], (2, *shape)),
        rtol=1e-5,
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_cut_comes_back_where_it_was(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).random(shape, np.float32)
    blend = Blend(1, shape, HALO)
    for tile in tile_grid(shape, 128, HALO):
        part = cut_tile(image, tile)
        assert part.shape == (tile.height, tile.width)
        blend.add(tile, part[None])
    np.testing.assert_allclose(blend.result()[0], image, rtol=1e-4)


def test_tiles_that_disagree_are_joined_without_a_jump() -> None:
    shape = (128, 300)
    blend = Blend(1, shape, HALO)
    for value, tile in enumerate(tile_grid(shape, 128, HALO)):
        blend.add(tile, np.full((1, tile.height, tile.width), value, np.float32))
    row = blend.result()[0, 64]
    assert row[0] == 0
    assert row[-1] == pytest.approx(3)
    assert np.abs(np.diff(row)).max() < 2.5 / HALO


def test_a_tile_is_mirrored_where_it_reaches_over_the_border() -> None:
    image = np.arange(3 * 20, dtype=np.float32).reshape(3, 20)
    part = cut_tile(image, Tile(0, 0, 16, 32))
    np.testing.assert_array_equal(part[:3, :20], image)
    np.testing.assert_array_equal(part[3], part[2])
    np.testing.assert_array_equal(part[:3, 20:32], image[:, :7:-1])


def test_weight_falls_only_towards_neighbours() -> None:
    weight = ramp(Tile(0, 60, 128, 128), (128, 400), HALO)
    np.testing.assert_array_equal(weight[0], weight[127])
    row = weight[0]
    assert row.max() > 0.99
    assert row[0] == row[-1] == pytest.approx(0.5 / (2 * HALO))
    assert (np.diff(row[: 2 * HALO]) > 0).all()
    corner = ramp(Tile(0, 0, 128, 128), (128, 400), HALO)
    assert (corner[:, :64] == 1).all()
    assert corner[0, -1] < 0.02


def test_weight_of_a_tile_no_wider_than_its_halos_is_positive() -> None:
    assert ramp(Tile(16, 16, 48, 48), (400, 400), HALO).min() > 0


def test_point_in_tile() -> None:
    tile = Tile(10, 20, 16, 32)
    assert tile.contains(10, 20)
    assert tile.contains(25.9, 51.9)
    assert not tile.contains(26, 30)
    assert not tile.contains(12, 19.9)
