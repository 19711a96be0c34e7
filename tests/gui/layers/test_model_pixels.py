from __future__ import annotations

import numpy as np

from napari_scsam.gui.layers.model_pixels import REMEMBERED, ModelPixels, pack_band


def written(*planes: np.ndarray) -> ModelPixels:
    pixels = ModelPixels()
    for plane in planes:
        pixels.add_write([pack_band(plane[:2]), pack_band(plane[2:])])
    return pixels


FIRST = np.eye(4, dtype=np.uint8)
SECOND = FIRST + 2 * np.eye(4, k=1, dtype=np.uint8)


def bands(plane):
    return plane[:2], plane[2:]


def test_bands_come_back_as_written_and_background_before_the_first_write():
    pixels = written(FIRST, SECOND)
    np.testing.assert_array_equal(pixels.band(1, FIRST[2:]), SECOND[2:])
    np.testing.assert_array_equal(pixels.band(1, FIRST[2:], before=1), FIRST[2:])
    assert not pixels.band(1, FIRST[2:], before=2).any()
    assert not ModelPixels().band(0, FIRST[:2]).any()


def test_a_write_stands_while_any_pixel_that_it_changed_holds_its_value():
    pixels = written(FIRST, SECOND)
    edited = np.zeros_like(SECOND)
    edited[2, 3] = 2
    assert not pixels.is_gone(bands(edited))
    assert pixels.is_gone(bands(FIRST))
    assert not pixels.is_gone(bands(FIRST), before=1)
    assert pixels.is_gone(bands(np.zeros_like(FIRST)), before=1)
    assert not pixels.is_gone(bands(np.zeros_like(FIRST)), before=2)
    pixels.forget(1)
    assert pixels.is_gone(bands(np.zeros_like(FIRST)))


def test_memory_is_bounded():
    pixels = written(*[np.full((4, 4), i, np.uint8) for i in range(1, REMEMBERED + 5)])
    assert not pixels.band(0, FIRST[:2], before=REMEMBERED).any()
    assert len(pack_band(np.zeros((1024, 1024), np.uint8))) < 10_000
