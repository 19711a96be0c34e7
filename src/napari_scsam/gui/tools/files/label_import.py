"""Reading labels of others, and writing them into the labels of a project."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from napari_scsam.config import ClassSpec
from napari_scsam.io.labels import read_class_table
from napari_scsam.io.volumes import open_labels
from napari_scsam.project.review import count_values
from napari_scsam.steps import Progress, Steps


@dataclass(frozen=True, eq=False)
class ForeignLabels:
    """Labels to import."""

    data: Any
    """(Z, Y, X) or (Y, X), read lazily."""
    values: list[int]
    """All values that they hold, without the background."""
    classes: tuple[ClassSpec, ...]
    """Their class table; empty when they have none."""


def read_steps(path: str) -> Steps[ForeignLabels]:
    """Open labels in a file, and find their values."""
    yield Progress(0, 1, f"opening {path}")
    labels = open_labels(path)
    return (yield from find_values_steps(labels.data, read_class_table(path)))


def find_values_steps(data: Any, classes: tuple[ClassSpec, ...] | None) -> Steps[ForeignLabels]:
    """Find the values of labels, slice by slice."""
    values: set[int] = set()
    keys = _slices(data)
    for number, key in enumerate(keys):
        yield Progress(number, len(keys), f"reading slice {number}")
        values |= set(count_values(np.asarray(data[key])))
    return ForeignLabels(data, sorted(values), classes or ())


def import_label_steps(
    layer: Labels, data: Any, mapping: Mapping[int, int]
) -> Generator[None, None, None]:
    """Write labels into a layer, slice by slice, as one undo step.

    Parameters
    ----------
    layer
        The labels of the project.
    data
        The labels to import, of the same shape.
    mapping
        The class id of each value; other values change nothing.
    """
    values = np.array(sorted(mapping))
    new = np.array([mapping[int(value)] for value in values])
    with layer.block_history():
        for key in _slices(data):
            ids = translate(np.asarray(data[key]), values, new)
            points = np.nonzero(ids)
            if points[0].size:
                indices = points
                if data.ndim == 3:
                    indices = (np.full_like(points[0], key), *points)
                ids_there = ids[points].astype(layer.data.dtype)
                layer.data_setitem(indices, ids_there, refresh=False)
            yield
    layer.refresh(extent=False)


def translate(labels: NDArray[Any], values: NDArray[Any], new: NDArray[Any]) -> NDArray[Any]:
    """Replace each value by its class id, others by 0."""
    if not len(values):
        return np.zeros(labels.shape, np.uint8)
    at = np.searchsorted(values, labels).clip(max=len(values) - 1)
    return np.where(values[at] == labels, new[at], 0)


def guess_map(
    values: list[int], theirs: tuple[ClassSpec, ...], ours: tuple[ClassSpec, ...]
) -> dict[int, int]:
    """Guess the class id of each value: by name where they have names, else the same value."""
    if theirs:
        ids_by_name = {spec.known_as.casefold(): spec.id for spec in ours}
        ids_by_name |= {spec.name.casefold(): spec.id for spec in ours}
        names = {spec.id: (spec.name.casefold(), spec.known_as.casefold()) for spec in theirs}
        known = {
            value: ids_by_name.get(name, ids_by_name.get(known_as, 0))
            for value, (name, known_as) in names.items()
        }
    else:
        known = {spec.id: spec.id for spec in ours}
    return {value: known.get(value, 0) for value in values}


def _slices(data: Any) -> list[Any]:
    """Return the keys of the slices of a volume; one key for a flat image."""
    if data.ndim == 3:
        return list(range(data.shape[0]))
    return [...]
