"""Reads TIFF: stacks, BigTIFF, OME, ImageJ and tifffile's own metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import tifffile
import zarr

from napari_scsam.config import UserError, parse_voxel_size
from napari_scsam.io.lazy import READ_ERRORS, Source, cannot_open, empty_file
from napari_scsam.io.units import to_nm, voxel_size_nm

Sizes = tuple[Sequence[float | None], Sequence[str | None]]

RESOLUTION_UNITS = {2: "inch", 3: "cm"}
"""TIFF tag 296."""
PLAUSIBLE_NM = (0.05, 10_000.0)
"""An EM pixel lies between half an atom and 10 um; 72, 96 or 300 dpi is a printer's setting, not a pixel size."""


def read_tiff(path: Path) -> Source:
    """Open the first image of a TIFF without reading its pixels.

    Parameters
    ----------
    path
        A TIFF or BigTIFF file.

    Returns
    -------
    Source
        Uncompressed data are mapped into memory; compressed ones are read strip by strip (or tile by tile).

    Raises
    ------
    UserError
        When it is no TIFF, the pages differ in size, or the end of the file is missing.
    """
    tif = open_tiff(path)
    series = tif.series[0]
    _check_pages(tif, path)
    sizes, units = _calibration(tif)
    if not set("zqi") & set(_axes(tif)):
        sizes = sizes[1:]
        units = units[1:]
    record = scsam_record(tif)
    origin = record.get("origin", (0.0, 0.0, 0.0))
    return Source(
        array=_array(tif, 0),
        axes=_axes(tif),
        voxel_size=parse_voxel_size(record.get("voxel_size")) or voxel_size_nm(sizes, units),
        origin=(float(origin[0]), float(origin[1]), float(origin[2])),
        levels=tuple(_array(tif, level) for level in range(1, len(series.levels))),
    )


def open_tiff(path: Path) -> tifffile.TiffFile:
    """Open a TIFF file, to be closed by the caller; all that read TIFFs say the same of what is none.

    Raises
    ------
    UserError
        When it is empty or no TIFF.
    """
    if path.stat().st_size == 0:
        raise empty_file(path)
    try:
        return tifffile.TiffFile(path)
    except (tifffile.TiffFileError, *READ_ERRORS) as error:
        raise cannot_open(path, error) from error


def scsam_record(tif: tifffile.TiffFile) -> Mapping[str, Any]:
    """Return what this package wrote into the description: class table, voxel size and origin; empty for other files."""
    note = _note(tif) if "scsam" in _note(tif) else _json(_ome_image(tif).get("Description"))
    return _json(note.get("scsam"))


def _json(value: Any) -> Mapping[str, Any]:
    """Return a JSON object, also from its text; empty when it is none."""
    try:
        value = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _axes(tif: tifffile.TiffFile) -> str:
    """Name the axes; a bare array of 3 or 4 slices, which tifffile used to store as colour planes, is a stack."""
    axes = tif.series[0].axes.lower()
    return axes.replace("s", "q") if tif.is_shaped and axes == "syx" else axes


def _array(tif: tifffile.TiffFile, level: int) -> Any:
    """Map uncompressed pixels; let zarr fetch the strips or tiles of compressed ones."""
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
            f"{path} holds images that differ in size or type ({sizes}); save the one you want as its own file"
        )
    last = tif.series[0].pages[-1]
    if last is None:
        return
    ends = [
        offset + count for offset, count in zip(last.dataoffsets, last.databytecounts, strict=True)
    ]
    if max(ends, default=0) > last.parent.filehandle.size:
        raise ValueError("its last slice is cut off")


def _calibration(tif: tifffile.TiffFile) -> Sizes:
    """Return sizes and units along z, y, x as the file states them."""
    if tif.is_ome:
        pixels = _ome_image(tif).get("Pixels", {})
        # The OME schema itself says that a size without a unit is in micrometres.
        return [pixels.get(f"PhysicalSize{a}") for a in "ZYX"], [
            pixels.get(f"PhysicalSize{a}Unit", "µm") for a in "ZYX"
        ]
    note = _note(tif)
    unit = note.get("unit") if isinstance(note.get("unit"), str) else None
    tag = tif.series[0].keyframe.tags.get("ResolutionUnit")
    tag_unit = RESOLUTION_UNITS.get(int(tag.value) if tag else 2)
    # Fiji believes its own unit before the tag; elsewhere the tag is the standard and the unit goes with the spacing.
    plane = _plane_size(tif, (unit, tag_unit) if tif.is_imagej else (tag_unit or unit,))
    spacing = note.get("spacing")
    return [spacing if isinstance(spacing, (int, float)) else None, *plane], [unit, "nm", "nm"]


def _plane_size(tif: tifffile.TiffFile, units: Sequence[str | None]) -> list[float | None]:
    """Return y and x in nm from the resolution tags, by the first unit that makes sense of them."""
    tags = [tif.series[0].keyframe.tags.get(f"{a}Resolution") for a in "YX"]
    # A resolution of 1/1 is what writers put into these mandatory tags when nobody told them one.
    pixels = [
        tag.value[1] / tag.value[0]
        for tag in tags
        if tag is not None and tag.value[0] and tag.value != (1, 1)
    ]
    if len(pixels) < 2:
        return [None, None]
    for unit in units:
        sizes = [to_nm(pixel, unit) for pixel in pixels]
        # The tags are fractions of 32-bit numbers: nine digits are what they carry.
        plausible = [
            float(f"{s:.9g}")
            for s in sizes
            if s is not None and PLAUSIBLE_NM[0] <= s <= PLAUSIBLE_NM[1]
        ]
        if len(plausible) == 2:
            return [*plausible]
    return [None, None]


def _note(tif: tifffile.TiffFile) -> Mapping[str, Any]:
    """Return ImageJ's or tifffile's own description as a mapping."""
    if tif.is_imagej:
        return tif.imagej_metadata or {}
    return (tif.shaped_metadata or ({},))[0] if tif.is_shaped else {}


def _ome_image(tif: tifffile.TiffFile) -> Mapping[str, Any]:
    """Return the first Image element of the OME-XML; empty without one."""
    if not tif.is_ome or tif.ome_metadata is None:
        return {}
    try:
        images = tifffile.xml2dict(tif.ome_metadata).get("OME", {}).get("Image", {})
    except ParseError:
        return {}
    first = images[0] if isinstance(images, list) else images
    return first if isinstance(first, dict) else {}
