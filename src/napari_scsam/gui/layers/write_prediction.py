"""Write predictions into the labels layer that the model and the user share.

Every write goes through napari's `data_setitem` in one `block_history`. So it is one undo step, for
arrays in memory and on disk. Assigning `layer.data` would leave old undo steps that a later Ctrl+Z
would replay onto the new array.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_scsam.gui.layers.model_pixels import ModelPixels, ModelWrite, Packed, pack_band
from napari_scsam.gui.layers.plane import Plane
from napari_scsam.gui.layers.step_mark import StepMark
from napari_scsam.infer.patch import Patch

if TYPE_CHECKING:
    from napari.layers import Labels

BAND = 2**18
"""Pixels processed per turn of the event loop, so that a big plane does not freeze the window."""

UNNAMED = ""
"""The reason for pixels that no protection names: they have another class, or are the user's."""

RowMask = Callable[[slice, NDArray[Any]], NDArray[np.bool_]]
"""Given rows of a plane and their labels: which pixels must stay as they are."""

PlaneMask = Callable[[Plane, slice, NDArray[Any]], NDArray[np.bool_]]
"""Given a plane, rows of it and their labels: which pixels must stay as they are."""


class OrganelleLabels:
    """An editable labels layer, and what the model wrote into it."""

    wrote = Signal(object, object, object)
    """These labels, the `Plane` that the model changed, and the requested class ids."""
    claimed = Signal(object, object)
    """These labels, and a `Plane` where other pixels are the model's, without a write of it."""

    def __init__(self, layer: Labels) -> None:
        self.layer = layer
        self.stored_prediction: Callable[[Plane, slice], NDArray[Any]] | None = None
        """What the model wrote into rows of a plane before this window was opened."""
        self._written: defaultdict[Plane, ModelPixels] = defaultdict(ModelPixels)
        self._undone: dict[Plane, int] = {}
        """How many last writes into a plane are undone, as of the last look."""
        self._step: list[Any] | None = None
        self._pixels: ModelWrite | None = None
        """The undo step of the last write, and what is remembered of it."""

    def model_pixels(self, plane: Plane) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Yield rows of a plane, and what the model last wrote there."""
        written = self._written[plane]
        undone = written.undone
        for number, rows in enumerate(row_bands(plane.shape(self.layer.data.shape))):
            yield rows, written.band(number, plane.read(self.layer.data, rows), before=undone)

    def note_undone(self) -> None:
        """Emit `claimed` for planes where a write was undone or redone since the last call."""
        for plane, written in self._written.items():
            undone = written.undone
            if undone != self._undone.get(plane, 0):
                self._undone[plane] = undone
                self.claimed.emit(self, plane)

    def write_steps(
        self,
        plane: Plane,
        prediction: NDArray[Any],
        ids: Collection[int],
        *,
        replace_edits: bool = False,
        joins: bool = False,
        keep: RowMask | None = None,
        below: NDArray[Any] | None = None,
        taken: Counter[int] | None = None,
    ) -> Generator[None, None, int]:
        """Write a prediction into a plane, band by band, as one undo step.

        Parameters
        ----------
        plane
            Where.
        prediction
            (rows, columns) class ids; 0 is background.
        ids
            The requested classes: old pixels of the model of these classes
            are cleared where the prediction does not have them.
        replace_edits
            Overwrite the user's pixels, too.
        joins
            Join it with the undo step of the last write, if nothing was done since.
        keep
            Which pixels stay in any case.
        below
            (rows, columns) class ids that cleared pixels get back; 0 when not given.
        taken
            Counts, by their old class, pixels that get another class.

        Returns
        -------
        int
            The number of pixels changed.
        """
        self._show()
        bands = row_bands(prediction.shape)
        written = self._remembered(plane, bands)
        gone = 0
        while written.is_gone((plane.read(self.layer.data, rows) for rows in bands), before=gone):
            gone += 1
            yield
        packed: list[Packed] = []
        changed = 0
        with self.layer.block_history():
            for number, rows in enumerate(bands):
                if number:
                    yield
                current = plane.read(self.layer.data, rows)
                remembered = written.band(number, current, before=gone)
                under = None
                if below is not None:
                    under = below[rows].astype(current.dtype)
                merged = merge_prediction(
                    current, prediction[rows].astype(current.dtype), ids, under
                )
                ours = (current == remembered) | (replace_edits & (merged != current))
                if keep is not None:
                    ours &= ~keep(rows, current)
                labels = np.where(ours, merged, current)
                if taken is not None:
                    count_taken(taken, current, labels)
                changed += self._set_pixels(plane, rows, labels, current)
                packed.append(pack_band(np.where(ours, merged, remembered)))
        if changed:
            written.forget(gone)
            self._undone.pop(plane, None)
            self._remember(written, packed, joins=joins)
            self.layer.refresh(extent=False)
            self.wrote.emit(self, plane, tuple(ids))
        return changed

    def refused_steps(
        self, plane: Plane, prediction: NDArray[Any], reasons: Mapping[str, RowMask]
    ) -> Generator[None, None, Counter[str]]:
        """Count, band by band, the predicted pixels that were not written, by the reason.

        Parameters
        ----------
        plane, prediction
            As they were written.
        reasons
            Masks of the pixels that stay, by a word for the reason; the first that applies counts.

        Returns
        -------
        Counter
            Pixels by the reason, and under `UNNAMED` those without one.
        """
        refused: Counter[str] = Counter()
        for number, rows in enumerate(row_bands(prediction.shape)):
            if number:
                yield
            predicted = prediction[rows]
            current = plane.read(self.layer.data, rows)
            left = (predicted != 0) & (predicted != current)
            for word, mask_of in reasons.items():
                named = left & mask_of(rows, current)
                refused[word] += int(np.count_nonzero(named))
                left &= ~named
            refused[UNNAMED] += int(np.count_nonzero(left))
        return refused

    def write_object_steps(
        self,
        objects: Sequence[tuple[Plane, Patch]],
        value: int,
        reasons: Mapping[str, PlaneMask],
    ) -> Generator[None, None, tuple[int, Counter[str]]]:
        """Add accepted objects to a class, plane by plane, as one undo step.

        Their pixels become the user's, also those that the model had assigned to the same class.

        Parameters
        ----------
        objects
            Planes, and the masks on them.
        value
            The id of the class.
        reasons
            Masks of the pixels that stay, by a word for the reason.

        Returns
        -------
        changed : int
            The number of pixels changed.
        refused : Counter
            Pixels that would have changed but for a reason, by the first that applies.
        """
        changed = 0
        refused = Counter[str]()
        with self.layer.block_history():
            for number, (plane, patch) in enumerate(objects):
                if number:
                    yield
                changed += self._write_object(plane, patch, value, reasons, refused)
        if changed:
            self.layer.refresh(extent=False)
        return changed, refused

    def _show(self) -> None:
        """Show the layer, so that the result is seen.

        napari 0.9 cannot write to a hidden layer with rolled axes. It redraws everything even if
        the visibility stays the same.
        """
        if not self.layer.visible:
            self.layer.visible = True

    def _remembered(self, plane: Plane, bands: Sequence[slice]) -> ModelPixels:
        """Return what the model wrote into a plane, also before this window was opened."""
        if plane not in self._written and self.stored_prediction is not None:
            dtype = self.layer.data.dtype
            stored = [self.stored_prediction(plane, rows).astype(dtype) for rows in bands]
            self._written[plane].add_write([pack_band(band) for band in stored])
        return self._written[plane]

    def _remember(self, written: ModelPixels, packed: list[Packed], *, joins: bool) -> None:
        """Remember the write just done, and its undo step."""
        step = StepMark(self.layer)
        replaced = None
        if self._join_steps(joins):
            replaced = self._pixels
        self._pixels = written.add_write(packed, instead=replaced, step=step)

    def _join_steps(self, joins: bool) -> bool:
        """Join the newest undo step with that of the last write, if that came just before.

        Returns
        -------
        bool
            Whether they were joined.
        """
        history = self.layer._undo_history  # napari has no public API for this
        joined = joins and len(history) > 1 and history[-2] is self._step
        if joined:
            newest = history.pop()
            history[-1].extend(newest)
        if history:  # it may have been undone before its last rows were written
            self._step = history[-1]
        return joined

    def _write_object(
        self,
        plane: Plane,
        patch: Patch,
        value: int,
        reasons: Mapping[str, PlaneMask],
        refused: Counter[str],
    ) -> int:
        """Write one mask, count what is refused, and return the number of pixels changed."""
        rows = slice(patch.y, patch.y + patch.mask.shape[0])
        columns = slice(patch.x, patch.x + patch.mask.shape[1])
        current = plane.read(self.layer.data, rows)
        mask = np.zeros(current.shape, bool)
        mask[:, columns] = patch.mask
        for word, mask_of in reasons.items():
            named = mask & mask_of(plane, rows, current)
            refused[word] += int(np.count_nonzero(named & (current != value)))
            mask &= ~named
        labels = np.where(mask, current.dtype.type(value), current)
        changed = self._set_pixels(plane, rows, labels, current)
        self._claim(plane, rows, mask)
        return changed

    def _claim(self, plane: Plane, rows: slice, mask: NDArray[np.bool_]) -> None:
        """Mark pixels in these rows of a plane as the user's."""
        if plane not in self._written and self.stored_prediction is None:
            return
        shape = plane.shape(self.layer.data.shape)
        bands = row_bands(shape)
        written = self._remembered(plane, bands)
        written.forget(written.undone)
        for number, band in enumerate(bands):
            start = max(band.start, rows.start)
            stop = min(band.stop, rows.stop)
            if start < stop:
                theirs = np.zeros((band.stop - band.start, shape[1]), bool)
                part = mask[start - rows.start : stop - rows.start]
                theirs[start - band.start : stop - band.start] = part
                written.claim(number, theirs, self.layer.data.dtype)
        self.claimed.emit(self, plane)

    def _set_pixels(
        self, plane: Plane, rows: slice, labels: NDArray[Any], current: NDArray[Any]
    ) -> int:
        """Write the labels that differ from the current ones, and return their number."""
        differ = np.nonzero(labels != current)
        if differ[0].size:
            indices = plane.indices(differ[0] + rows.start, differ[1])
            self.layer.data_setitem(indices, labels[differ], refresh=False)
        return int(differ[0].size)


def merge_prediction(
    current: NDArray[Any],
    prediction: NDArray[Any],
    ids: Collection[int],
    below: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Return a band with the predicted classes, cleared of these classes elsewhere.

    Cleared pixels get the labels `below`, background when there are none.
    """
    requested = list(ids)
    if below is None:
        below = np.zeros_like(current)
    cleared = np.where(np.isin(current, requested), below, current)
    merged: NDArray[Any] = np.where(np.isin(prediction, requested), prediction, cleared)
    return merged


def count_taken(taken: Counter[int], before: NDArray[Any], after: NDArray[Any]) -> None:
    """Count, by their class, the pixels that had a class and get another one."""
    lost = (before != after) & (before != 0) & (after != 0)
    for value, count in zip(*np.unique(before[lost], return_counts=True), strict=True):
        taken[int(value)] += int(count)


def row_bands(shape: Sequence[int]) -> list[slice]:
    """Return bands of rows of at most `BAND` pixels, which together are the plane."""
    step = max(1, BAND // max(1, shape[1]))
    return [slice(start, min(start + step, shape[0])) for start in range(0, shape[0], step)]
