"""The size of a voxel in a TIFF: by OME, ImageJ, the makers of microscopes, or resolution tags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tifffile

from napari_scsam.io.formats.tiff_notes import ome_image, read_description
from napari_scsam.io.units import sides_nm, to_nm
from napari_scsam.plausible import PLAUSIBLE_NM

Sizes = tuple[Sequence[float | None], Sequence[str | None]]

RESOLUTION_UNITS = {2: "inch", 3: "cm", 4: "mm", 5: "µm"}
"""TIFF tag 296; the last two are younger than the standard."""

FEI_SECTIONS = ("Scan", "EScan")
"""Where Thermo Fisher (FEI) states the size of a pixel, in metres; tags 34680 and 34682."""

ZEISS_KEYS = ("ap_image_pixel_size", "ap_pixel_size")
"""Where Zeiss states the size of a pixel with its unit; tag 34118."""


def tiff_sides(tif: tifffile.TiffFile, *, stack: bool) -> tuple[float | None, ...]:
    """Return nm along z, y, x of a stack, or along y, x of a slice; None where it is unknown."""
    maker = _makers_pixel(tif)
    if maker is not None:
        sides: tuple[float | None, ...] = (None, *maker)
    else:
        sizes, units = _calibration(tif)
        sides = sides_nm(sizes, units)
        if tif.is_shaped and sides == (1.0, 1.0, 1.0):
            sides = (None, None, None)  # in tifffile's free text, 1 stands for an unknown size
    if stack:
        return sides
    return sides[1:]


def _makers_pixel(tif: tifffile.TiffFile) -> tuple[float, float] | None:
    """Return nm along y, x as the microscope wrote it; None without such a record."""
    for pixel in (_fei_pixel(tif), _zeiss_pixel(tif), _sis_pixel(tif)):
        if pixel is not None and all(_plausible(side) for side in pixel):
            return pixel
    return None


def _fei_pixel(tif: tifffile.TiffFile) -> tuple[float, float] | None:
    record = tif.fei_metadata or {}
    for name in FEI_SECTIONS:
        section = record.get(name, {})
        y = to_nm(section.get("PixelHeight"), "m")
        x = to_nm(section.get("PixelWidth"), "m")
        if y and x:
            return (y, x)
    return None


def _zeiss_pixel(tif: tifffile.TiffFile) -> tuple[float, float] | None:
    record = tif.sem_metadata or {}
    for key in ZEISS_KEYS:
        stated = record.get(key, ())
        if len(stated) == 3:
            side = to_nm(stated[1], stated[2])
            if side:
                return (side, side)
    return None


def _sis_pixel(tif: tifffile.TiffFile) -> tuple[float, float] | None:
    """Return what Olympus SIS (iTEM) states, in metres; tag 33560."""
    record = tif.sis_metadata or {}
    y = to_nm(record.get("pixelsizey"), "m")
    x = to_nm(record.get("pixelsizex"), "m")
    if y and x:
        return (y, x)
    return None


def _calibration(tif: tifffile.TiffFile) -> Sizes:
    """Return sizes and units along z, y, x as the file states them."""
    if tif.is_ome:
        pixels = ome_image(tif).get("Pixels", {})
        if not isinstance(pixels, dict):
            pixels = {}
        # The OME schema says that a size without a unit is in micrometres.
        units = [pixels.get(f"PhysicalSize{axis}Unit", "µm") for axis in "ZYX"]
        return [pixels.get(f"PhysicalSize{axis}") for axis in "ZYX"], units
    described = read_description(tif)
    unit = described.get("unit")
    if not isinstance(unit, str):
        unit = None
    spacing = described.get("spacing")
    if not isinstance(spacing, (int, float)):
        spacing = None
    elif tif.is_imagej:
        spacing = abs(spacing)  # ImageJ writes a minus for stacks that run downwards
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
