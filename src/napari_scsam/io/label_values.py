"""Which values a label image holds, for messages on values that it does not hold."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from napari_scsam.config import UserError
from napari_scsam.io.volumes import Volume

LISTED = 8
"""Most values that a sentence lists."""


def values_of(pixels: ArrayLike) -> set[int]:
    """Return the different values of an array of integers."""
    return set(np.unique(np.asarray(pixels)).tolist())


def describe_values(values: Collection[int]) -> str:
    """Return values as a phrase, e.g. ``0 and 255`` or ``0, 1, 2, … (300 values)``."""
    ordered = [str(value) for value in sorted(values)]
    if len(ordered) > LISTED:
        return f"{', '.join(ordered[:LISTED])}, … ({len(ordered)} values)"
    if len(ordered) < 2:
        return f"only {''.join(ordered)}"
    return f"{', '.join(ordered[:-1])} and {ordered[-1]}"


def check_named_values(
    labels: Volume, named: Collection[int], slices: Sequence[int], advice: str
) -> None:
    """Check that labels hold at least one of the values that stand for a class.

    Parameters
    ----------
    labels
        The label image; slices are read until a value is found.
    named
        The values.
    slices
        Those that count; the others are looked at when none of these has a value.
    advice
        What to do, for the message.

    Raises
    ------
    UserError
        When no slice has any of them; it lists the values that there are.
    """
    found = set[int]()
    for z in in_turn(slices, labels.depth):
        found |= values_of(labels.plane(z))
        if not found.isdisjoint(named):
            return
    raise no_such_value(labels.name, found, named, advice)


def doubt_of_names(labels: Volume, named: Collection[int], slices: Sequence[int]) -> str:
    """Return a sentence on values that are named but not there, beside others without a name.

    It is empty unless there are both: then a value is probably mistyped, and its class would count
    as absent everywhere.

    Parameters
    ----------
    labels
        The label image; slices are read until each value is found.
    named
        The values that stand for a class.
    slices
        Those that count.
    """
    found = set[int]()
    for z in slices:
        found |= values_of(labels.plane(z))
        if found.issuperset(named):
            return ""
    missing, others = sorted(set(named) - found), sorted(found - {0} - set(named))
    if not others:
        return ""
    return (
        f"the labels {labels.name!r} hold {describe_values(found)}, but no "
        f"{' or '.join(map(str, missing[:LISTED]))}, whose class counts as absent; "
        f"without a name: {', '.join(map(str, others[:LISTED]))}"
    )


def no_such_value(
    name: str, found: Collection[int], named: Collection[int], advice: str
) -> UserError:
    """Return the error for labels without any of the values that stand for a class."""
    wanted = " or ".join(str(value) for value in sorted(named)[:LISTED])
    return UserError(
        f"the labels {name!r} hold {describe_values(found)}, but no {wanted}; {advice}"
    )


def in_turn(slices: Sequence[int], depth: int) -> Iterable[int]:
    """Return these slices, and then all others."""
    return (*slices, *sorted(set(range(depth)) - set(slices)))
