"""Writing segmentations into the labels layer of their image."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Generator, Hashable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray
from psygnal import Signal

from napari_scsam.config import UserError, family
from napari_scsam.gui.layers.class_table import classes_of
from napari_scsam.gui.layers.taken_pixels import TakenPixels, read_bands
from napari_scsam.gui.own_classes import key_of

if TYPE_CHECKING:
    from napari_scsam.gui.jobs.slice_request import SliceRequest, SliceSegmentation
    from napari_scsam.gui.layers.run_record import RunRecord
    from napari_scsam.gui.layers.write_prediction import OrganelleLabels
    from napari_scsam.gui.session import Session

REMEMBERED_SLICES = 8
"""Slices embedded last, which are likely still in memory: another class is segmented at once."""


class LabelsWriter:
    """Writes what the network finds; made by ``session.part(LabelsWriter)``."""

    writing = Signal()
    """An answer is about to be written."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._embedded: deque[Hashable] = deque(maxlen=REMEMBERED_SLICES)
        self._last: SliceRequest | None = None
        """What was written last, without its pixels."""
        self._taken = TakenPixels()

    def output(self, request: SliceRequest) -> OrganelleLabels | None:
        """Return the labels layer that takes the answer to a request; None without its image."""
        session = self.session
        viewer = session.viewer
        image = session.choices.image_of(request.volume)
        if viewer is None or image is None or image not in viewer.layers:
            return None
        session.about_to_write.emit(image)
        typed = session.choices.typed_voxel_size(image)
        return session.outputs.for_image(viewer, image, request.classes, typed=typed)

    def write(self, result: SliceSegmentation, run: RunRecord | None = None) -> None:
        """Write a segmentation step by step, as one edit; a run remembers what it changes."""
        self.session.jobs.run_in_event_loop(self._write_steps(result, run), atomic=True)

    def note_embedded(self, request: SliceRequest) -> None:
        """Note that a plane is embedded: other classes are segmented on it at once."""
        if request.embedding in self._embedded:
            # It moves to the end: a slice requested again and again is remembered once.
            self._embedded.remove(request.embedding)
        self._embedded.append(request.embedding)

    def shown_is_embedded(self) -> bool:
        """Whether the plane shown is likely still embedded."""
        try:
            return self.session.request().embedding in self._embedded
        except UserError:
            return False

    def continues(self, request: SliceRequest) -> bool:
        """Whether a request differs from what was written last by its threshold offsets alone."""
        return request.follows(self._last)

    def without_forgotten(self, result: SliceSegmentation) -> SliceSegmentation | None:
        """Leave out classes that were forgotten meanwhile; None when nothing is left.

        Classes that were renamed meanwhile are written as they are called now.
        """
        choices = self.session.choices
        info = choices.checkpoint
        if info is None or info.reference != result.request.checkpoint:
            return result
        now = [choices.current(spec) for spec in result.request.classes]
        kept = tuple(spec for spec in now if spec is not None)
        if not kept:
            return None
        if kept == result.request.classes:
            return result
        return result.with_classes(kept)

    def _write_steps(
        self, result: SliceSegmentation, run: RunRecord | None = None
    ) -> Generator[None, None, None]:
        request = result.request
        output = self.output(request)
        if output is None:
            return
        self.writing.emit()
        before = None
        if run is not None:
            before = read_bands(output.layer, request.plane)
        labels, outside = result.on_plane()
        taken = Counter[int]()
        settings: dict[str, Any] = {
            "replace_edits": self.session.choices.replace_edits,
            "keep": partial(self._left_alone, output.layer, request, labels, outside),
            "taken": taken,
        }
        if result.taught:
            yield from self._write_taught_steps(output, request, labels, settings)
        else:
            # One drag of the slider is one undo step.
            settings["joins"] = self.continues(request)
            ids = [spec.id for spec in request.classes]
            yield from output.write_steps(request.plane, labels, ids, **settings)
        if run is not None and before is not None:
            run.note(request.plane, before, read_bands(output.layer, request.plane))
        self._last = replace(request, data=None)
        self.note_embedded(request)
        if len(request.classes) == 1:
            output.layer.selected_label = request.classes[0].id
        refused = yield from output.refused_steps(
            request.plane, labels, self._reasons(output.layer, request)
        )
        for spec in request.classes:
            taken.pop(spec.id, None)  # what a class had before was not taken from another
        self.session.status.emit(result.describe(refused, self._by_name(output.layer, taken)))
        self._prefetch(request)

    def _write_taught_steps(
        self,
        output: OrganelleLabels,
        request: SliceRequest,
        labels: NDArray[Any],
        settings: dict[str, Any],
    ) -> Generator[None, None, None]:
        """Write a class that was taught; pixels that it leaves go back to the class before."""
        layer = output.layer
        value = request.classes[0].id
        before = read_bands(layer, request.plane)
        below = self._taken.below(layer, request.plane, value)
        yield from output.write_steps(request.plane, labels, [value], below=below, **settings)
        yield from self._taken.note_steps(layer, request.plane, value, before)

    def _by_name(self, layer: Labels, taken: Counter[int]) -> dict[str, int]:
        """Return counts of pixels by the name of their class."""
        names = {spec.id: spec.name for spec in classes_of(layer) or ()}
        return {names.get(value, f"label {value}"): count for value, count in taken.items()}

    def _reasons(self, layer: Labels, request: SliceRequest) -> dict[str, Any]:
        """Return what protects pixels of a plane, by the word for them."""
        protections = self.session.protections
        return {
            word: partial(protect, layer, request.plane) for word, protect in protections.items()
        }

    def _prefetch(self, request: SliceRequest) -> None:
        session = self.session
        if session.choices.prefetch and not session.jobs.busy():
            session.jobs.prefetch(partial(session.engine.prefetch_steps, request))

    def _left_alone(
        self,
        layer: Labels,
        request: SliceRequest,
        labels: NDArray[Any],
        outside: NDArray[np.bool_] | None,
        rows: slice,
        current: NDArray[Any],
    ) -> NDArray[np.bool_]:
        """Return which pixels of these rows must not change.

        They are protected, outside a region, or of a class that was not requested.
        """
        if outside is None:
            kept = np.zeros(current.shape, bool)
        else:
            kept = outside[rows].copy()
        for protect in self.session.protections.values():
            kept |= protect(layer, request.plane, rows, current)
        if not self.session.choices.replace_edits:
            kept |= self._of_other_classes(request, labels[rows], current)
        return kept

    def _of_other_classes(
        self, request: SliceRequest, new: NDArray[Any], current: NDArray[Any]
    ) -> NDArray[np.bool_]:
        """Return which pixels have a class that was not requested, and keep it.

        A requested class takes precedence over those that it overrides, also over their labels.
        A taught class takes the pixels where it is more likely than the class of the network.
        """
        known = self.session.choices.classes
        others: NDArray[np.bool_] = ~np.isin(current, [0, *family(known, request.classes)])
        taught = self.session.choices.taught_names
        for spec in request.classes:
            if key_of(spec) in taught:  # the network compared them, pixel by pixel
                others &= new != spec.id
            below = [other.id for other in known if other.known_as in spec.overrides]
            others &= ~((new == spec.id) & np.isin(current, below))
        return others
