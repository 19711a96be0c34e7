"""A slice as the network sees it: what is refused, the zoom, the views, and the key."""

from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.infer.prepared_slice import (
    UNCHANGED,
    VIEWS,
    AugmentedView,
    Slice,
    check_slice,
    embedding_key,
    resample,
    resampled_slice,
    zoomed,
)
from napari_scsam.infer.tiling import pixel_size_of, zoom_to
from napari_scsam.io.contrast import Contrast

CONTRAST = Contrast(0.0, 200.0)


def slice_of(height: int = 21, width: int = 34) -> Slice:
    grey = np.random.default_rng(0).random((height, width)).astype(np.float32)
    return Slice("key", (height, width), grey)


@pytest.mark.parametrize(
    ("pixels", "says"),
    [
        (np.zeros((4, 5, 3), np.uint8), r"the image is colour \(shape \(4, 5, 3\)\); convert it"),
        (np.zeros((4, 5, 4), np.uint8), "convert it to grey first"),
        (np.zeros((4, 5, 3)), r"the image has 3 axes \(shape \(4, 5, 3\)\); give one slice"),
        (np.zeros(7), "the image has 1 axes"),
        (np.zeros((0, 5)), r"the image is empty \(shape \(0, 5\)\); choose one with pixels"),
        (np.zeros((2, 2), bool), "the image has dtype bool; give integers or floats"),
        (np.zeros((2, 2), complex), "the image has dtype complex128"),
    ],
)
def test_what_is_no_grey_slice_is_told(pixels: np.ndarray, says: str) -> None:
    with pytest.raises(UserError, match=says):
        check_slice(pixels)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.float16, np.float64])
def test_integers_and_floats_pass_as_they_are(dtype: type) -> None:
    pixels = np.ones((1, 3), dtype)
    assert check_slice(pixels) is pixels


def test_the_zoom_brings_each_axis_to_the_pixel_size_of_the_model() -> None:
    assert zoom_to(8.0, (40.0, 4.0, 16.0)) == (0.5, 2.0)
    assert zoom_to(8.0, (4.0, 16.0)) == (0.5, 2.0)
    assert zoom_to(8.0, 8) == (1.0, 1.0)


def test_the_zoom_has_limits() -> None:
    assert zoom_to(8.0, (40.0, 0.1, 1000.0)) == (0.125, 4.0)


def test_an_unknown_size_leaves_the_slice_as_it_is() -> None:
    assert zoom_to(None, (40.0, 4.0, 16.0)) == zoom_to(8.0, None) == (1.0, 1.0)
    assert pixel_size_of(None) is None
    assert pixel_size_of((40.0, 4.0, 16.0)) == (4.0, 16.0)


def test_a_voxel_size_that_is_none_is_told() -> None:
    with pytest.raises(UserError, match="is not usable; give z y x in nanometres"):
        zoom_to(8.0, (0.0, 4.0))


def test_a_shape_never_shrinks_to_nothing() -> None:
    assert zoomed((21, 34), (0.5, 2.0)) == (10, 68)
    assert zoomed((1, 3), (0.125, 0.125)) == (1, 1)


def test_halving_averages_and_a_ramp_stays_a_ramp() -> None:
    ramp = np.broadcast_to(np.arange(16, dtype=np.float32), (2, 8, 16))
    half = resample(ramp, (4, 8))
    assert half.shape == (2, 4, 8)
    np.testing.assert_allclose(half[:, :, 1:-1], np.tile(2 * np.arange(1, 7) + 0.5, (2, 4, 1)))
    twice = resample(ramp, (8, 32))
    np.testing.assert_allclose(twice[0, 0, 1:-1], np.arange(1, 31) / 2 - 0.25, atol=1e-5)


def test_a_map_of_its_own_size_is_not_touched() -> None:
    maps = np.random.default_rng(0).random((2, 5, 7)).astype(np.float32)
    assert resample(maps, (5, 7)) is maps


