"""Compressed bytes are measured before they are inflated."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tracemalloc
import zlib

import imagecodecs
import numcodecs
import numpy as np
import pytest

from napari_scsam.io.untrusted.sizes import HARMLESS, check_inflated_size, zstd_size

LARGE = HARMLESS + (1 << 20)
"""Bytes that are just no longer harmless."""

ZEROS = bytes(LARGE)

BOMBS = {
    "zlib": zlib.compress(ZEROS, 9) * 1 + bytes(100_000),
    "gzip": gzip.compress(ZEROS, 1),
    "bz2": bz2.compress(ZEROS),
    "lzma": lzma.compress(ZEROS),
    "zstd": imagecodecs.zstd_encode(ZEROS),
    "lz4": bytes(numcodecs.LZ4().encode(ZEROS)),
    "blosc": bytes(numcodecs.Blosc("zstd").encode(ZEROS)),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_refused_and_takes_no_memory(kind: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="would inflate to"):
            check_inflated_size(kind, BOMBS[kind], 4096)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < HARMLESS / 4


@pytest.mark.parametrize("kind", BOMBS)
def test_what_has_the_stated_size_is_let_through(kind: str) -> None:
    check_inflated_size(kind, BOMBS[kind], LARGE)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("zstd", b""),
        ("zstd", b"\x28\xb5\x2f\xfd"),
        ("zstd", b"hello world"),
        ("blosc", b""),
        ("blosc", bytes(16)),
        ("blosc", b"\x02\x01\x01\x01\x00\x00\xff\xff" + bytes(8)),
    ],
)
def test_headers_that_make_no_sense_are_refused(kind: str, data: bytes) -> None:
    with pytest.raises(ValueError, match=r"chunk|inflate"):
        check_inflated_size(kind, data, 1 << 20)


@pytest.mark.parametrize("at", range(16, 32, 4))
def test_a_block_of_blosc_outside_of_the_chunk_is_refused(at: int) -> None:
    noise = np.random.default_rng(0).integers(0, 4, 1 << 20).astype(np.uint8)
    data = bytearray(numcodecs.Blosc("lz4", blocksize=1 << 18).encode(noise))
    check_inflated_size("blosc", bytes(data), 1 << 20)
    data[at : at + 4] = (2**31 - 1).to_bytes(4, "little")
    with pytest.raises(ValueError, match="outside of it"):
        check_inflated_size("blosc", bytes(data), 1 << 20)


@pytest.mark.parametrize("size", [0, 1, 255, 256, 65_791, 65_792, 1 << 20])
def test_a_zstd_frame_states_its_size(size: int) -> None:
    assert zstd_size(imagecodecs.zstd_encode(bytes(size))) == size
