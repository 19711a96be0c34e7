"""The size in pixels that the header of a compressed image states."""

from __future__ import annotations

from collections.abc import Callable, Mapping

ImageSize = tuple[int, int]
"""Height and width in pixels."""

FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of JPEG that begin a frame: those between are tables."""

ALONE = frozenset((0x01, *range(0xD0, 0xD9)))
"""Markers of JPEG without a length."""


def jpeg_size(data: bytes) -> ImageSize:
    """Return the size of a JPEG (ITU T.81, annex B)."""
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            at += 1
            continue
        marker = data[at + 1]
        if marker in FRAMES:
            return _number(data, at + 5, 2), _number(data, at + 7, 2)
        if marker == 0xFF:
            at += 1
        elif marker in ALONE:
            at += 2
        else:
            at += 2 + max(2, _number(data, at + 2, 2))
    raise ValueError("a JPEG states no size")


def jpeg2000_size(data: bytes) -> ImageSize:
    """Return the size of a JPEG 2000 codestream (ITU T.800, annex A.5.1)."""
    at = data.find(b"\xff\x4f\xff\x51")
    if at < 0 or at + 24 > len(data):
        raise ValueError("a JPEG 2000 states no size")
    return _number(data, at + 12, 4), _number(data, at + 8, 4)


def png_size(data: bytes) -> ImageSize:
    """Return the size of a PNG (https://www.w3.org/TR/png-3/#11IHDR)."""
    if data[12:16] != b"IHDR" or len(data) < 24:
        raise ValueError("a PNG states no size")
    return _number(data, 20, 4), _number(data, 16, 4)


def webp_size(data: bytes) -> ImageSize:
    """Return the size of a WebP (https://www.rfc-editor.org/rfc/rfc9649)."""
    kind = data[12:16]
    if len(data) < 30:
        raise ValueError("a WebP states no size")
    if kind == b"VP8X":
        return _little(data, 27, 3) + 1, _little(data, 24, 3) + 1
    if kind == b"VP8L":
        bits = _little(data, 21, 4)
        return (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1
    return _little(data, 28, 2) & 0x3FFF, _little(data, 26, 2) & 0x3FFF


def lerc_size(data: bytes) -> ImageSize:
    """Return the size of a LERC (https://github.com/Esri/lerc/blob/master/doc/MORE.md)."""
    if data[:9] == b"CntZImage":
        return _little(data, 18, 4), _little(data, 22, 4)
    version = _little(data, 6, 4)
    at = 14 if version >= 3 else 10
    if data[:6] != b"Lerc2 " or len(data) < at + 8:
        raise ValueError("a LERC states no size")
    return _little(data, at, 4), _little(data, at + 4, 4)


def _number(data: bytes, at: int, width: int) -> int:
    return int.from_bytes(data[at : at + width], "big")


def _little(data: bytes, at: int, width: int) -> int:
    return int.from_bytes(data[at : at + width], "little")


SIZE_READERS: Mapping[int, Callable[[bytes], ImageSize]] = {
    **dict.fromkeys((6, 7, 33007, 34892), jpeg_size),
    **dict.fromkeys((33003, 33004, 33005, 34712), jpeg2000_size),
    **dict.fromkeys((34927, 50001), webp_size),
    34933: png_size,
    34887: lerc_size,
}
"""Readers of the size, by TIFF's number of the compression."""
