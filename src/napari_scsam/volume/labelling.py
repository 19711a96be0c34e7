"""Labels of slices, one after the other: read ahead, computed, averaged with their neighbours."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.infer.postprocess import label_dtype
from napari_scsam.io.read_errors import DamagedPartError
from napari_scsam.steps import Steps, drive
from napari_scsam.volume.answer import Answer, Working, inside_mask
from napari_scsam.volume.probabilities import probability_bytes
from napari_scsam.volume.setup import Setup
from napari_scsam.volume.three_axes import answers_of_three_axes
from napari_scsam.volume.writing.ledger import pixels_hash

if TYPE_CHECKING:
    from napari_scsam.infer.prepared_slice import Slice

WEIGHTS = (1, 2, 1)
"""Of the slice before, the slice itself and the slice behind it."""

RESEMBLES = 0.8
"""Correlation of two slices from which on their logits are averaged.

Slices of hippocampus that are 5 nm apart have 0.87 or more, and those at least 20 nm apart 0.67 or
less. A stack may have gaps that its voxel size does not show.
"""

COMPARED = 256
"""Rows and columns of a slice that are compared, evenly spread."""

Logits = NDArray[np.floating]


@dataclass(frozen=True)
class Seen:
    """A slice that was read, and its logits."""

    pixels: str
    """`pixels_hash` of it; empty when it was not read."""
    size: tuple[float, float] | None
    """nm of a pixel, (y, x)."""
    logits: Logits | None
    """K×Y×X; None for a slice of one value, which shows nothing."""
    sample: NDArray[np.float32]
    """Some of its pixels, for the comparison with its neighbours."""


class Labelling(Setup):
    """Labels slices of a volume with one network."""

    def answers(self, wanted: Sequence[int]) -> Generator[Answer | Working | None, None, None]:
        """Compute slices in order; None for one that cannot be read.

        Where neighbours are averaged, they are computed as well, also if they are not wanted: the
        labels of a slice do not depend on what else is labelled. Work that slices share is told.
        """
        along = self._along_z(wanted)
        if self.plan.axes > 1:
            along = answers_of_three_axes(self, wanted)
        mask = self.plan.mask
        with closing(along):
            for answer in along:
                if mask is None or not isinstance(answer, Answer):
                    yield answer
                else:
                    yield inside_mask(answer, mask.plane(answer.z)[self.plan.window])

    def _along_z(self, wanted: Sequence[int]) -> Generator[Answer | Working | None, None, None]:
        """Compute slices along z."""
        reach = self.plan.reach
        depth = self.source.depth
        needed = sorted({n for z in wanted for n in range(max(0, z - reach), z + reach + 1)})
        slices = self._seen([z for z in needed if z < depth])
        seen: dict[int, Seen | None] = {}
        last = -1
        with closing(slices):
            for z in wanted:
                while last < min(z + reach, depth - 1):
                    last, slice_ = next(slices)
                    seen[last] = slice_
                for old in [n for n in seen if n < z - reach]:
                    del seen[old]
                yield self.answer(z, seen)

    def read(self, z: int) -> tuple[NDArray[Any] | None, Slice | None]:
        """Read a slice, prepared for the network.

        Returns
        -------
        plane
            (Y, X); None where the mask leaves nothing to label, so that nothing was read.
        slice_
            None for a slice of a single value.
        """
        wanted = None
        if self.plan.mask is not None:
            wanted = self.plan.mask.wanted(z, self.plan.reach, self.plan.window)
            if not wanted.any():
                return None, None
        plane = self.source.plane(z)[self.plan.window]
        if is_flat(plane):
            return plane, None
        size = self.source.pixel_size
        slice_ = self.predictor.prepare(plane, size, contrast=self.contrast)
        if wanted is not None:
            slice_ = slice_.only_where(wanted)
        return plane, slice_

    def _seen(self, needed: Sequence[int]) -> Generator[tuple[int, Seen | None], None, None]:
        """Read and compute slices, each read while the one before is computed."""
        with ThreadPoolExecutor(1) as reader:
            reading: deque[Future[tuple[NDArray[Any] | None, Slice | None]]] = deque()
            for number, z in enumerate(needed):
                for ahead in needed[number + len(reading) : number + 2]:
                    reading.append(reader.submit(self.read, ahead))
                try:
                    plane, slice_ = reading.popleft().result()
                except DamagedPartError as error:
                    self.damaged[z] = error  # it costs its slice, and no other
                    yield z, None
                    continue
                yield z, drive(self.seen_steps(plane, slice_))

    def seen_steps(self, plane: NDArray[Any] | None, slice_: Slice | None) -> Steps[Seen]:
        """Compute the logits of a slice from `read`."""
        if plane is None:
            return Seen("", None, None, np.zeros((1, 1), np.float32))
        pixels = pixels_hash(plane)
        if slice_ is None:
            return Seen(pixels, None, None, sample_of(plane))
        predictor = self.predictor
        predictor.forget_embeddings()  # each slice is seen once; keeping them would fill memory
        predictor.set_slice(slice_)
        names = [c.name for c in predictor.competing(self.requested)]
        logits: Logits = yield from predictor.logits_steps(names)
        if self.plan.average_z:
            # Three slices are kept. Half of the bits are enough: labels change at borders only.
            logits = logits.astype(np.float16)
            slice_.logits.clear()
        return Seen(pixels, slice_.pixel_size, logits, sample_of(plane))

    def answer(self, z: int, seen: Mapping[int, Seen | None]) -> Answer | None:
        """Return what becomes of a slice, of which it and its neighbours were seen."""
        own = seen[z]
        if own is None:
            return None
        if own.logits is None:
            return Answer(z, own.pixels, self._no_labels, self._no_probabilities)
        logits = own.logits
        alike = [
            beside.logits
            for beside in (seen.get(z - 1), seen.get(z + 1))
            if beside is not None and beside.logits is not None and resemble(own, beside)
        ]

        def settled() -> NDArray[np.float32]:
            if not self.plan.average_z:
                return np.asarray(logits, np.float32)
            return averaged_along_z(logits, alike)

        competing = self.predictor.competing(self.requested)
        rows = [competing.index(spec) for spec in self.requested]
        return Answer(
            z,
            own.pixels,
            lambda: self.predictor.labels_from_logits(
                settled(), competing, self.requested, pixel_size=own.size
            ),
            lambda: probability_bytes(settled(), rows, self.predictor.rows_by_network(competing)),
        )

    def hash_of_slice(self, z: int) -> str:
        """Return `pixels_hash` of the part of a slice that is labelled."""
        return pixels_hash(self.source.plane(z)[self.plan.window])

    def is_wanted(self, z: int) -> bool:
        """Whether a slice is labelled; a mask may leave it out."""
        mask = self.plan.mask
        return mask is None or bool(mask.plane(z)[self.plan.window].any())

    def network_settings(self) -> dict[str, Any]:
        """Return what tells networks apart, as plain JSON values."""
        from napari_scsam.volume.network_settings import network_settings

        return network_settings(self.predictor.model)

    def views(self) -> list[dict[str, Any]]:
        """Return the views that are averaged, as plain JSON values."""
        views = [asdict(view) for view in self.predictor.views]
        if self.predictor.coarse:
            return [{**view, "coarse": True} for view in views]
        return views

    def _no_labels(self) -> NDArray[Any]:
        return np.zeros(self._shape, label_dtype(self.predictor.classes))

    def _no_probabilities(self) -> NDArray[np.uint8]:
        return np.zeros((len(self.requested), *self._shape), np.uint8)

    @property
    def _shape(self) -> tuple[int, int]:
        rows, columns = self.plan.window
        return rows.stop - rows.start, columns.stop - columns.start


def averaged_along_z(own: Logits, beside: Sequence[Logits]) -> NDArray[np.float32]:
    """Average the logits of a slice with those of its neighbours, by `WEIGHTS`.

    There are fewer at the ends of a volume, and beside a gap, a damaged slice or an empty one.
    """
    before, middle, _ = WEIGHTS
    total = own.astype(np.float32) * middle
    for maps in beside:
        total += before * maps.astype(np.float32)
    total /= middle + before * len(beside)
    return total


def sample_of(plane: NDArray[Any]) -> NDArray[np.float32]:
    """Return evenly spread pixels of a slice, less their mean; zeros where they are not finite."""
    rows, columns = (max(1, side // COMPARED) for side in plane.shape)
    pixels: NDArray[np.float32] = plane[::rows, ::columns].astype(np.float32)
    pixels[~np.isfinite(pixels)] = 0
    pixels -= pixels.mean()
    return pixels


def resemble(one: Seen, other: Seen) -> bool:
    """Whether two slices show nearly the same, by the correlation of their pixels."""
    norms = float(np.linalg.norm(one.sample) * np.linalg.norm(other.sample))
    return float(np.vdot(one.sample, other.sample)) >= RESEMBLES * norms > 0


def is_flat(plane: NDArray[Any]) -> bool:
    """Whether a slice has one value only, or none that is finite."""
    if plane.dtype.kind == "f":
        plane = plane[np.isfinite(plane)]
        if not plane.size:
            return True
    return bool(plane.min() == plane.max())
