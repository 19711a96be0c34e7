"""How the columns of the table of objects are shown: headings, numbers and tooltips."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from napari_scsam.gui.words import group_digits

ColumnValues = NDArray[np.generic]
Columns = Mapping[str, ColumnValues]
"""One array a column, all of one length; the key holds the unit."""

CLASS = "class"
ID = "id"
REVIEWED_COLUMN = "reviewed"
BORDER = "touches_border"
VOXELS = "voxels"

UNITS = {"_um3": "µm³", "_um2": "µm²", "_um": "µm", "_voxel": "voxel", "_nm": "nm"}
"""Endings of the keys of columns, and the units that they stand for."""

SHORT = {
    BORDER: "at border",
    "mean_grey": "grey",
    "sd_grey": "sd of grey",
}
"""Headings that are not the key."""

FIRST = (CLASS, ID, REVIEWED_COLUMN, "volume_um3", "area_um2", VOXELS, "surface_um2", BORDER)
"""Columns that are shown first, where there are such."""

DIGITS = 4
"""Significant digits of a number."""

WORDS = {True: "yes", False: ""}


def shown_order(columns: Columns) -> list[str]:
    """Return the keys of the columns in the order that they are shown in."""
    first = [key for key in FIRST if key in columns]
    return first + [key for key in columns if key not in first]


def heading(key: str) -> str:
    """Return the heading of a column, with its unit."""
    if key in SHORT:
        return SHORT[key]
    for ending, unit in UNITS.items():
        if key.endswith(ending):
            return f"{words(key.removesuffix(ending))} {unit}"
    return words(key)


def words(key: str) -> str:
    """Return a key in words."""
    return key.replace("_", " ")


def text_of(value: object) -> str:
    """Return a value as a cell shows it."""
    if isinstance(value, bool | np.bool_):
        return WORDS[bool(value)]
    if isinstance(value, int | np.integer):
        return group_digits(int(value))
    if isinstance(value, float | np.floating):
        return _number(float(value))
    return str(value)


def _number(value: float) -> str:
    """Return a number with few digits; one that is unknown is empty."""
    if not np.isfinite(value):
        return ""
    return np.format_float_positional(
        value, precision=DIGITS, unique=False, fractional=False, trim="-"
    )


def is_number(column: ColumnValues) -> bool:
    """Whether a column can be plotted."""
    return column.dtype.kind in "iuf"


def comparable(column: ColumnValues) -> ColumnValues:
    """Return a column as it is sorted; few different texts as numbers, which is much quicker."""
    if column.dtype.kind != "U":
        return column
    texts = column.tolist()
    ranks = {text: rank for rank, text in enumerate(sorted(set(texts)))}
    return np.array([ranks[text] for text in texts], np.int64)


def plotted(columns: Columns) -> list[str]:
    """Return the keys of the columns that can be plotted, in the order shown."""
    return [key for key in shown_order(columns) if key != ID and is_number(columns[key])]
