"""Read TIFF: stacks, BigTIFF, OME, ImageJ and tifffile's own metadata."""

from __future__ import annotations

import json
import math
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import tifffile
import zarr

from napari_scsam.config import UserError, as_voxel_size
from napari_scsam.io.lazy import READ_ERRORS, Source, cannot_open, empty_file, explaining
from napari_scsam.io.units import to_nm, voxel_size_nm
from napari_scsam.io.untrusted.tiff_segments import (
    check_chain,
    check_companions,
    check_count,
    check_page,
)
from napari_scsam.plausible import PLAUSIBLE_NM

Sizes = tuple[Sequence[float | None], Sequence[str | None]]

RESOLUTION_UNITS = {2: "inch", 3: "cm"}
"""TIFF tag 296."""


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
    sizes, units = _calibration(tif)
    if not set("zqi") & set(_axes(tif)):
        sizes = sizes[1:]
        units = units[1:]
    record = scsam_record(tif)
    return Source(
        array=_array(tif, 0),
        axes=_axes(tif),
        voxel_size=as_voxel_size(record.get("voxel_size")) or voxel_size_nm(sizes, units),
        origin=_origin(record.get("origin", (0.0, 0.0, 0.0))),
        levels=tuple(_array(tif, level) for level in range(1, len(series.levels))),
        black=_black_value(series.keyframe),
    )


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


def scsam_record(tif: tifffile.TiffFile) -> Mapping[str, Any]:
    """Return what this package wrote into the description; empty for other files.

    It has the class table, the voxel size and the origin.
    """
    note = _note(tif)
    if "scsam" not in note:
        note = _json(_ome_image(tif).get("Description"))
    return _json(note.get("scsam"))


def _json(value: Any) -> Mapping[str, Any]:
    """Return a JSON object, also from its text; empty for anything else."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    if isinstance(value, dict):
        return value
    return {}


def _axes(tif: tifffile.TiffFile) -> str:
    """Return one letter per axis.

    A bare array of 3 or 4 slices is a stack, though tifffile used to store it as colour planes.
    """
    axes: str = tif.series[0].axes.lower()
    if tif.is_shaped and axes == "syx":
        return "qyx"
    return axes


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


def _calibration(tif: tifffile.TiffFile) -> Sizes:
    """Return sizes and units along z, y, x as the file states them."""
    if tif.is_ome:
        pixels = _ome_image(tif).get("Pixels", {})
        if not isinstance(pixels, dict):
            pixels = {}
        # The OME schema says that a size without a unit is in micrometres.
        units = [pixels.get(f"PhysicalSize{axis}Unit", "µm") for axis in "ZYX"]
        return [pixels.get(f"PhysicalSize{axis}") for axis in "ZYX"], units
    note = _note(tif)
    unit = note.get("unit")
    if not isinstance(unit, str):
        unit = None
    spacing = note.get("spacing")
    if not isinstance(spacing, (int, float)):
        spacing = None
    return [spacing, *_plane_size(tif, _plane_units(tif, unit))], [unit, "nm", "nm"]


def _plane_units(tif: tifffile.TiffFile, unit: str | None) -> Sequence[str | None]:
    """Return the units to try for y and x.

    Fiji prefers its own unit to the tag. Elsewhere the tag is the standard, and the unit belongs to
    the spacing.
    """
    tag = tif.series[0].keyframe.tags.get("ResolutionUnit")
    tag_unit = RESOLUTION_UNITS.get(2 if tag is None else tag.value)
    if tif.is_imagej:
        return unit, tag_unit
    return (tag_unit or unit,)


def _plane_size(tif: tifffile.TiffFile, units: Sequence[str | None]) -> list[float | None]:
    """Return y and x in nm from the resolution tags, by the first unit that makes sense."""
    tags = [tif.series[0].keyframe.tags.get(f"{axis}Resolution") for axis in "YX"]
    # Programs write 1/1 into these mandatory tags when they do not know the resolution.
    pixels = [
        tag.value[1] / tag.value[0]
        for tag in tags
        if tag is not None and _is_fraction(tag.value) and tag.value != (1, 1)
    ]
    if len(pixels) == 2:
        for unit in units:
            sizes = [size for pixel in pixels for size in _plausible(to_nm(pixel, unit))]
            if len(sizes) == 2:
                return [*sizes]
    return [None, None]


def _is_fraction(value: Any) -> bool:
    """Whether the value of a tag is two numbers above 0."""
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and all(isinstance(number, int) and number > 0 for number in value)
    )


def _plausible(size: float | None) -> list[float]:
    """Return a size in nm, or nothing when no EM pixel has it."""
    if size is None or not PLAUSIBLE_NM[0] <= size <= PLAUSIBLE_NM[1]:
        return []
    # The tags are fractions of 32-bit numbers, which carry nine digits.
    return [float(f"{size:.9g}")]


def _note(tif: tifffile.TiffFile) -> Mapping[str, Any]:
    """Return ImageJ's or tifffile's own description as a mapping."""
    if tif.is_imagej:
        return tif.imagej_metadata or {}
    if tif.is_shaped and tif.shaped_metadata:
        return tif.shaped_metadata[0]
    return {}


def _ome_image(tif: tifffile.TiffFile) -> Mapping[str, Any]:
    """Return the first Image element of the OME-XML; empty without one."""
    if not tif.is_ome or tif.ome_metadata is None:
        return {}
    try:
        images = tifffile.xml2dict(tif.ome_metadata).get("OME", {}).get("Image", {})
    except (ParseError, AttributeError, RecursionError):
        return {}
    if isinstance(images, (list, tuple)) and images:
        images = images[0]
    if isinstance(images, dict):
        return images
    return {}
