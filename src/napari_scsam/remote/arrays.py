"""Arrays on the wire: their type, their shape, and compressed values; nothing is lost.

Slices of 8 or 16 bits are written as JPEG-LS (ISO/IEC 14495-1, by CharLS), which suits noisy grey
values, or as JPEG XL (ISO/IEC 18181, by libjxl), which suits smooth ones. `benchmarks.slice_sizes`
compares them. Everything else is written as Zstandard (RFC 8878). The size is declared, and checked
against a limit before anything is decoded.
"""

from __future__ import annotations

from contextlib import suppress
from math import prod
from typing import Annotated, Any, Literal

import imagecodecs
import numpy as np
from numcodecs import Zstd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from napari_scsam.errors import UserError

DTYPES = ("|u1", "<u2", "<u4", "<u8", "|i1", "<i2", "<i4", "<i8", "<f2", "<f4", "<f8", "|b1")
"""Types of values that are understood; little-endian."""

MOST_BYTES = 2**30
"""Bytes of an array that are decoded at most, if nothing smaller is asked for."""

JPEG_LS_SIDES = (2, 2**16 - 1)
"""Least and most pixels along a side that the format holds."""

NOISY = 0.6
"""Share of its bytes that JPEG-LS leaves of a slice from which on JPEG XL saves nothing."""

EFFORT = 3
"""Of JPEG XL: 7 takes ten times as long, for 2 % fewer bytes."""

LEVEL = 3
"""Of Zstandard: about as small as higher ones for labels, and much faster."""

Side = Annotated[int, Field(ge=0, le=2**31)]


class WireArray(BaseModel):
    """An array as it is sent."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    dtype: Literal[DTYPES]  # type: ignore[valid-type]
    shape: tuple[Side, ...] = Field(max_length=4)
    codec: Literal["jpegls", "jpegxl", "zstd", "bits"]
    """``bits`` is eight values of a mask to a byte, then Zstandard."""
    data: bytes

    @property
    def nbytes(self) -> int:
        """Bytes of the array when it is decoded."""
        return prod(self.shape) * int(np.dtype(self.dtype).itemsize)


def pack(array: NDArray[Any]) -> WireArray:
    """Compress an array."""
    values = np.ascontiguousarray(array)
    values = values.astype(values.dtype.newbyteorder("<"), copy=False)
    kind = values.dtype.str
    if values.dtype == bool:
        data = Zstd(LEVEL).encode(np.packbits(values.ravel()))
        return WireArray(dtype=kind, shape=values.shape, codec="bits", data=bytes(data))
    if is_picture(values):
        with suppress(RuntimeError):  # noise that nothing makes smaller
            return pack_picture(values)
    return pack_plain(values)


def pack_picture(values: NDArray[Any]) -> WireArray:
    """Compress a slice of little-endian values by what makes it smallest.

    Raises
    ------
    RuntimeError
        When it cannot be made smaller.
    """
    kind = values.dtype.str
    data = bytes(imagecodecs.jpegls_encode(values))
    if len(data) < NOISY * values.nbytes:
        other = imagecodecs.jpegxl_encode(values, lossless=True, effort=EFFORT, numthreads=1)
        if len(other) < len(data):
            return WireArray(dtype=kind, shape=values.shape, codec="jpegxl", data=bytes(other))
    return WireArray(dtype=kind, shape=values.shape, codec="jpegls", data=data)


def pack_labels(labels: NDArray[Any]) -> WireArray:
    """Compress labels, whose large areas of one value Zstandard suits better."""
    values = np.ascontiguousarray(labels)
    return pack_plain(values.astype(values.dtype.newbyteorder("<"), copy=False))


def pack_plain(values: NDArray[Any]) -> WireArray:
    """Compress little-endian values by Zstandard."""
    raw = np.frombuffer(values.tobytes(), np.uint8)
    data = Zstd(LEVEL).encode(raw) if raw.size else b""
    return WireArray(dtype=values.dtype.str, shape=values.shape, codec="zstd", data=bytes(data))


def is_picture(values: NDArray[Any]) -> bool:
    """Whether JPEG-LS can hold an array."""
    if values.ndim != 2 or values.dtype.str not in ("|u1", "<u2"):
        return False
    least, most = JPEG_LS_SIDES
    return bool(least <= min(values.shape) and max(values.shape) <= most)


def unpack(wire: WireArray, most: int = MOST_BYTES) -> NDArray[Any]:
    """Return the array; at most `most` bytes.

    Raises
    ------
    UserError
        When it is larger, or its data do not hold what they declare.
    """
    if wire.nbytes > most:
        raise UserError(
            f"an array of {wire.nbytes >> 20} MB is larger than the limit of {most >> 20} MB; "
            "send a smaller part"
        )
    try:
        return _decode(wire)
    except (ValueError, RuntimeError, TypeError, MemoryError) as error:
        raise damaged() from error


def _decode(wire: WireArray) -> NDArray[Any]:
    dtype = np.dtype(wire.dtype)
    if wire.codec in ("jpegls", "jpegxl"):
        out = np.empty(wire.shape, dtype)
        if not is_picture(out):
            raise damaged()
        found = _decode_picture(wire, out)
        if found.shape != out.shape or found.dtype != dtype:
            raise damaged()
        return found
    count = prod(wire.shape)
    if wire.codec == "bits":
        bits = np.frombuffer(_decompress(wire.data, -(-count // 8)), np.uint8)
        return np.unpackbits(bits, count=count).astype(bool).reshape(wire.shape)
    raw = _decompress(wire.data, wire.nbytes)
    return np.frombuffer(raw, dtype).reshape(wire.shape)


def _decode_picture(wire: WireArray, out: NDArray[Any]) -> NDArray[Any]:
    """Decode a slice; both codecs compare its shape with that of `out` first."""
    found: NDArray[Any]
    if wire.codec == "jpegls":
        found = imagecodecs.jpegls_decode(wire.data, out=out)
    else:
        found = imagecodecs.jpegxl_decode(wire.data, out=out, numthreads=1)
    return found


def _decompress(data: bytes, size: int) -> bytearray:
    """Decompress bytes whose number is known."""
    out = bytearray(size)
    if size:
        found = Zstd().decode(data, out)
        if len(found) != size or declared_size(data) != size:
            raise damaged()
    return out


def declared_size(data: bytes) -> int | None:
    """Return how many bytes a frame of Zstandard says that it holds; None when it does not say.

    RFC 8878, section 3.1.1.1.
    """
    if len(data) < 6 or data[:4] != b"\x28\xb5\x2f\xfd":
        return None
    single = data[4] >> 5 & 1
    width = (single, 2, 4, 8)[data[4] >> 6]
    start = 5 + (1 - single) + (0, 1, 2, 4)[data[4] & 3]
    if width == 0 or len(data) < start + width:
        return None
    size = int.from_bytes(data[start : start + width], "little")
    return size + 256 if width == 2 else size


def damaged() -> UserError:
    """Return the error for data that do not hold what they declare."""
    return UserError("an array arrived damaged; send it again")
