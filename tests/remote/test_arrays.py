"""What arrays become on the wire."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_scsam.errors import UserError
from napari_scsam.remote.arrays import DTYPES, WireArray, declared_size, pack, pack_labels, unpack

SHAPES = arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=12)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(DTYPES).flatmap(lambda kind: arrays.arrays(np.dtype(kind), SHAPES)))
def test_every_array_comes_back_as_it_was(values):
    for wire in (pack(values), pack_labels(values) if values.dtype != bool else pack(values)):
        found = unpack(wire)
        assert found.dtype == values.dtype
        np.testing.assert_array_equal(found, values)


def test_a_smooth_slice_becomes_small_and_noise_no_larger():
    rows, columns = np.mgrid[:512, :512]
    smooth = (100 + 50 * np.sin(rows / 40) + columns / 9).astype(np.uint8)
    assert len(pack(smooth).data) < smooth.nbytes / 4
    noise = np.random.default_rng(0).integers(0, 256, (512, 512), dtype=np.uint8)
    wire = pack(noise)
    assert len(wire.data) < noise.nbytes * 1.01
    np.testing.assert_array_equal(unpack(wire), noise)


def test_an_array_that_is_larger_than_allowed_is_not_decoded():
    wire = pack(np.zeros((1000, 1000), np.uint8))
    with pytest.raises(UserError, match="limit"):
        unpack(wire, 999_999)


def test_data_that_hold_more_than_they_declare_are_refused():
    bomb = pack_labels(np.zeros((4000, 4000), np.uint8))
    for shape in ((10, 10), (3999, 4000), (4001, 4000)):
        with pytest.raises(UserError, match="damaged"):
            unpack(bomb.model_copy(update={"shape": shape}))


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(["jpegls", "jpegxl", "zstd", "bits"]), st.binary(max_size=200), st.data())
def test_damaged_data_are_refused_in_a_sentence(codec, junk, data):
    pixels = np.arange(35, dtype=np.uint8).reshape(5, 7)
    smooth = np.add.outer(np.arange(31), np.arange(20)).astype(np.uint8)
    whole = {
        "jpegls": pack(pixels),
        "jpegxl": pack(smooth),
        "zstd": pack_labels(pixels),
        "bits": pack(pixels > 9),
    }[codec]
    cut = data.draw(st.integers(0, len(whole.data)))
    broken = WireArray(
        dtype=whole.dtype, shape=whole.shape, codec=codec, data=whole.data[:cut] + junk
    )
    try:
        found = unpack(broken)
    except UserError:
        return
    assert found.shape == whole.shape


def test_the_size_that_a_frame_declares_is_read():
    for size in (1, 200, 300, 70_000):
        assert declared_size(pack_labels(np.zeros(size, np.uint8)).data) == size
    assert declared_size(b"no frame") is None
