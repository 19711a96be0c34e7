"""Which classes a label image speaks of, and what it says of each pixel.

A reviewed pixel is one of the labelled classes or none of them. Of every
other class it says nothing. A class stands for its parts as well, unless the
parts are labelled by themselves: whoever draws whole mitochondria draws their
boundary with them. Some labels leave parts out; see `convention`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import ClassSpec, UserError

UNKNOWN = 255
"""Target of a pixel that nobody has reviewed."""

EXAMPLE = 'classes as {"1": "mitochondrion"}'
"""What a table of label classes looks like."""

MOST_CLASSES = 254
"""Targets are bytes, and two of their values are taken."""


@dataclass(frozen=True)
class KnownClass:
    """A labelled class, and the rows of the class table that its label covers."""

    name: str
    rows: tuple[int, ...]
    """From 0: the class, then its parts that have no label."""
    apart: tuple[int, ...] = ()
    """Rows of parts that the label leaves out; of these it says nothing."""


def known_classes(classes: Sequence[ClassSpec], names: Sequence[str]) -> tuple[KnownClass, ...]:
    """Find the rows that each labelled class covers.

    Parameters
    ----------
    classes
        The class table of the model.
    names
        Labelled classes, in any letter case.

    Raises
    ------
    UserError
        When there is no name, one is given twice, or one is not in the table.
    """
    wanted = [name.casefold() for name in names]
    table = [spec.name.casefold() for spec in classes]
    if not wanted:
        raise UserError("no class is labelled; name at least one")
    if len(wanted) > MOST_CLASSES:
        raise UserError(f"{len(wanted)} classes are labelled; name at most {MOST_CLASSES}")
    listed = ", ".join(spec.name for spec in classes)
    for name, folded in zip(names, wanted, strict=True):
        if wanted.count(folded) > 1:
            raise UserError(
                f"the class {name!r} is given for two label values; use one value for it"
            )
        if folded not in table:
            raise UserError(f"the model has no class {name!r}; choose from {listed}")
    return tuple(
        KnownClass(classes[table.index(name)].name, covered_rows(classes, name, wanted))
        for name in wanted
    )


def covered_rows(
    classes: Sequence[ClassSpec], name: str, labelled: Sequence[str]
) -> tuple[int, ...]:
    """Return the rows of a class and of its parts without labels; names are casefolded."""
    names = [spec.name.casefold() for spec in classes]
    parts = [
        row
        for row, spec in enumerate(classes)
        if spec.part_of.casefold() == name and names[row] not in labelled
    ]
    return (names.index(name), *parts)


def without_parts(known: KnownClass) -> KnownClass:
    """Return a class whose label leaves its parts out."""
    return replace(known, rows=known.rows[:1], apart=known.rows[1:])


def group_rows(known: Sequence[KnownClass], count: int) -> tuple[tuple[int, ...], ...]:
    """Divide background and K classes into what labels can tell apart.

    Parameters
    ----------
    known
        From `known_classes`.
    count
        K, the number of classes in the table.

    Returns
    -------
    groups
        Positions in a softmax over K + 1 logits, where 0 is background. The
        first group is everything that is not labelled; one for each of `known` follows.
        Parts that labels leave out are in none.
    """
    covered = {row for each in known for row in (*each.rows, *each.apart)}
    rest = (0, *(row + 1 for row in range(count) if row not in covered))
    return (rest, *(tuple(row + 1 for row in each.rows) for each in known))


def known_targets(
    labels: NDArray[Any], values: Sequence[int], reviewed: NDArray[Any] | None = None
) -> NDArray[np.uint8]:
    """Return the group of each pixel: 0 no labelled class, n the n-th, `UNKNOWN` not reviewed.

    Parameters
    ----------
    labels
        Label values, of any shape.
    values
        Those of the labelled classes, in the order of `known_classes`; others are none of them.
    reviewed
        Of the same shape, 0 where nobody has looked; all is reviewed when not given.
    """
    targets = np.zeros(labels.shape, np.uint8)
    for number, value in enumerate(values, start=1):
        targets[labels == value] = number
    if reviewed is not None:
        targets[reviewed == 0] = UNKNOWN
    return targets


def parse_label_classes(data: Mapping[str, Any]) -> dict[int, str]:
    """Read the table of a label file, such as ``{"1": "mitochondrion"}``.

    Raises
    ------
    UserError
        When a value is not a whole number above 0, or a name is empty.
    """
    table: dict[int, str] = {}
    for value, name in data.items():
        _check_label_class(value, name)
        if int(value) in table:
            raise UserError(f"the label value {int(value)} is given twice; name each value once")
        table[int(value)] = name.strip()
    if not table:
        raise UserError("the table of labelled classes is empty; name at least one class")
    return table


def _check_label_class(value: object, name: object) -> None:
    if not str(value).isdecimal() or int(str(value)) < 1:
        raise UserError(f"the label value {value!r} is not a whole number above 0; write {EXAMPLE}")
    if not isinstance(name, str) or not name.strip():
        raise UserError(f"the label value {value} has no class name; write {EXAMPLE}")
