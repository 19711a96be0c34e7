"""Writing segmentations into the labels layer of their image."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Hashable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from napari_scsam.config import UserError, family

if TYPE_CHECKING:
    from napari_scsam.gui.jobs.engine import Segmentation, SliceRequest
    from napari_scsam.gui.layers.write_prediction import OrganelleLabels
    from napari_scsam.gui.session import Session

REMEMBERED_SLICES = 8
"""Slices embedded last, which are likely still in memory: another class is segmented at once."""


class LabelsWriter:
    """Writes what the network finds; made by ``session.part(LabelsWriter)``."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._embedded: deque[Hashable] = deque(maxlen=REMEMBERED_SLICES)
        self._last: SliceRequest | None = None
        """What was written last, without its pixels."""

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

    def write(self, result: Segmentation) -> None:
        """Write a segmentation step by step, as one edit."""
        self.session.jobs.run_in_event_loop(self._write_steps(result), atomic=True)

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

    def _write_steps(self, result: Segmentation) -> Generator[None, None, None]:
        request = result.request
        output = self.output(request)
        if output is None:
            return
        labels, outside = result.on_plane()
        ids = [spec.id for spec in request.classes]
        yield from output.write_steps(
            request.plane,
            labels,
            ids,
            replace_edits=self.session.choices.replace_edits,
            joins=request.follows(self._last),  # one drag of the slider is one undo step
            keep=partial(self._left_alone, output.layer, request, labels, outside),
        )
        self._last = replace(request, data=None)
        self.note_embedded(request)
        if len(ids) == 1:
            output.layer.selected_label = ids[0]
        refused = yield from output.refused_steps(
            request.plane, labels, self._reasons(output.layer, request)
        )
        self.session.status.emit(result.describe(refused))
        self._prefetch(request)

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
        """
        known = self.session.choices.classes
        others: NDArray[np.bool_] = ~np.isin(current, [0, *family(known, request.classes)])
        for spec in request.classes:
            below = [other.id for other in known if other.name in spec.overrides]
            others &= ~((new == spec.id) & np.isin(current, below))
        return others
