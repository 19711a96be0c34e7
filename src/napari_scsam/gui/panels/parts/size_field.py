"""A field for one side of a voxel, and how its text is read."""

from __future__ import annotations

import re

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLineEdit

from napari_scsam.config import UserError
from napari_scsam.plausible import guess_of, is_plausible_along, plausible_range

NUMBER = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE)


class SizeField(QLineEdit):
    """A field for a size in nm; empty when unknown.

    It accepts any text, so that a typing error never becomes another number unnoticed.
    """

    def __init__(self, axis: str) -> None:
        super().__init__()
        self.axis = axis
        self.setPlaceholderText("?")
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setMinimumWidth(42)
        self.setMaximumWidth(72)
        self.setToolTip(
            f"Size of a voxel along {axis} in nanometres, such as 10 or 12.5.\n"
            "Empty all fields to use the size from the file.\n"
            "The network was trained at one pixel size; slices of known size are resampled to it."
        )

    def size_nm(self) -> float | None:
        """Return the typed size in nm; None when the field is empty.

        Raises
        ------
        UserError
            When the text is not a size.
        """
        return read_size(self.text(), self.axis)


def format_size(size: float | None) -> str:
    """Return a size with no more digits than needed; empty for None."""
    if size is None:
        return ""
    return f"{size:.6g}"


def read_size(text: str, axis: str) -> float | None:
    """Read a size in nm; None from an empty text.

    A comma is refused, because ``1,000`` is one to some and a thousand to others.

    Raises
    ------
    UserError
        When it is not a number, or not a possible size of a voxel.
    """
    typed = text.strip()
    if not typed:
        return None
    if "," in typed:
        raise UserError(
            f"'{typed}' for {axis} is ambiguous; write decimals with a point, such as 10.5"
        )
    number = typed.removesuffix("nm").rstrip()
    if not NUMBER.fullmatch(number.removeprefix("-")):
        raise UserError(f"'{typed}' for {axis} is not a number; write nanometres, such as 12.5")
    size = float(number)
    if not is_plausible_along(size, axis):
        low, high = plausible_range(axis)
        guess = guess_of(size, axis) if size > 0 else None
        hint = f" (was {guess:.6g} nm meant?)" if guess is not None else ""
        raise UserError(
            f"'{typed}' for {axis} is not a possible voxel size; "
            f"write nanometres, from {low:g} to {high:,.0f}{hint}"
        )
    return size