def test_a_prepared_slice_is_normalised_before_it_is_resampled() -> None:
    pixels = np.full((9, 15), 100, np.uint16)
    pixels[0, 0] = 60000  # clipped to 1: it does not shine over its neighbours
    made = resampled_slice("k", pixels, CONTRAST, (1.0, 2.0), (8.0, 4.0))
    assert (made.shape, made.model_shape, made.pixel_size) == ((9, 15), (9, 30), (8.0, 4.0))
    assert made.zoom == (1.0, 2.0)
    assert made.grey.max() == 1.0
    np.testing.assert_allclose(made.grey[2:, 4:], 0.5)


def test_the_zoom_of_a_slice_is_that_of_its_pixels() -> None:
    made = resampled_slice("k", np.zeros((5, 7)), CONTRAST, (0.5, 0.5), None)
    assert made.model_shape == (2, 4)
    assert made.zoom == (2 / 5, 4 / 7)


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_turned_back_lies_over_the_slice(view: AugmentedView) -> None:
    grey = slice_of().grey
    seen = view.of(grey)
    assert seen.shape == (round(21 * view.zoom), round(34 * view.zoom))
    back = view.back(seen[None])[0]
    straight = AugmentedView(zoom=view.zoom).of(grey)
    np.testing.assert_array_equal(back, straight)


def test_the_turned_view_is_upside_down_and_mirrored() -> None:
    grey = slice_of().grey
    np.testing.assert_array_equal(VIEWS[0].of(grey), np.rot90(grey, 2))
    assert VIEWS[-1] == UNCHANGED


def test_each_view_is_made_once_and_has_a_key_of_its_own() -> None:
    made = slice_of()
    views = [made.augmented(view) for view in VIEWS]
    assert views[-1] is made
    assert len({view.key for view in views}) == 4
    assert all(made.augmented(view) is known for view, known in zip(VIEWS, views, strict=True))
    assert {view.shape for view in views} == {made.shape}


def test_logits_of_one_class_are_dropped_for_all_numbers_of_views() -> None:
    made = slice_of()
    for key in (("PSD", 1), ("PSD", 4), ("PSD 2", 1)):
        made.logits[key] = made.grey
    made.drop_logits("PSD")
    made.drop_logits("never there")
    assert set(made.logits) == {("PSD 2", 1)}


def test_the_tiles_of_a_side_are_cut_once_and_cover_the_slice() -> None:
    made = slice_of(300, 170)
    grid = made.grid(128)
    assert made.grid(128) is grid
    assert len(made.grid(512).tiles) == 1
    covered = np.zeros((300, 170), bool)
    for tile in grid.tiles:
        assert max(tile.height, tile.width) <= 128
        covered[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width] = True
    assert covered.all()


def test_keys_differ_where_the_network_sees_something_else() -> None:
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    zoom = (1.0, 1.0)
    keys = [
        embedding_key(pixels, CONTRAST, zoom, None),
        embedding_key(pixels + 1, CONTRAST, zoom, None),
        embedding_key(pixels.reshape(3, 2), CONTRAST, zoom, None),
        embedding_key(pixels.view(np.int8), CONTRAST, zoom, None),
        embedding_key(pixels, Contrast(0.0, 100.0), zoom, None),
        embedding_key(pixels, CONTRAST, (1.0, 2.0), None),
        embedding_key(pixels, CONTRAST, zoom, ("volume", 3)),
    ]
    assert len(set(keys)) == len(keys)
    turned = np.ascontiguousarray(pixels.T).T
    assert embedding_key(turned, CONTRAST, zoom, None) == keys[0], "memory order is not seen"
    assert embedding_key(turned, CONTRAST, zoom, ("volume", 3)) == keys[-1]
    changed = embedding_key(pixels + 1, CONTRAST, zoom, ("volume", 3))
    assert changed not in keys, "the name of a slice does not stand for its pixels"
