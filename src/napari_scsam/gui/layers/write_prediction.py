"""Writing predictions into the labels layer that the model and the user share.

Every write goes through napari's `data_setitem` in one `block_history`, so it
is one undo step, on arrays in memory and on disk alike. Assigning `layer.data`
would leave old undo steps that a later Ctrl+Z replays onto the new array.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_scsam.gui.layers.model_pixels import ModelPixels, Packed, pack
from napari_scsam.gui.layers.plane import Plane
from napari_scsam.infer.patch import Patch

if TYPE_CHECKING:
    from napari.layers import Labels

BAND = 2**18
"""Pixels worked on per turn of the event loop, so that a big plane does not freeze the window."""

UNNAMED = ""
"""Why a pixel that was found stays something else, where no protection names it: it is of another class, or the user's."""


class OrganelleLabels:
    """An editable labels layer, and what the model wrote into it."""

    wrote = Signal(object, object, object)
    """These labels, the `Plane` that the model changed, and the class ids that it was asked for."""
    claimed = Signal(object, object)
    """These labels, and a `Plane` where pixels of the model became the user's."""

    def __init__(self, layer: Labels) -> None:
        self.layer = layer
        self.recall: Callable[[Plane, slice], NDArray[Any]] | None = None
        """What the model wrote into rows of a plane before this window was opened."""
        self._written: defaultdict[Plane, ModelPixels] = defaultdict(ModelPixels)
        self._step: list[Any] | None = None
        self._pixels: list[Packed] | None = None
        """The undo step of the last write, and what is remembered of it."""

    def model_pixels(self, plane: Plane) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Return rows of a plane, and what the model last wrote there."""
        for number, rows in enumerate(row_bands(plane.shape(self.layer.data.shape))):
            yield rows, self._written[plane].band(number, plane.read(self.layer.data, rows))

    def _remembered(self, plane: Plane, bands: Sequence[slice]) -> ModelPixels:
        if plane not in self._written and self.recall is not None:
            self._written[plane].add_write(
                [pack(self.recall(plane, rows).astype(self.layer.data.dtype)) for rows in bands]
            )
        return self._written[plane]

    def write_steps(
        self,
        plane: Plane,
        prediction: NDArray[Any],
        ids: Collection[int],
        *,
        replace_edits: bool = False,
        joins: bool = False,
        keep: Callable[[slice, NDArray[Any]], NDArray[np.bool_]] | None = None,
    ) -> Generator[None, None, int]:
        """Put a prediction into a plane, band by band, as one undo step.

        Parameters
        ----------
        plane
            Where.
        prediction
            (rows, columns) class ids; 0 is background.
        ids
            The classes that were asked for: old pixels of the model of these
            classes are cleared where the prediction has them no more.
        replace_edits
            Write over the user's pixels, too.
        joins
            Make it one undo step with the last write, if nothing was done since.
        keep
            Given rows and their labels: which pixels stay whatever comes.

        Returns
        -------
        int
            The number of pixels changed.
        """
        if not self.layer.visible:  # napari draws everything anew even when nothing changes
            self.layer.visible = True  # to see what comes; and napari 0.9 cannot write to a hidden layer whose axes were rolled
        bands = row_bands(prediction.shape)
        written = self._remembered(plane, bands)
        while written.last_write_is_gone(plane.read(self.layer.data, rows) for rows in bands):
            written.forget_last_write()
            yield
        packed: list[Packed] = []
        changed = 0
        with self.layer.block_history():
            for number, rows in enumerate(bands):
                if number:
                    yield
                current = plane.read(self.layer.data, rows)
                remembered = written.band(number, current)
                wanted = merge(current, prediction[rows].astype(current.dtype), ids)
                ours = (current == remembered) | (replace_edits & (wanted != current))
                if keep is not None:
                    ours &= ~keep(rows, current)
                changed += self._set_pixels(plane, rows, np.where(ours, wanted, current), current)
                packed.append(pack(np.where(ours, wanted, remembered)))
        if changed:
            joined = self._join_steps(joins)
            self._pixels = written.add_write(packed, instead=self._pixels if joined else None)
            self.layer.refresh(extent=False)
            self.wrote.emit(self, plane, tuple(ids))
        return changed

    def _join_steps(self, joins: bool) -> bool:
        """Create the undo step just done one with that of the last write, if that is wanted and came just before; say whether."""
        history = self.layer._undo_history  # napari has no public word for it
        joined = joins and len(history) > 1 and history[-2] is self._step
        if joined:
            newest = history.pop()
            history[-1].extend(newest)
        self._step = history[-1]
        return joined

    def refused_steps(
        self,
        plane: Plane,
        prediction: NDArray[Any],
        reasons: Mapping[str, Callable[[slice, NDArray[Any]], NDArray[np.bool_]]],
    ) -> Generator[None, None, Counter[str]]:
        """Count, band by band, the pixels of a prediction that was written that hold something else: what was to be kept.

        Parameters
        ----------
        plane, prediction
            As they were written.
        reasons
            By a word for it, what names the pixels that stay, given rows and their labels; the first that names a pixel counts.

        Returns
        -------
        Counter
            Pixels by the reason, and under `UNNAMED` those that no reason names.
        """
        refused: Counter[str] = Counter()
        for number, rows in enumerate(row_bands(prediction.shape)):
            if number:
                yield
            found = prediction[rows]
            current = plane.read(self.layer.data, rows)
            left = (found != 0) & (found != current)
            for word, names in reasons.items():
                named = left & names(rows, current)
                refused[word] += int(np.count_nonzero(named))
                left &= ~named
            refused[UNNAMED] += int(np.count_nonzero(left))
        return refused

    def write_object_steps(
        self,
        objects: Sequence[tuple[Plane, Patch]],
        value: int,
        reasons: Mapping[str, Callable[[Plane, slice, NDArray[Any]], NDArray[np.bool_]]],
    ) -> Generator[None, None, tuple[int, Counter[str]]]:
        """Return objects that the user accepted to a class, plane by plane, as one undo step.

        Their pixels are the user's from then on, also those that the model had called the same.

        Parameters
        ----------
        objects
            Planes, and the masks on them.
        value
            The id of the class.
        reasons
            By a word for it, what names the pixels that stay whatever comes, given a plane, rows and their labels.

        Returns
        -------
        changed : int
            The number of pixels changed.
        refused : Counter
            Pixels that would have changed but for a reason, by the first that names them.
        """
        changed = 0
        refused = Counter[str]()
        with self.layer.block_history():
            for number, (plane, patch) in enumerate(objects):
                if number:
                    yield
                rows = slice(patch.y, patch.y + patch.mask.shape[0])
                inside = slice(patch.x, patch.x + patch.mask.shape[1])
                current = plane.read(self.layer.data, rows)
                mask = np.zeros(current.shape, bool)
                mask[:, inside] = patch.mask
                for word, names in reasons.items():
                    named = mask & names(plane, rows, current)
                    refused[word] += int(np.count_nonzero(named & (current != value)))
                    mask &= ~named
                changed += self._set_pixels(
                    plane, rows, np.where(mask, current.dtype.type(value), current), current
                )
                self._claim(plane, rows, mask)
        if changed:
            self.layer.refresh(extent=False)
        return changed, refused

    def _claim(self, plane: Plane, rows: slice, mask: NDArray[np.bool_]) -> None:
        """Call pixels in these rows of a plane the user's."""
        if plane not in self._written and self.recall is None:
            return
        shape = [size for axis, size in enumerate(self.layer.data.shape) if axis != plane.axis]
        written = self._remembered(plane, row_bands(shape))
        for number, band in enumerate(row_bands(shape)):
            start = max(band.start, rows.start)
            stop = min(band.stop, rows.stop)
            if start < stop:
                theirs = np.zeros((band.stop - band.start, shape[1]), bool)
                theirs[start - band.start : stop - band.start] = mask[
                    start - rows.start : stop - rows.start
                ]
                written.claim(number, theirs, self.layer.data.dtype)
        self.claimed.emit(self, plane)

    def _set_pixels(
        self, plane: Plane, rows: slice, wanted: NDArray[Any], current: NDArray[Any]
    ) -> int:
        differ = np.nonzero(wanted != current)
        if differ[0].size:
            indices = plane.indices(differ[0] + rows.start, differ[1])
            self.layer.data_setitem(indices, wanted[differ], refresh=False)
        return int(differ[0].size)


def merge(current: NDArray[Any], prediction: NDArray[Any], ids: Collection[int]) -> NDArray[Any]:
    """Lay the predicted classes over a band, and clear these classes where they are not predicted."""
    asked = list(ids)
    cleared = np.where(np.isin(current, asked), 0, current)
    merged: NDArray[Any] = np.where(np.isin(prediction, asked), prediction, cleared)
    return merged


def row_bands(shape: Sequence[int]) -> list[slice]:
    """Cut a plane into bands of rows of at most `BAND` pixels."""
    step = max(1, BAND // max(1, shape[1]))
    return [slice(start, min(start + step, shape[0])) for start in range(0, shape[0], step)]
