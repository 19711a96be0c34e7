"""Where the objects of instance layers lie: looked for once, on a thread, and kept up to date while they are edited."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from napari_scsam.gui.jobs.worker import Steps, Worker
from napari_scsam.objects.boxes import LabelBoxes, Tally, grouped, tally_points, tally_steps

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.utils.events import Event

AT_ONCE = 2**21
"""Smaller layers, in voxels, are looked through on the spot."""

KIND = "objects"
"""What the worker calls this work."""


class LabelIndex:
    """The boxes of the objects of each layer that was asked for.

    Parameters
    ----------
    worker
        Looks through large layers; its reports of kind `KIND` are for `take`.
    """

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._known: WeakKeyDictionary[Labels, LabelBoxes] = WeakKeyDictionary()
        self._meanwhile: WeakKeyDictionary[Labels, list[Tally]] = WeakKeyDictionary()
        """Written while a layer is looked through."""

    def of(self, layer: Labels, seed: tuple[int, ...] | None = None) -> LabelBoxes | None:
        """Return the boxes of a layer; None when it must be looked through first, which is begun.

        Parameters
        ----------
        seed
            A voxel about to be worked on. When it lies outside the box of its
            label, somebody wrote to the array itself, and it is looked through anew.
        """
        boxes = self._known.get(layer)
        if boxes is not None and (seed is None or _holds(boxes, layer, seed)):
            return boxes
        self._begin(layer)
        return self._known.get(layer)

    def take(self, result: tuple[weakref.ref[Labels], Tally]) -> None:
        """Take what was found on the thread."""
        if (layer := result[0]()) is not None and layer in self._meanwhile:
            self._add(layer, result[1])

    def _begin(self, layer: Labels) -> None:
        self._known.pop(layer, None)
        if layer in self._meanwhile and self._worker.busy(KIND):
            return
        self._meanwhile[layer] = list(_undoable(layer))
        for event, slot in (
            (layer.events.paint, self._on_paint),
            (layer.events.data, self._on_data),
        ):
            event.disconnect(slot)
            event.connect(slot)
        if prod(layer.data.shape) > AT_ONCE:
            self._worker.submit(KIND, partial(_look_through, layer.data, weakref.ref(layer)))
        else:
            self._add(layer, _finish(tally_steps(layer.data)))

    def _add(self, layer: Labels, found: Tally) -> None:
        boxes = self._known[layer] = LabelBoxes(found)
        for written in self._meanwhile.pop(layer):
            boxes.widen(written)

    def _on_paint(self, event: Event) -> None:
        layer: Labels = event.source
        for written in _written([event.value], layer.data.shape):
            if (boxes := self._known.get(layer)) is not None:
                boxes.widen(written)
            elif layer in self._meanwhile:
                self._meanwhile[layer].append(written)

    def _on_data(self, event: Event) -> None:
        """Forget a layer that was given another array."""
        self._known.pop(event.source, None)
        self._meanwhile.pop(event.source, None)


def _look_through(data: Any, layer: weakref.ref[Labels]) -> Steps:
    return layer, (yield from tally_steps(data))


def _finish(steps: Steps) -> Any:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def _holds(boxes: LabelBoxes, layer: Labels, seed: tuple[int, ...]) -> bool:
    box = boxes.box(value) if (value := int(layer.data[seed])) else None
    return not value or (
        box is not None
        and all(side.start <= i < side.stop for i, side in zip(seed, box, strict=True))
    )


def _undoable(layer: Labels) -> Iterator[Tally]:
    """Return what an undo or a redo may bring back; napari has no public word on it."""
    items = [*getattr(layer, "_undo_history", ()), *getattr(layer, "_redo_history", ())]
    return _written(items, layer.data.shape, old_too=True)


def _written(
    items: Iterable[Iterable[Any]], shape: tuple[int, ...], *, old_too: bool = False
) -> Iterator[Tally]:
    """Read napari's undo steps: each a list of masks in a box (of brush, fill, polygon) or of single voxels."""
    for atom in (atom for item in items for atom in item):
        masked = hasattr(atom, "slice_key")
        new, old = (atom.new_value, atom.old_values) if masked else (atom[2], atom[1])
        for values in (new, old) if old_too else (new,):
            yield (
                _in_box(values, atom.slice_key, shape) if masked else tally_points(atom[0], values)
            )


def _in_box(values: Any, key: tuple[slice, ...], shape: tuple[int, ...]) -> Tally:
    labels = np.unique(values)
    labels = labels[labels != 0]
    ends = np.array([side.indices(n)[:2] for side, n in zip(key, shape, strict=True)], np.int32)
    low, high = (np.repeat(ends[None, :, i], len(labels), axis=0) for i in (0, 1))
    return grouped(labels, low, high, np.zeros(len(labels), np.int64), low)
