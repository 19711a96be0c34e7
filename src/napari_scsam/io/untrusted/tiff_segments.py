"""TIFF files whose strips and tiles are checked before they are decoded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Literal

import tifffile
from imagecodecs import bitorder_decode

from napari_scsam.io.untrusted.image_sizes import SIZE_READERS, jpeg_size
from napari_scsam.io.untrusted.lzw import check_lzw
from napari_scsam.io.untrusted.sizes import HARMLESS, memory_of_machine

BOUNDED = frozenset(
    (
        *(1, 2, 3, 4),  # none, CCITT
        *(5, 8, 32946, 32773, 34925, 50000, 34926),  # LZW, deflate, PackBits, LZMA, zstd
        *(32909, 32809, 32771),  # PixarLog, ThunderScan, run lengths
        *(65000, 65001, 65002),  # EER of electron cameras
    )
)
"""Compressions whose output tifffile limits to the size of the strip or tile."""

LZW = 5
REVERSED = 2
"""*FillOrder* of bytes whose lowest bit comes first."""

LERC = 34887
LERC_PARAMETERS = 50674
"""Tag of TIFF: a version, and how the LERC was compressed once more."""

BIG_TIFF = 43
"""Version of TIFF with 64-bit offsets."""

MOST_TAGS = 4096
"""More tags than this has no page that tifffile reads."""

OTHER_FILE = re.compile(r'FileName\s*=\s*["\'][^"\']*[/\\]')
"""OME-XML that names a file in another folder."""


@dataclass(frozen=True)
class TiffLayout:
    """Bytes of the parts of a TIFF, classic or big."""

    first: int
    """Where the header has the place of the first page."""
    count: int
    """Of the number of tags."""
    tag: int
    offset: int
    """Of a place in the file."""


CLASSIC = TiffLayout(first=4, count=2, tag=12, offset=4)
BIG = TiffLayout(first=8, count=8, tag=20, offset=8)


def check_companions(tif: tifffile.TiffFile) -> None:
    """Check that an OME-TIFF needs no files outside of its own folder.

    Raises
    ------
    ValueError
        When it does.
    """
    if tif.is_ome and OTHER_FILE.search(tif.ome_metadata or ""):
        raise ValueError("it names a file outside of its own folder")


def check_chain(path: Path) -> None:
    """Check that the list of pages of a TIFF ends: a circle would be followed for ever.

    Raises
    ------
    ValueError
        When a page is followed by one before it.
    """
    with path.open("rb") as file:
        head = file.read(16)
        order: Literal["little", "big"] = "big" if head[:2] == b"MM" else "little"
        form = CLASSIC
        if int.from_bytes(head[2:4], order) == BIG_TIFF:
            form = BIG
        page = int.from_bytes(head[form.first : form.first + form.offset], order)
        seen: set[int] = set()
        while page:
            if page in seen:
                raise ValueError("its list of pages goes in a circle")
            seen.add(page)
            file.seek(page)
            tags = int.from_bytes(file.read(form.count), order)
            if tags > MOST_TAGS:
                return  # tifffile says what is wrong
            file.seek(page + form.count + tags * form.tag)
            page = int.from_bytes(file.read(form.offset), order)


def check_page(page: Any) -> None:
    """Check the strips or tiles of a page now, and each again before it is decoded.

    Parameters
    ----------
    page
        The key frame of a series or of a level, a `tifffile.TiffPage`.

    Raises
    ------
    ValueError
        When the compression is not a known one, or a strip or tile is absurdly large.
    """
    if page.compression not in BOUNDED and page.compression not in SIZE_READERS:
        raise ValueError(
            f"its compression {_name(page.compression)} is not supported; save it with zlib or LZW"
        )
    whole = prod(page.shape) * page.dtype.itemsize
    part = prod(page.chunks) * page.dtype.itemsize
    if part > memory_of_machine() or part > max(HARMLESS, 4 * whole):
        raise ValueError(f"a strip or tile takes {part} bytes, but the whole image {whole}")
    check_count(page, page)
    if page.compression in SIZE_READERS:
        _check_each(page)
    if page.compression == LZW:
        _check_each_lzw(page)


def check_count(page: Any, keyframe: Any) -> None:
    """Check that a page has all its strips or tiles; tifffile takes others for zeros.

    Raises
    ------
    ValueError
        When some are missing.
    """
    expected = prod(keyframe.chunked)
    if len(page.dataoffsets) < expected:
        raise ValueError(f"it has {len(page.dataoffsets)} of {expected} strips or tiles")


def _name(number: int) -> str:
    try:
        return str(tifffile.COMPRESSION(number).name)
    except ValueError:
        return str(number)


def _check_each_lzw(page: Any) -> None:
    """Make a page check each strip or tile in LZW before it is decoded."""
    decode = page.decode

    def checked(data: bytes | None, index: int, /, **options: Any) -> Any:
        if data is not None:
            check_lzw(bytes(bitorder_decode(data)) if page.fillorder == REVERSED else data)
        return decode(data, index, **options)

    page.decode = checked


def _check_each(page: Any) -> None:
    """Make a page compare the size in each image with that of a strip or tile."""
    decode = page.decode
    limit = prod(page.chunks)
    parameters = page.tags.valueof(LERC_PARAMETERS, default=None)
    if page.compression == LERC and parameters is not None and tuple(parameters)[1:2] != (0,):
        raise ValueError("its LERC is compressed twice; save it with zlib or LZW")

    def checked(data: bytes | None, index: int, /, **options: Any) -> Any:
        if data is not None:
            header = options.get("jpegheader")
            size = jpeg_size(header) if header else SIZE_READERS[page.compression](data)
            if prod(size) > limit:
                raise ValueError(f"a strip or tile states {size[1]} x {size[0]} pixels")
        return decode(data, index, **options)

    page.decode = checked  # tifffile computes it once and keeps it as an attribute
