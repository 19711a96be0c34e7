"""The boxes of the objects of instance layers.

They are searched once, on a thread for large layers, and kept up to date by every edit.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from napari_scsam.gui.jobs.worker import Worker
from napari_scsam.objects.boxes import LabelBoxes, Tally, merge_rows, tally_points, tally_steps
from napari_scsam.steps import Steps, drive

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.utils.events import Event

MAX_SYNC_VOXELS = 2**21
"""Smaller layers are searched at once, on the main thread."""

INDEX_JOB = "objects"
"""What the worker calls this work."""


class LabelIndex:
    """The boxes of the objects of each layer that was asked for.

    Parameters
    ----------
    worker
        Searches large layers; its reports of kind `INDEX_JOB` are for `take`.
    """

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._known: WeakKeyDictionary[Labels, LabelBoxes] = WeakKeyDictionary()
        self._meanwhile: WeakKeyDictionary[Labels, list[Tally]] = WeakKeyDictionary()
        """Written while a layer is searched."""

    def of(self, layer: Labels, seed: tuple[int, ...] | None = None) -> LabelBoxes | None:
        """Return the boxes of a layer; begin the search and return None when it takes time.

        Parameters
        ----------
        seed
            A voxel about to be worked on. When it is outside the box of its label, other code
            changed the array. Then the array is searched again.
        """
        boxes = self._known.get(layer)
        if boxes is not None and (seed is None or _holds(boxes, layer, seed)):
            return boxes
        self._begin(layer)
        return self._known.get(layer)

    def take(self, result: tuple[weakref.ref[Labels], Tally]) -> None:
        """Take what was found on the thread."""
        reference, tally = result
        layer = reference()
        if layer is not None and layer in self._meanwhile:
            self._add(layer, tally)

    def _begin(self, layer: Labels) -> None:
        self._known.pop(layer, None)
        if layer in self._meanwhile and self._worker.busy(INDEX_JOB):
            return
        self._meanwhile[layer] = list(_undoable(layer))
        _connect_once(layer.events.paint, self._on_paint)
        _connect_once(layer.events.data, self._on_data)
        if prod(layer.data.shape) > MAX_SYNC_VOXELS:
            self._worker.submit(INDEX_JOB, partial(_search_steps, layer.data, weakref.ref(layer)))
        else:
            self._add(layer, drive(tally_steps(layer.data)))

    def _add(self, layer: Labels, found: Tally) -> None:
        boxes = self._known[layer] = LabelBoxes(found)
        for written in self._meanwhile.pop(layer):
            boxes.widen(written)
            boxes.note_edited(written.values)

    def _on_paint(self, event: Event) -> None:
        layer: Labels = event.source
        boxes = self._known.get(layer)
        for written in written_labels([event.value], layer.data.shape, old_too=True):
            if boxes is not None:
                boxes.widen(written)
                boxes.note_edited(written.values)
            elif layer in self._meanwhile:
                self._meanwhile[layer].append(written)

    def _on_data(self, event: Event) -> None:
        """Forget a layer that was given another array."""
        self._known.pop(event.source, None)
        self._meanwhile.pop(event.source, None)


def _search_steps(
    data: Any, layer: weakref.ref[Labels]
) -> Steps[tuple[weakref.ref[Labels], Tally]]:
    tally = yield from tally_steps(data)
    return layer, tally


def _connect_once(event: Any, slot: Callable[[Event], None]) -> None:
    """Connect a slot to an event of napari, unless it is connected."""
    event.disconnect(slot)
    event.connect(slot)


def _holds(boxes: LabelBoxes, layer: Labels, seed: tuple[int, ...]) -> bool:
    value = int(layer.data[seed])
    if not value:
        return True
    box = boxes.box(value)
    if box is None:
        return False
    return all(side.start <= i < side.stop for i, side in zip(seed, box, strict=True))


def _undoable(layer: Labels) -> Iterator[Tally]:
    """Return what an undo or a redo may restore; napari has no public API for this."""
    items = [*getattr(layer, "_undo_history", ()), *getattr(layer, "_redo_history", ())]
    return written_labels(items, layer.data.shape, old_too=True)


def written_labels(
    items: Iterable[Iterable[Any]], shape: tuple[int, ...], *, old_too: bool = False
) -> Iterator[Tally]:
    """Read napari's undo steps.

    Each is a list of masks in a box (of brush, fill and polygon) or of single voxels.
    """
    for item in items:
        for atom in item:
            yield from _tallies(atom, shape, old_too=old_too)


def _tallies(atom: Any, shape: tuple[int, ...], *, old_too: bool) -> Iterator[Tally]:
    """Tally the new labels of a part of an undo step, and the old ones where asked."""
    if hasattr(atom, "slice_key"):
        yield _in_box(atom.new_value, atom.slice_key, shape)
        if old_too:
            yield _in_box(atom.old_values, atom.slice_key, shape)
        return
    indices, old, new = atom
    yield tally_points(indices, new)
    if old_too:
        yield tally_points(indices, old)


def _in_box(values: Any, key: tuple[slice, ...], shape: tuple[int, ...]) -> Tally:
    labels = np.unique(values)
    labels = labels[labels != 0]
    ends = np.array([side.indices(n)[:2] for side, n in zip(key, shape, strict=True)], np.int32)
    low, high = (np.repeat(ends[None, :, i], len(labels), axis=0) for i in (0, 1))
    return merge_rows(labels, low, high, np.zeros(len(labels), np.int64), low)
