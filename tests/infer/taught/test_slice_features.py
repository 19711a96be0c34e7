"""Features of a slice: tiles are joined on one grid without seams."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_scsam.infer.slice_encoder import SliceEncoder
from napari_scsam.infer.taught.scale_space import FILTER_COUNT, FINE_CELL, scale_space
from napari_scsam.infer.taught.slice_features import (
    FUSED_STRIDE,
    cell_centres,
    inside,
    join_tiles,
    read_at,
    slice_features,
)
from napari_scsam.infer.tiling import HALO, Tile, tile_grid
from napari_scsam.model import ScSAM


def test_centres_are_in_the_middles_of_cells() -> None:
    assert cell_centres(8, 4).tolist() == [2.0, 6.0]
    assert cell_centres(6, 2).tolist() == [1.0, 3.0, 5.0]


def test_a_part_of_a_cell_at_the_border_has_its_middle_in_the_slice() -> None:
    assert cell_centres(9, 4).tolist() == [2.0, 6.0, 8.0]
    assert cell_centres(1, 16).tolist() == [0.0]


def test_cells_belong_to_a_tile_when_their_middles_do() -> None:
    middles = cell_centres(32, 4)  # 2, 6, …, 30
    assert inside(middles, 0, 32) == slice(0, 8)
    assert inside(middles, 6, 8) == slice(1, 3)
    assert inside(middles, 7, 8) == slice(2, 4)


def ramp_map(tile: Tile, stride: int) -> torch.Tensor:
    """Return what a network would that sees where it is: y and x of each of its cells."""
    y = tile.y + (torch.arange(tile.height // stride) + 0.5) * stride
    x = tile.x + (torch.arange(tile.width // stride) + 0.5) * stride
    return torch.stack(torch.meshgrid(y, x, indexing="ij"))[None]


def test_maps_are_read_at_pixels_of_the_tile() -> None:
    tile = Tile(0, 0, 32, 48)
    values = ramp_map(tile, 16)
    found = read_at(values, tile, torch.tensor([8.0, 16.0]), torch.tensor([8.0, 24.0, 32.0]))
    assert found.shape == (2, 2, 3)
    torch.testing.assert_close(found[0, :, 0], torch.tensor([8.0, 16.0]))
    torch.testing.assert_close(found[1, 0], torch.tensor([8.0, 24.0, 32.0]))


def test_what_is_read_at_the_border_is_the_cell_there() -> None:
    tile = Tile(0, 0, 32, 32)
    found = read_at(ramp_map(tile, 16), tile, torch.tensor([0.0]), torch.tensor([31.0]))
    assert found[:, 0, 0].tolist() == [8.0, 24.0]


@pytest.mark.parametrize("stride", [2, 16])
@pytest.mark.parametrize("shape", [(128, 128), (160, 304), (150, 130)])
def test_tiles_are_joined_in_their_places_and_without_seams(
    shape: tuple[int, int], stride: int
) -> None:
    tiles = tile_grid(shape, 128, HALO)
    joined = join_tiles(tiles, [ramp_map(tile, stride) for tile in tiles], shape, stride)
    rows, columns = (-(-size // stride) for size in shape)
    assert joined.shape == (2, rows, columns)
    y, x = (cell_centres(size, stride).numpy() for size in shape)
    inner = np.s_[1:-1, 1:-1]  # at the border the nearest cell is read
    np.testing.assert_allclose(
        joined[0][inner], np.broadcast_to(y[:, None], (rows, columns))[inner], atol=stride / 2
    )
    np.testing.assert_allclose(
        joined[1][inner], np.broadcast_to(x, (rows, columns))[inner], atol=stride / 2
    )
    assert np.ptp(joined[0], axis=1).max() < 1e-3, "rows are straight across tiles"


def test_one_tile_counts_more_the_farther_its_border_is() -> None:
    tiles = tile_grid((128, 192), 128, HALO)
    assert len(tiles) == 2
    maps = [
        torch.full((1, 1, t.height // 16, t.width // 16), float(n)) for n, t in enumerate(tiles)
    ]
    joined = join_tiles(tiles, maps, (128, 192), 16)[0]
    assert joined[0, 0] == 0
    assert joined[0, -1] == 1
    assert (np.diff(joined, axis=1) >= 0).all()
    assert 0 < joined[0, joined.shape[1] // 2] < 1


@pytest.fixture
def encoder(random_model: ScSAM) -> SliceEncoder:
    encoder = SliceEncoder(random_model, "cpu")
    encoder.set_image(np.random.default_rng(0).integers(0, 255, (100, 180)).astype(np.uint8))
    return encoder


def test_a_slice_shows_its_scale_space_and_both_maps_of_the_network(encoder: SliceEncoder) -> None:
    features = slice_features(encoder)
    detail = encoder.embed(encoder.tiles()[0]).detail.shape[1]
    assert features.fine.shape == (FILTER_COUNT + detail, 50, 90)
    assert features.fused.shape == (256, -(-100 // FUSED_STRIDE), -(-180 // FUSED_STRIDE))
    assert features.fine.dtype == features.fused.dtype == np.float32
    np.testing.assert_array_equal(features.fine[:FILTER_COUNT], scale_space(encoder.slice.grey))
    assert np.isfinite(features.fine).all()


def test_a_slice_of_one_tile_shows_what_the_network_sees(encoder: SliceEncoder) -> None:
    encoder.set_image(np.random.default_rng(1).integers(0, 255, (96, 96)).astype(np.uint8))
    (tile,) = encoder.tiles()
    embedding = encoder.embed(tile)
    features = slice_features(encoder)
    np.testing.assert_allclose(features.fused, embedding.fused[0].float().numpy(), atol=1e-4)
    np.testing.assert_allclose(
        features.fine[FILTER_COUNT:], embedding.detail[0].float().numpy(), atol=1e-4
    )
    assert embedding.detail.shape[2] == 96 // FINE_CELL
