"""The classes of one set of labels: those of the network as the user calls them, and the user's.

A class is known by two names: the user's, which all of the window shows, and `known_as`, which
networks, strokes and projects use. Its id is its value in the labels, and never changes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from napari_scsam.class_names import check_class_name
from napari_scsam.config import ClassSpec, UserError

if TYPE_CHECKING:
    from napari.layers import Image


class OwnTables:
    """The class tables of labels, by the image that they are labels of."""

    def __init__(self) -> None:
        self._of: WeakKeyDictionary[Image, tuple[ClassSpec, ...]] = WeakKeyDictionary()
        self._of_none: tuple[ClassSpec, ...] = ()
        """What the user added before an image was chosen; the first image takes it."""

    def of(self, image: Image | None) -> tuple[ClassSpec, ...]:
        """Return the class table of an image's labels; empty where nothing is known of it."""
        if image is None:
            return self._of_none
        return self._of.get(image, self._of_none)

    def store(self, image: Image | None, own: Sequence[ClassSpec]) -> None:
        """Replace the class table of an image's labels."""
        if image is None:
            self._of_none = tuple(own)
            return
        self._of[image] = tuple(own)
        self._of_none = ()


def key_of(spec: ClassSpec) -> str:
    """Return what tells a class from all others, whatever the user calls it."""
    return spec.known_as.casefold()


def as_network(spec: ClassSpec) -> ClassSpec:
    """Return a class under the name that networks know it by."""
    return replace(spec, name=spec.known_as, renamed_from="")


def as_asked(
    labels: NDArray[Any], known: Sequence[ClassSpec], asked: Sequence[ClassSpec]
) -> NDArray[Any]:
    """Return labels with the ids that were asked for, where the network has others.

    Parameters
    ----------
    labels
        (rows, columns) ids of the network.
    known, asked
        The classes of the network, and the same as the labels of the user number them.
    """
    wanted = {key_of(spec): spec.id for spec in asked}
    pairs = {spec.id: wanted[key_of(spec)] for spec in known if key_of(spec) in wanted}
    if all(old == new for old, new in pairs.items()):
        return labels
    translated = np.zeros(labels.shape, np.min_scalar_type(max(pairs.values())))
    for old, new in pairs.items():
        translated[labels == old] = new
    return translated


def merge_classes(
    network: Sequence[ClassSpec], own: Sequence[ClassSpec], order: Sequence[int] = ()
) -> tuple[ClassSpec, ...]:
    """Return all classes: those of the network, then those of the labels alone.

    Parameters
    ----------
    network
        What the network knows.
    own
        The class table of the labels. Id, name, colour and description there count.
    order
        Ids in the order that the user chose; others follow.
    """
    table = {key_of(spec): spec for spec in own}
    merged = [_as_called(spec, table.pop(key_of(spec), None)) for spec in network]
    merged += table.values()
    place = {number: index for index, number in enumerate(order)}
    return tuple(sorted(merged, key=lambda spec: place.get(spec.id, len(place))))


def _as_called(spec: ClassSpec, mine: ClassSpec | None) -> ClassSpec:
    """Return a class of the network as the labels number and call it."""
    if mine is None:
        return spec
    return replace(
        spec,
        id=mine.id,
        name=mine.name,
        colour=mine.colour,
        description=mine.description or spec.description,
        renamed_from=mine.renamed_from,
    )


def renumbered(network: Sequence[ClassSpec], own: Sequence[ClassSpec]) -> tuple[ClassSpec, ...]:
    """Return the classes of a network whose ids or names mean another class in the labels.

    They get a free id, and where the name is taken, a name that says so.
    """
    known = {key_of(spec) for spec in own}
    ids = {spec.id for spec in own}
    names = {spec.name.casefold() for spec in own}
    taken = ids | {spec.id for spec in network}
    found = []
    for spec in network:
        if key_of(spec) in known:
            continue
        changed = spec
        if spec.id in ids:
            changed = replace(changed, id=free_id(taken))
            taken.add(changed.id)
        if spec.name.casefold() in names:
            name = f"{spec.name} (network)"
            changed = replace(changed, name=name, renamed_from=spec.known_as)
        if changed != spec:
            found.append(changed)
    return tuple(found)


def free_id(taken: Iterable[int], largest: int | None = None) -> int:
    """Return an id above all that are taken; the lowest free one where that is too large.

    Raises
    ------
    UserError
        When all ids up to `largest` are taken.
    """
    used = set(taken)
    number = max(used, default=0) + 1
    if largest is None or number <= largest:
        return number
    number = next(i for i in itertools.count(1) if i not in used)
    if number > largest:
        raise UserError(
            f"these labels hold at most {largest} classes; delete a class that you do not need"
        )
    return number


def check_name(name: str, others: Iterable[ClassSpec]) -> None:
    """Check the name of a class against those of the other classes.

    Raises
    ------
    UserError
        When it is empty, names another class already, or as `check_class_name`.
    """
    wanted = name.casefold()
    if not wanted:
        raise UserError("a class needs a name; type one")
    check_class_name(name)
    for spec in others:
        if wanted == spec.name.casefold():
            raise UserError(f"'{spec.name}' already names a class; choose another name")
        if wanted == key_of(spec):
            raise UserError(
                f"the network calls '{spec.name}' '{spec.known_as}'; choose another name"
            )


def class_to_teach(name: str, known: Sequence[ClassSpec], used: Sequence[ClassSpec]) -> ClassSpec:
    """Return the class of a name if there is one, else a new class.

    Parameters
    ----------
    name
        What the user typed.
    known
        The network's classes.
    used
        The classes of the labels that it writes into. An id there keeps its meaning.
    """
    known_ids = {c.id for c in known}
    others = [c for c in used if c not in known]
    for spec in (*known, *(c for c in others if c.id not in known_ids)):
        if spec.name.casefold() == name.casefold():
            return spec
    taken = known_ids | {c.id for c in others}
    first = max(known_ids, default=0) + 1
    return ClassSpec(next(i for i in itertools.count(first) if i not in taken), name)
