"""Which class the objects of an instance layer are of.

A label of an object never changes its class: an object of another class gets another label. So an
undo of pixels restores the class, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_scsam.config import ClassSpec, UserError, parse_classes

if TYPE_CHECKING:
    from napari.layers import Layer

OBJECTS_KEY = "scsam_objects"
"""Key in ``layer.metadata`` of an instance layer for its `ObjectClasses`, as plain JSON."""

REVIEWED_KEY = "scsam_reviewed_objects"
"""Key in ``layer.metadata`` for the labels of objects that a person has checked, sorted."""

UNKNOWN_CLASS = "object"
"""Name of the class of an object whose class nobody said."""

LabelRange = tuple[int, int, int]
"""First label, last label and class id."""


@dataclass(frozen=True)
class ObjectClasses:
    """The classes of objects, by runs of their labels."""

    classes: tuple[ClassSpec, ...] = ()
    runs: tuple[LabelRange, ...] = ()
    """In the order of their labels; they do not overlap."""

    def ids_of(self, labels: ArrayLike) -> NDArray[np.int64]:
        """Return the class id of each label; 0 where it is unknown."""
        wanted = np.asarray(labels, np.int64)
        if not self.runs:
            return np.zeros(wanted.shape, np.int64)
        table = np.array(self.runs, np.int64)
        run = np.searchsorted(table[:, 0], wanted, side="right") - 1
        held = (run >= 0) & (wanted <= table[run, 1])
        return np.where(held, table[run, 2], 0)

    def names_of(self, labels: ArrayLike, unknown: str = UNKNOWN_CLASS) -> NDArray[np.str_]:
        """Return the name of the class of each label."""
        names = {spec.id: spec.name for spec in self.classes}
        ids, places = np.unique(self.ids_of(labels), return_inverse=True)
        return np.array([names.get(int(number), unknown) for number in ids])[places]

    def with_labels(self, labels: Iterable[int], spec: ClassSpec) -> ObjectClasses:
        """Return the same with new labels of a class; known labels keep theirs."""
        new = [label for label in sorted(set(labels)) if not self.ids_of([label])[0]]
        runs = _joined(sorted([*self.runs, *((label, label, spec.id) for label in new)]))
        classes = self.classes
        if spec.id not in {known.id for known in classes}:
            classes = parse_classes([*classes, spec])
        return ObjectClasses(classes, runs)

    def unused(self, count: int, in_use: int) -> list[int]:
        """Return labels for new objects: above all runs and above the largest label in use."""
        top = max([in_use, *(last for _, last, _ in self.runs)])
        return list(range(top + 1, top + count + 1))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "classes": [spec.to_dict() for spec in self.classes],
            "runs": [list(run) for run in self.runs],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ObjectClasses:
        """Read what `to_dict` wrote; what is damaged counts as unknown."""
        try:
            classes = parse_classes(data["classes"])
            runs = [(int(first), int(last), int(number)) for first, last, number in data["runs"]]
        except (UserError, KeyError, TypeError, ValueError):
            return cls()
        return cls(classes, _joined(sorted(runs)))


def object_classes(layer: Layer) -> ObjectClasses:
    """Return the classes of the objects of a layer."""
    stored = layer.metadata.get(OBJECTS_KEY)
    if not isinstance(stored, Mapping):
        return ObjectClasses()
    return ObjectClasses.from_dict(stored)


def set_object_classes(layer: Layer, classes: ObjectClasses) -> None:
    """Store the classes of the objects of a layer."""
    layer.metadata = {**layer.metadata, OBJECTS_KEY: classes.to_dict()}


def reviewed_objects(layer: Layer) -> NDArray[np.int64]:
    """Return the sorted labels of the objects of a layer that a person has checked."""
    return np.asarray(layer.metadata.get(REVIEWED_KEY, ()), np.int64)


def mark_objects(layer: Layer, labels: ArrayLike, *, reviewed: bool) -> None:
    """Mark objects as checked, or take their marks back."""
    before = reviewed_objects(layer)
    if reviewed:
        after = np.union1d(before, np.asarray(labels, np.int64))
    else:
        after = np.setdiff1d(before, np.asarray(labels, np.int64))
    layer.metadata = {**layer.metadata, REVIEWED_KEY: [int(label) for label in after]}


def _joined(runs: list[LabelRange]) -> tuple[LabelRange, ...]:
    """Join neighbouring runs of one class; of runs that overlap, the first stays."""
    joined: list[LabelRange] = []
    for first, last, number in runs:
        if joined and joined[-1][2] == number and joined[-1][1] + 1 == first:
            joined[-1] = (joined[-1][0], last, number)
        elif not joined or joined[-1][1] < first:
            joined.append((first, last, number))
    return tuple(joined)
