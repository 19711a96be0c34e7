"""How sentences and numbers are written for the user."""

from __future__ import annotations

import re
from collections.abc import Sequence

STOPS = (".", "!", "?", "…", ":", ".)")
"""Endings after which a sentence needs no full stop."""


BEFORE_UNITS = re.compile(r"(?<=\d) (?=%|(?:s|min|h|nm|µm|MB|GB)\b)")
"""A space between a number and its unit, at which a line must not end."""


def capitalized(text: str) -> str:
    """Return the text with a capital first letter; a name of a file or checkpoint stays as it is."""
    words = text.split(maxsplit=1)
    if not words or not words[0].rstrip(",:;").replace("-", "").isalpha():
        return text
    return text[0].upper() + text[1:]


def as_sentence(text: str) -> str:
    """Return half a line of text as a whole sentence."""
    if not text or text.endswith(STOPS):
        return capitalized(text)
    if ":\n" in text:  # a command on a line of its own: a full stop would belong to it
        return capitalized(text)
    return f"{capitalized(text)}."


def keep_units(text: str) -> str:
    """Return a text whose lines do not end between a number and its unit."""
    return BEFORE_UNITS.sub("\u00a0", text)


def plain_step(what: str) -> str:
    """Return the name of a step of work in plain words; to microscopists, embedding needs resin."""
    return what.replace("embedding", "analysing")


def group_digits(number: int) -> str:
    """Return a count with thin spaces between thousands, e.g. ``22 152``.

    A comma would be a decimal point to some readers.
    """
    return f"{number:,}".replace(",", "\u2009")


def count_of(number: int, one: str, many: str = "") -> str:
    """Return a count of things, e.g. ``1 slice`` or ``22 152 slices``.

    Parameters
    ----------
    number
        How many.
    one, many
        The word for one of them, and for several where that is not `one` with an s.
    """
    if number == 1:
        return f"1 {one}"
    return f"{group_digits(number)} {many or f'{one}s'}"


def list_names(names: Sequence[str]) -> str:
    """Return names as a sentence lists them, e.g. ``a, b and c``."""
    *first, last = names or ("nothing",)
    if not first:
        return last
    return f"{', '.join(first)} and {last}"
