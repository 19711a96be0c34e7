"""How large compressed bytes will be, and a limit on it.

A few bytes can inflate to many gigabytes. So the size of a stream is compared with the metadata
before a library decodes it at once. The stream states that size, or it is measured piece by piece.
"""

from __future__ import annotations

import bz2
import lzma
import os
import zlib
from collections.abc import Callable, Mapping
from typing import Any

HARMLESS = 1 << 26
"""Bytes that may always be inflated: 64 MiB."""

DEFLATE_RATIO = 1032
"""Most bytes that one byte of deflate becomes; https://zlib.net/zlib_tech.html"""

PIECE = 1 << 20
"""Bytes that are inflated at a time to measure a stream."""

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
BLOSC_HEADER = 16
BLOSC_COPIED = 0x2
"""Flag of a chunk that blosc did not compress."""


def memory_of_machine() -> int:
    """Return the bytes of memory of this computer; 64 GiB where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return 1 << 36


def check_inflated_size(kind: str, data: bytes, limit: int) -> None:
    """Check that compressed bytes do not inflate to more than a limit.

    Parameters
    ----------
    kind
        Name of the compression, as numcodecs spells it; one of `COMPRESSIONS`.
    data
        The compressed bytes.
    limit
        In bytes.

    Raises
    ------
    ValueError
        When they would, or their header makes no sense.
    """
    COMPRESSIONS[kind](data, limit)


def _refuse(size: int | str, limit: int) -> ValueError:
    return ValueError(f"a part would inflate to {size} bytes, but its metadata say {limit}")


def _check_zstd(data: bytes, limit: int) -> None:
    size = zstd_size(data)
    if size is not None and size > limit:
        raise _refuse(size, limit)
    if size is None:  # a frame that was streamed into the file does not state it
        import imagecodecs

        imagecodecs.zstd_decode(data, out=limit)


def zstd_size(data: bytes) -> int | None:
    """Return the size that the header of a zstd frame states; None without one.

    See https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1

    Raises
    ------
    ValueError
        When it is not a frame.
    """
    if data[:4] != ZSTD_MAGIC or len(data) < 6:
        raise ValueError("a chunk is not zstd, as its metadata say")
    start, width = _zstd_field(data[4])
    if width == 0:
        return None
    size = int.from_bytes(data[start : start + width], "little")
    if width == 2:
        return size + 256
    return size


def _zstd_field(flags: int) -> tuple[int, int]:
    """Return where a zstd frame states its size, and in how many bytes."""
    single = bool(flags & 0x20)
    start = 5 + (0 if single else 1) + (0, 1, 2, 4)[flags & 3]
    return start, (int(single), 2, 4, 8)[flags >> 6]


def _check_blosc(data: bytes, limit: int) -> None:
    """Check the header and the offsets of blocks, which blosc trusts.

    See https://github.com/Blosc/c-blosc/blob/main/README_CHUNK_FORMAT.rst
    """
    header = data[:BLOSC_HEADER]
    if len(header) < BLOSC_HEADER:
        raise ValueError("a chunk is too short for blosc")
    flags = header[2]
    size, block, stored = (int.from_bytes(header[i : i + 4], "little") for i in (4, 8, 12))
    if size > limit:
        raise _refuse(size, limit)
    if stored != len(data) or not header[3] > 0 or not 0 < block <= max(size, 1):
        raise ValueError("the header of a blosc chunk is damaged")
    if flags & BLOSC_COPIED:
        if stored < size + BLOSC_HEADER:
            raise ValueError("a blosc chunk is cut off")
        return
    table = BLOSC_HEADER + 4 * -(-size // block)
    if table > stored:
        raise ValueError("a blosc chunk is cut off")
    for at in range(BLOSC_HEADER, table, 4):
        if not table <= int.from_bytes(data[at : at + 4], "little") <= stored - 4:
            raise ValueError("the blocks of a blosc chunk lie outside of it")


def _check_lz4(data: bytes, limit: int) -> None:
    size = int.from_bytes(data[:4], "little")
    if size > limit:
        raise _refuse(size, limit)


def _check_zlib(data: bytes, limit: int) -> None:
    _inflate(data, limit)


def _check_gzip(data: bytes, limit: int) -> None:
    """Check a gzip file, which may have several members."""
    total = 0
    while data:
        size, data = _inflate(data, limit - total)
        total += size
        data = data.lstrip(b"\0")


def _inflate(data: bytes, limit: int) -> tuple[int, bytes]:
    """Return the size of a stream of deflate, and what follows it.

    What is short enough to be harmless is not measured.
    """
    if len(data) * DEFLATE_RATIO <= max(limit, HARMLESS):
        return 0, b""
    total = 0
    stream = zlib.decompressobj(zlib.MAX_WBITS | 32)  # zlib or gzip, as its header says
    while not stream.eof:
        piece = stream.decompress(data, PIECE)
        data = stream.unconsumed_tail
        total += len(piece)
        if total > limit:
            raise _refuse(f"more than {limit}", limit)
        if not data and not piece and not stream.eof:
            raise ValueError("a chunk is cut off")
    return total, stream.unused_data


def _check_bz2(data: bytes, limit: int) -> None:
    _measure(bz2.BZ2Decompressor, data, limit)


def _check_lzma(data: bytes, limit: int) -> None:
    _measure(lambda: lzma.LZMADecompressor(memlimit=HARMLESS * 4), data, limit)


def _measure(create: Callable[[], Any], data: bytes, limit: int) -> None:
    total = 0
    while data:
        stream = create()
        piece = data
        while not stream.eof:
            total += len(stream.decompress(piece, PIECE))
            piece = b""
            if total > limit:
                raise _refuse(f"more than {limit}", limit)
            if stream.needs_input and not stream.eof:
                raise ValueError("a chunk is cut off")
        data = stream.unused_data


def _accept(data: bytes, limit: int) -> None:
    """Accept what keeps the size of its data, give or take a checksum."""


COMPRESSIONS: Mapping[str, Callable[[bytes, int], None]] = {
    "zstd": _check_zstd,
    "blosc": _check_blosc,
    "lz4": _check_lz4,
    "gzip": _check_gzip,
    "zlib": _check_zlib,
    "bz2": _check_bz2,
    "lzma": _check_lzma,
    **dict.fromkeys(
        (
            *("bytes", "transpose", "shuffle", "bitround", "quantize", "delta", "astype"),
            *("fixedscaleoffset", "packbits", "sharding_indexed"),
            *("crc32c", "crc32", "adler32", "fletcher32", "jenkins_lookup3"),
        ),
        _accept,
    ),
}
"""Compressions and filters of zarr that are read.

Others, such as numcodecs' ``pickle``, which runs code, are refused."""
