from __future__ import annotations

import asyncio
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import MemoryStore

from napari_scsam.io.formats.n5_array import N5Array

ATTRIBUTES = {
    "dimensions": [5, 4, 3],
    "blockSize": [2, 2, 2],
    "dataType": "uint16",
    "compression": {"type": "raw"},
}
VALUES = np.arange(60, dtype=np.uint16).reshape(3, 4, 5)


def block(values: np.ndarray, *, mode: int = 0, sizes: tuple[int, ...] | None = None) -> bytes:
    sizes = sizes or values.shape
    head = struct.pack(f">2H{len(sizes)}I", mode, len(sizes), *reversed(sizes))
    if mode == 1:
        head += struct.pack(">I", values.size)
    return head + values.astype(values.dtype.newbyteorder(">")).tobytes()


def put(store: MemoryStore, key: str, data: bytes) -> None:
    asyncio.run(store.set(key, default_buffer_prototype().buffer.from_bytes(data)))


@pytest.fixture
def store() -> MemoryStore:
    """Return a store in which one block is as long as the blocks of its kind, with a count."""
    store = MemoryStore()
    for z in range(2):
        for y in range(2):
            for x in range(3):
                part = VALUES[2 * z : 2 * z + 2, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2]
                put(store, f"em/{x}/{y}/{z}", block(part, mode=int(x == 1)))
    return store


@pytest.fixture
def array(store: MemoryStore) -> N5Array:
    return N5Array(store, "em", ATTRIBUTES)


@pytest.mark.parametrize(
    "key",
    [
        np.s_[:, :, :],
        np.s_[1, :, :],
        np.s_[:, 3, 2:],
        np.s_[2, 1, 4],
        np.s_[::2, 1::2, ::3],
        np.s_[-1, -2, -3:],
        np.s_[1:2, 0:0, :],
        np.s_[::-1, :, 0],
    ],
)
def test_parts_are_those_of_numpy(array: N5Array, key: tuple[Any, ...]) -> None:
    read = array[key]
    np.testing.assert_array_equal(read, VALUES[key])
    assert read.dtype == np.uint16


def test_axes_are_the_other_way_round_in_the_file(array: N5Array) -> None:
    assert array.shape == (3, 4, 5)
    assert array.chunks == (2, 2, 2)
    assert array.ndim == 3


def test_a_block_that_was_never_written_is_zeros(store: MemoryStore, array: N5Array) -> None:
    asyncio.run(store.delete("em/0/0/0"))
    read = array[:, :, :]
    assert not read[:2, :2, :2].any()
    np.testing.assert_array_equal(read[2:], VALUES[2:])


@pytest.mark.parametrize("wbits", [zlib.MAX_WBITS, zlib.MAX_WBITS | 16])
def test_gzip_may_be_zlib(store: MemoryStore, wbits: int) -> None:
    packer = zlib.compressobj(wbits=wbits)
    whole = block(VALUES[:2, :2, :2])
    head, data = whole[:16], whole[16:]
    put(store, "em/0/0/0", head + packer.compress(data) + packer.flush())
    array = N5Array(store, "em", {**ATTRIBUTES, "compression": {"type": "gzip"}})
    np.testing.assert_array_equal(array[:2, :2, :2], VALUES[:2, :2, :2])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\0", "damaged"),
        (block(VALUES[:2, :2, :2], mode=2), "has the mode 2 and 3 axes"),
        (block(VALUES[0, :2, :2]), "has the mode 0 and 2 axes"),
        (block(VALUES[:2, :2, :2], sizes=(2, 2, 3)), "states the size (2, 2, 3)"),
        (block(VALUES[:2, :2, :2], sizes=(0, 2, 2)), "states the size (0, 2, 2)"),
        (block(VALUES[:2, :2, :2])[:-1], "holds 15 bytes instead of 16"),
        (block(VALUES[:2, :2, :2]) + b"\0", "holds 17 bytes instead of 16"),
    ],
)
def test_a_damaged_block_is_named_with_the_reason(
    store: MemoryStore, array: N5Array, data: bytes, reason: str
) -> None:
    put(store, "em/0/0/0", data)
    with pytest.raises(ValueError, match="its block em/0/0/0 is damaged") as caught:
        array[0, 0, 0]
    assert reason in str(caught.value)
    np.testing.assert_array_equal(array[2, :, :], VALUES[2])


@pytest.mark.parametrize(
    "change",
    [
        {"dataType": "complex64"},
        {"dataType": "float16"},
        {"blockSize": [2, 2]},
        {"dimensions": [5]},
        {"dimensions": [1] * 6, "blockSize": [1] * 6},
        {"dimensions": [0, 4, 3]},
        {"blockSize": [2, -2, 2]},
        {"compression": {"type": "lz4"}},
        {"compression": {}},
    ],
)
def test_metadata_that_make_no_sense_are_refused(
    store: MemoryStore, change: dict[str, Any]
) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # whatever it is
        N5Array(store, "em", {**ATTRIBUTES, **change})


def test_the_compression_of_old_files_is_a_word(store: MemoryStore) -> None:
    old = {key: value for key, value in ATTRIBUTES.items() if key != "compression"}
    np.testing.assert_array_equal(N5Array(store, "em", old)[0, :, :], VALUES[0])
    named = N5Array(store, "em", {**old, "compressionType": "raw"})
    np.testing.assert_array_equal(named[0, :, :], VALUES[0])
    with pytest.raises(ValueError, match="'lz4' is not supported; use gzip"):
        N5Array(store, "em", {**old, "compressionType": "lz4"})
