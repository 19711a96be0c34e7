"""Read TIFF: stacks, BigTIFF, OME, ImageJ and tifffile's own metadata."""

from __future__ import annotations

import math
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr

from napari_scsam.config import UserError, as_voxel_size
from napari_scsam.io.formats.tiff_notes import ORIENTATION, scsam_record, turned_note
from napari_scsam.io.formats.tiff_planes import as_slices
from napari_scsam.io.formats.tiff_sizes import tiff_sides
from napari_scsam.io.lazy import Source
from napari_scsam.io.read_errors import READ_ERRORS, cannot_open, empty_file, explaining
from napari_scsam.io.saved.watched import watch_others
from napari_scsam.io.units import three_sides, whole_size
from napari_scsam.io.untrusted.tiff_segments import (
    check_chain,
    check_companions,
    check_count,
    check_page,
)

BRIGHTNESS = (
    tifffile.PHOTOMETRIC.MINISBLACK,
    tifffile.PHOTOMETRIC.MINISWHITE,
    tifffile.PHOTOMETRIC.RGB,
    tifffile.PHOTOMETRIC.PALETTE,
    tifffile.PHOTOMETRIC.MASK,
    tifffile.PHOTOMETRIC.YCBCR,
)
"""What TIFF calls its colours, where equal ones are a grey value."""


def read_tiff(path: Path) -> Source:
    """Open the first image of a TIFF without reading its pixels.

    Parameters
    ----------
    path
        A TIFF or BigTIFF file.

    Returns
    -------
    Source
        Uncompressed data are mapped into memory; compressed data are read by strips or tiles.

    Raises
    ------
    UserError
        When it is not a TIFF, the pages differ in size, or the end of the file is missing.
    """
    tif = open_tiff(path)
    try:
        with explaining(path):
            source = _source_of(tif, path)
    except BaseException:
        tif.close()
        raise
    _close_after_use(tif, source)
    return source


def _source_of(tif: tifffile.TiffFile, path: Path) -> Source:
    check_companions(tif)
    if not tif.series:
        raise ValueError("it has no image")
    series = tif.series[0]
    _check_pages(tif, path)
    for level in series.levels:
        check_page(level.keyframe)
    axes = series.axes.lower()
    sides = tiff_sides(tif, stack=bool(set("zqi") & set(axes)))
    record = scsam_record(tif)
    _check_colours(series.keyframe, path)
    palette, notes = _palette(tif, path)
    source = Source(
        array=watch_others(_array(tif, 0), _companions(tif, path)),
        axes=axes,
        voxel_size=as_voxel_size(record.get("voxel_size")) or whole_size(sides),
        origin=_origin(record.get("origin", (0.0, 0.0, 0.0))),
        levels=tuple(_array(tif, level) for level in range(1, len(series.levels))),
        black=_black_value(series.keyframe),
        palette=palette,
        sides=three_sides(sides),
        notes=(*notes, *_first_image_note(tif, path), *turned_note(path, _orientation(tif))),
    )
    return as_slices(source, tif, path)


def _companions(tif: tifffile.TiffFile, path: Path) -> list[Path]:
    """Return the other files that the slices of an OME-TIFF are in."""
    if not tif.is_ome:
        return []
    parents = {page.parent for page in tif.series[0].pages if page is not None}
    return sorted({Path(each.filehandle.path) for each in parents} - {path, path.absolute()})


def _check_colours(page: Any, path: Path) -> None:
    """Refuse inks and other colours whose values are not brightness, such as CMYK and CIELAB."""
    if page.photometric in BRIGHTNESS:
        return
    name = tifffile.PHOTOMETRIC(page.photometric).name
    raise UserError(
        f"{path} has colours of the kind {name}; convert it to grey, in Fiji with Image > Type"
    )


def _first_image_note(tif: tifffile.TiffFile, path: Path) -> tuple[str, ...]:
    """Return a note if an OME-TIFF holds several images, of which only the first is read."""
    count = len(tif.series)
    if not tif.is_ome or count == 1:
        return ()
    size = " x ".join(map(str, tif.series[0].shape))
    return (f"{path} holds {count} images, of which the first ({size}) was read",)


