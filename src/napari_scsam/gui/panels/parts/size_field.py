"""A field for one side of a voxel, and how what is typed into it is read."""

from __future__ import annotations

import re

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLineEdit

from napari_scsam.config import UserError, parse_voxel_size

NUMBER = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE)
SMALLEST = 0.01
LARGEST = 100_000.0
"""nm; from a tenth of an atom to a tenth of a millimetre."""


class SizeField(QLineEdit):
    """A field for a size in nm; empty when unknown. It takes any text, so that nothing typed becomes another number unseen."""

    def __init__(self, axis: str) -> None:
        super().__init__()
        self.axis = axis
        self.setPlaceholderText("?")
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setMinimumWidth(42)
        self.setMaximumWidth(72)
        self.setToolTip(
            f"Size of a voxel along {axis} in nanometres, such as 10 or 12.5. Empty all fields to go back to what the file says.\n"
            "The network was trained at one pixel size; slices are resampled to it when theirs is known."
        )

    def size_nm(self) -> float | None:
        """Return what was typed; None when nothing was.

        Raises
        ------
        UserError
            When it is no size.
        """
        return read_size(self.text(), self.axis)


def written(size: float | None) -> str:
    """Write a size with no more digits than needed."""
    return "" if size is None else f"{size:.6g}"


def read_size(text: str, axis: str) -> float | None:
    """Read a size in nm; None from an empty text.

    A comma is refused, as ``1,000`` is one to some and a thousand to others.

    Raises
    ------
    UserError
        When it is no number, or none that a voxel can have.
    """
    typed = text.strip()
    if not typed:
        return None
    if "," in typed:
        raise UserError(
            f"'{typed}' for {axis} can be read in two ways; write decimals with a point, such as 10.5"
        )
    number = typed.removesuffix("nm").rstrip()
    if not NUMBER.fullmatch(number.removeprefix("-")):
        raise UserError(
            f"'{typed}' for {axis} is no number; write nanometres in digits, such as 10 or 12.5"
        )
    size = float(number)
    if not SMALLEST <= size <= LARGEST or parse_voxel_size(size) is None:
        raise UserError(
            f"'{typed}' for {axis} is no size that a voxel can have; write nanometres, from {SMALLEST:g} to {LARGEST:,.0f}"
        )
    return size
