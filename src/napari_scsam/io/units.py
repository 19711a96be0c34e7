"""Convert the lengths in microscopy files to nanometres.

The result is `None` when a file says nothing certain: a voxel size is never guessed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

from napari_scsam.config import VoxelSize

NANOMETRES = {
    **dict.fromkeys(("angstrom", "ångström", "ångstrom", "å"), 0.1),
    **dict.fromkeys(("picometer", "pm"), 1e-3),
    **dict.fromkeys(("nanometer", "nm"), 1.0),
    **dict.fromkeys(("micrometer", "micron", "um", "µm"), 1e3),
    **dict.fromkeys(("millimeter", "mm"), 1e6),
    **dict.fromkeys(("centimeter", "cm"), 1e7),
    **dict.fromkeys(("inch", "in"), 2.54e7),
    **dict.fromkeys(("meter", "m"), 1e9),
}
"""Nanometres per unit, by the names that OME-Zarr, OME-XML, ImageJ and TIFF use."""

MAX_LENGTH = 1e100
"""Larger numbers are not lengths, in whatever unit."""


def to_nm(value: Any, unit: Any) -> float | None:
    """Convert a length to nanometres; `None` when the value or the unit is not usable."""
    if not isinstance(unit, str) or not isinstance(value, (int, float)):
        return None
    factor = NANOMETRES.get(_plain_unit(unit))
    if factor is None or not 0 < abs(value) < MAX_LENGTH:
        return None
    if factor == 1.0:
        return float(value)
    # Twelve digits keep what the file says and drop the binary noise: 0.00768 um is 7.68 nm.
    return float(f"{value * factor:.12g}")


def voxel_size_nm(sizes: Sequence[float | None], units: Sequence[str | None]) -> VoxelSize | None:
    """Convert sizes along z, y, x (or y, x for one slice) to a voxel size.

    Parameters
    ----------
    sizes
        One number per axis, in the unit of that axis; `None` where the file has none.
    units
        One unit per axis.

    Returns
    -------
    VoxelSize or None
        In nm; a single slice gets its y size along z. `None` when any axis is unknown.
    """
    return whole_size(sides_nm(sizes, units))


def whole_size(sides: Sequence[float | None]) -> VoxelSize | None:
    """Return a voxel size of sizes along z, y, x (or y, x); None when one is unknown."""
    known = [side for side in sides if side is not None]
    if len(known) < len(sides):
        return None
    return (known[0], known[-2], known[-1])


def sides_nm(
    sizes: Sequence[float | None], units: Sequence[str | None]
) -> tuple[float | None, ...]:
    """Convert sizes along some axes to nanometres, each by itself.

    Parameters
    ----------
    sizes, units
        As in `voxel_size_nm`.

    Returns
    -------
    tuple
        nm along each axis; `None` where it is unknown.
    """
    lengths = [to_nm(size, unit) for size, unit in zip(sizes, units, strict=True)]
    known = [length if length is not None and length > 0 else None for length in lengths]
    # Programs write 1 x 1 x 1 of any unit when they do not know the size; but whoever writes that
    # a voxel has one nanometre means it.
    if set(sizes) == {1} and set(known) != {1.0}:
        return (None,) * len(known)
    return tuple(known)


def three_sides(
    sides: Sequence[float | None],
) -> tuple[float | None, float | None, float | None]:
    """Return sizes along z, y, x, of those along y, x too."""
    padded = [None, None, None, *sides]
    return (padded[-3], padded[-2], padded[-1])


def _plain_unit(unit: str) -> str:
    """Unify the spellings of a unit: case, plural, British, two micro signs, ImageJ's escape.

    The case of short ones counts, as mm and Mm differ; that of nm and µm does not.
    """
    text = unicodedata.normalize("NFC", unit.replace("\\u00B5", "µ")).replace("\u03bc", "µ")
    text = "".join(text.split())
    if len(text) > 2:
        text = text.lower().removesuffix("s").replace("metre", "meter")
    if text in ("Å", "A"):
        return "å"
    if text in ("NM", "Nm", "UM", "Um", "MM"):
        return text.lower()
    return text