def _orientation(tif: tifffile.TiffFile) -> Any:
    """Return how the image is to be turned, by the tag *Orientation*; 1 is as it is stored."""
    return tif.series[0].keyframe.tags.valueof(ORIENTATION, default=1)


def _palette(tif: tifffile.TiffFile, path: Path) -> tuple[Any, tuple[str, ...]]:
    """Return the (N, 3) colours of a palette, if it has one, and a note if it is left out.

    The values of ImageJ are grey values; its palettes of colours only show them.
    """
    page = tif.series[0].keyframe
    colours = getattr(page, "colormap", None)
    if page.photometric != tifffile.PHOTOMETRIC.PALETTE or colours is None:
        return None, ()
    palette = (np.asarray(colours).T >> 8).astype(np.uint8)
    if palette.shape[0] < 2**page.bitspersample:
        raise ValueError("its palette has too few colours")
    if tif.is_imagej and not np.all(palette == palette[:, :1]):
        return None, (f"the lookup table of {path} was left out; its values were taken as grey",)
    return palette, ()


def _black_value(page: Any) -> float | None:
    """Return the value that is black where the file says that 0 is white; else None.

    Images of one bit are masks, so their values count: tifffile writes every array of booleans
    as white-is-zero.
    """
    if page.photometric != tifffile.PHOTOMETRIC.MINISWHITE or page.bitspersample == 1:
        return None
    if page.dtype.kind == "u":
        return float(2**page.bitspersample - 1)
    if page.dtype.kind == "i":
        return -1.0  # so that the smallest and the largest value change places
    return 0.0


def _origin(stored: Any) -> tuple[float, float, float]:
    """Return nm along z, y, x; zeros for anything else than three finite numbers."""
    try:
        z, y, x = map(float, stored)
    except (TypeError, ValueError, OverflowError):
        return (0.0, 0.0, 0.0)
    if not all(map(math.isfinite, (z, y, x))):
        return (0.0, 0.0, 0.0)
    return (z, y, x)


def _close_after_use(tif: tifffile.TiffFile, source: Source) -> None:
    """Close a file when no store reads from it any more; mapped arrays need no open file."""
    arrays = (source.array, *source.levels)
    stores = [array.store for array in arrays if isinstance(array, zarr.Array)]
    if not stores:
        tif.close()
        return
    left = len(stores)

    def count_down() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            tif.close()

    for store in stores:
        weakref.finalize(store, count_down)


def open_tiff(path: Path) -> tifffile.TiffFile:
    """Open a TIFF file; the caller closes it.

    Raises
    ------
    UserError
        When it is empty or not a TIFF.
    """
    if path.stat().st_size == 0:
        raise empty_file(path)
    try:
        check_chain(path)
        return tifffile.TiffFile(path)
    except (tifffile.TiffFileError, *READ_ERRORS) as error:
        raise cannot_open(path, error) from error


def _array(tif: tifffile.TiffFile, level: int) -> Any:
    """Map uncompressed pixels into memory; read the strips or tiles of compressed ones by zarr."""
    series = tif.series[0]
    page = series.keyframe
    if level == 0 and series.dataoffset is not None:
        dtype = series.dtype.newbyteorder(page.parent.byteorder)
        return page.parent.filehandle.memmap_array(dtype, series.shape, series.dataoffset, mode="r")
    return zarr.open_array(series.aszarr(level=level), mode="r")


def _check_pages(tif: tifffile.TiffFile, path: Path) -> None:
    others = [s for s in tif.series[1:] if not s.keyframe.is_reduced]
    if others and not tif.is_ome:
        sizes = ", ".join("x".join(map(str, s.shape)) for s in (tif.series[0], *others[:3]))
        raise UserError(
            f"{path} holds images that differ in size or type ({sizes}); "
            "save the one you want as its own file"
        )
    last = tif.series[0].pages[-1]
    if last is None:
        return
    check_count(last, tif.series[0].keyframe)
    ends = [
        offset + count for offset, count in zip(last.dataoffsets, last.databytecounts, strict=True)
    ]
    if max(ends, default=0) > last.parent.filehandle.size:
        raise ValueError("its last slice is cut off")
