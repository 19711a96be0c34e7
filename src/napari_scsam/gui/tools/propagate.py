"""Propagating an accepted object through the slices on both sides."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari_scsam.config import UserError
from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.jobs.one_object import (
    PromptResult,
    PropagateRequest,
    PropagationBothWays,
    propagate_both_ways,
)
from napari_scsam.gui.layers.plane import shown_plane
from napari_scsam.gui.tools.accept import Accepting

if TYPE_CHECKING:
    from napari_scsam.gui.session import Session

MAX_SLICES = 50
"""Slices on each side that an object is propagated through, unless the user chooses otherwise."""

FLAT = "a 2-D image has no other slices to propagate the object to; accept it instead"
PROPAGATING = "Propagating the object through the slices; Cancel stops it and changes nothing."


class Propagating:
    """Propagates objects in one viewer; made by ``session.part(Propagating)``."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.max_slices = MAX_SLICES
        self.ends: tuple[int, ...] = ()
        """Slices at which the object propagated last stopped."""

    def limit(self, max_slices: int) -> None:
        """Choose through how many slices on each side objects are propagated."""
        self.max_slices = max_slices

    def propagate(self, found: PromptResult) -> None:
        """Follow an object through the slices on both sides, and accept it on all of them."""
        session = self._session
        if found.plane.axis is None:
            session.report_error(UserError(FLAT))
            return
        session.status.emit(PROPAGATING)
        request = PropagateRequest(found, self.max_slices)
        make = partial(propagate_both_ways, session.engine, request)
        session.jobs.submit(Job.PROPAGATE, make, self._on_propagated)

    def _on_propagated(self, result: PropagationBothWays) -> None:
        self.ends = result.ends
        request = result.request.start.request.slice
        self._session.part(Accepting).write(request, result.patches, result.describe())

    def go_to(self, position: int) -> None:
        """Show a slice at which an object stopped."""
        viewer = self._session.viewer
        image = self._session.choices.image
        if viewer is None or image is None:
            return
        try:
            axis = shown_plane(viewer, image).axis
        except UserError:
            return
        if axis is None:
            return
        index = [0] * image.ndim
        index[axis] = position
        offset = viewer.dims.ndim - image.ndim
        viewer.dims.set_point(axis + offset, image.data_to_world(index)[axis])
