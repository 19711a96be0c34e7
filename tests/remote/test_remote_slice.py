"""A slice on its way to a server."""

from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.io.contrast import Contrast
from napari_scsam.remote.remote_slice import SliceNames, hash_of, remote_slice

IMAGE = np.arange(12, dtype=np.uint8).reshape(3, 4)


def test_arrays_that_differ_in_values_type_or_shape_have_different_hashes():
    changed = IMAGE.copy()
    changed[2, 3] += 1
    others = [changed, IMAGE.astype(np.uint16), IMAGE.reshape(4, 3), IMAGE.view(np.int8)]
    assert len({hash_of(each) for each in [IMAGE, *others]}) == 5
    assert hash_of(np.asfortranarray(IMAGE)) == hash_of(IMAGE)
    assert hash_of(np.zeros((0, 4), np.uint8)) != hash_of(np.zeros((4, 0), np.uint8))


def test_values_of_either_byte_order_are_one_slice():
    big = IMAGE.astype(">u2")
    slices = [remote_slice(each, None, None, None, "") for each in (big, big.astype("<u2"))]
    assert slices[0].ref == slices[1].ref
    assert slices[0].pixels.dtype.str == "<u2"
    np.testing.assert_array_equal(slices[0].pixels, IMAGE)


def test_the_size_along_y_and_x_and_the_contrast_are_sent():
    found = remote_slice(IMAGE, (40.0, 8.0, 6.0), Contrast(1.0, 9.0), ("layer", 3), "slice 1")
    assert found.pixel_size == (8.0, 6.0)
    assert found.ref.contrast == (1.0, 9.0)
    assert (found.shape, found.key, found.ref.name) == ((3, 4), ("layer", 3), "slice 1")


@pytest.mark.parametrize(
    ("image", "why"),
    [
        (np.zeros((2, 3, 4)), "3 axes"),
        (np.zeros(5), "1 axes"),
        (np.zeros((2, 3), bool), "dtype bool"),
        (np.zeros((2, 3), complex), "dtype complex"),
        (np.zeros((2, 3), object), "dtype object"),
        (np.full((2, 3), "x"), "dtype"),
    ],
)
def test_what_is_no_grey_slice_is_refused_before_it_is_sent(image, why):
    with pytest.raises(UserError, match=why):
        remote_slice(image, None, None, None, "")


def test_names_tell_places_apart_and_say_nothing_of_them():
    names = SliceNames()
    first = names.of(("secret project", 1))
    assert first == names.of(("secret project", 1))
    assert first != names.of(("secret project", 2))
    assert "secret" not in first
    assert names.of(None) == ""
