"""Values of options: numbers and lists of slices."""

from __future__ import annotations

import argparse
import math

from napari_scsam.errors import UserError

SLICES = "0,3,10-20 or 5:9"
"""How lists of slices are written; ``10-20`` ends with 20, and ``5:9`` with 8."""


MOST_DIGITS = 12
"""Of a whole number; random generators and counters take no larger ones."""

MOST_TOLERANCE_NM = 10_000.0


def positive(text: str) -> int:
    """Read a whole number above 0."""
    if not text.isdecimal() or len(text) > MOST_DIGITS or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not usable; give a whole number above 0")
    return int(text)


def natural(text: str) -> int:
    """Read a whole number from 0 on, of at most twelve digits."""
    if not text.isdecimal() or len(text) > MOST_DIGITS:
        raise argparse.ArgumentTypeError(f"{text!r} is not usable; give a whole number, 0 or more")
    return int(text)


def tolerance_nm(text: str) -> float:
    """Read how far outlines may be apart, in nm."""
    number = positive_number(text)
    if number > MOST_TOLERANCE_NM:
        raise argparse.ArgumentTypeError(
            f"{text} nm would allow any outline; give at most {MOST_TOLERANCE_NM:g}"
        )
    return number


def positive_number(text: str) -> float:
    """Read a number above 0, and neither infinite nor NaN."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not usable; give a number above 0")
    return number


def parse_slices(text: str | None, depth: int) -> tuple[int, ...] | None:
    """Read a list of slices; None when there is no text.

    A number is a slice. The end of ``10-20`` counts, and that of ``5:9`` does not, as in Python.
    A range that ends beyond the depth ends at the depth, which is enough for the error message.

    Parameters
    ----------
    text
        Numbers and ranges between commas.
    depth
        Slices of the volume.

    Raises
    ------
    UserError
        When a part is neither a number nor a range.
    """
    if text is None:
        return None
    slices: list[int] = []
    for part in text.split(","):
        ends = parse_range(part.strip(), depth)
        if ends is None:
            raise UserError(
                f"--slices {text} is not readable at {part!r}; "
                f"write slice numbers and ranges, e.g. {SLICES}"
            )
        start, stop = ends
        slices += range(start, min(stop, max(start + 1, depth + 1)))
    return tuple(slices)


def parse_range(text: str, depth: int) -> tuple[int, int] | None:
    """Read ``3``, ``10-20``, ``5:9``, ``5:`` or ``:9`` as start and stop; None when it is none."""
    first, colon, last = text.partition(":")
    if colon:
        start = first or "0"
        if not last and start.isdecimal():  # of a start beyond the depth, one is enough
            last = str(max(depth, int(start) + 1))
        return _ends(start, last, 0)
    first, dash, last = text.partition("-")
    if not dash:
        last = first
    return _ends(first, last, 1)


def _ends(first: str, last: str, more: int) -> tuple[int, int] | None:
    if not first.isdecimal() or not last.isdecimal():
        return None
    start = int(first)
    stop = int(last) + more
    if stop <= start:
        return None
    return start, stop
