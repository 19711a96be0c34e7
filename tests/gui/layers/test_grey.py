"""RGB images that are grey are segmented as grey images are."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import zarr
from at_once import AtOnce
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_scsam.gui.layers.grey import is_grey
from napari_scsam.gui.layers.plane import full_resolution
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.segment import Segmenting

GREY = np.arange(4 * 20 * 30, dtype=np.uint8).reshape(4, 20, 30)


def coloured(grey: np.ndarray, alpha: bool = False) -> np.ndarray:
    channels = [grey, grey, grey]
    if alpha:
        channels.append(np.full_like(grey, 255))
    return np.stack(channels, axis=-1)


def as_zarr(data: np.ndarray) -> zarr.Array:
    array = zarr.create_array(zarr.storage.MemoryStore(), shape=data.shape, dtype=data.dtype)
    array[...] = data
    return array


@pytest.mark.parametrize("wrap", [np.asarray, da.from_array, as_zarr])
@pytest.mark.parametrize("alpha", [False, True])
def test_equal_colours_are_grey(wrap, alpha):
    layer = Image(wrap(coloured(GREY, alpha)), rgb=True)
    assert is_grey(layer)
    data = full_resolution(layer)
    assert data.shape == GREY.shape
    assert data.dtype == GREY.dtype
    assert data.nbytes == GREY.nbytes
    for key in (
        2,
        (2, slice(3, 9)),
        (slice(None), 4),
        ...,
        (slice(1, 3), slice(2, 5), slice(1, 7)),
    ):
        np.testing.assert_array_equal(data[key], GREY[key])
    np.testing.assert_array_equal(np.asarray(data), GREY)


def test_one_pixel_of_colour_is_no_grey():
    pixels = coloured(GREY[0])
    pixels[7, 9, 1] += 1
    assert not is_grey(Image(pixels, rgb=True))


def test_a_grey_picture_in_colours_is_segmented(fake_engine, info, stack):
    viewer = ViewerModel()
    session = Session(viewer, fake_engine, AtOnce)
    session.choices.choose_checkpoint(info)
    session.choices.choose_image(viewer.add_image(coloured(stack), rgb=True))
    session.part(Segmenting).segment()
    (labels,) = (layer for layer in viewer.layers if isinstance(layer, Labels))
    assert labels.data.shape == stack.shape
    assert labels.data.any()
    z = viewer.dims.current_step[0]
    np.testing.assert_array_equal(fake_engine.predictor.image, stack[z])
