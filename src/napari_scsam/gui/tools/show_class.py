"""Showing what a class would be on the slice shown; nothing is written."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_scsam.config import UserError
from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.layers.shown_class import ShownClassLayer
from napari_scsam.gui.tools.canvas.active_tool import ActiveTool
from napari_scsam.gui.tools.correction.correct_work import ObjectWork
from napari_scsam.gui.tools.write_labels import LabelsWriter
from napari_scsam.gui.words import capitalized

if TYPE_CHECKING:
    from napari_scsam.gui.jobs.slice_request import SliceRequest, SliceSegmentation
    from napari_scsam.gui.session import Session

SHOWN = "{found}. Only shown: Segment (Shift+S) writes it."


class ShowingClass:
    """Shows the answer to a choice of classes; made by ``session.part(ShowingClass)``.

    A choice changes no label. What is shown covers the labels. So it goes away when they are
    written or corrected, or a tool is activated. Another slice, image or network removes it, too.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._writer = session.part(LabelsWriter)
        self._shown: ShownClassLayer | None = None
        self._active_tool = session.part(ActiveTool)
        self._writer.writing.connect(self.hide)
        session.part(ObjectWork).writing.connect(self.hide)
        self._active_tool.changed.connect(self._on_tool)
        session.choices.image_changed.connect(self.hide)
        session.choices.checkpoint_changed.connect(self.hide)
        session.ended.connect(self.hide)
        viewer = session.viewer
        if viewer is not None:
            viewer.dims.events.point.connect(self.hide)
            viewer.dims.events.order.connect(self.hide)
            viewer.dims.events.ndisplay.connect(self.hide)

    @property
    def active(self) -> bool:
        """Whether something is shown."""
        return self._shown is not None

    def show(self) -> None:
        """Show the chosen classes on the slice shown, where it is embedded."""
        request = self._wanted()
        if request is None:
            self.hide()
            return
        if self._shown is not None:
            self._shown.conceal()  # its classes are no longer those chosen
        steps = partial(self._session.engine.segment_steps, request)
        self._session.jobs.submit(Job.SHOW_CLASS, steps, self._on_segmented)

    def hide(self) -> None:
        """Show nothing; what is being computed is not shown."""
        if self._session.jobs.busy(Job.SHOW_CLASS):
            self._session.jobs.cancel(Job.SHOW_CLASS)
        shown = self._shown
        self._shown = None
        if shown is not None:
            shown.remove()

    def _wanted(self) -> SliceRequest | None:
        """Return what is to be shown; None where it would take long, or is not possible."""
        if not self._writer.shown_is_embedded():
            return None
        request = self._session.try_request(classes=True)
        if request is None or not all(map(self._session.choices.can_segment, request.classes)):
            return None
        return request

    def _on_tool(self) -> None:
        if self._active_tool.name:
            self.hide()

    def _on_segmented(self, result: SliceSegmentation) -> None:
        request = result.request
        wanted = self._writer.without_forgotten(result)
        if wanted is None or not self._is_current(request):
            self.hide()
            return
        if self._is_written(wanted):
            # Where nothing is found, the layer waits unseen for the next class.
            if wanted.labels.any():
                self.hide()
            self._session.status.emit(capitalized(wanted.describe()))
            return
        viewer = self._session.viewer
        image = self._session.choices.image_of(request.volume)
        if viewer is None or image is None:
            self.hide()
            return
        if self._shown is None or self._shown.image is not image:
            self.hide()
            self._shown = ShownClassLayer(viewer, image)
        labels, _ = wanted.on_plane()
        self._shown.show(request.plane, labels, wanted.request.classes)
        found = capitalized(wanted.describe_found())
        self._session.status.emit(SHOWN.format(found=found))

    def _is_current(self, request: SliceRequest) -> bool:
        """Whether the choices and the slice shown are still those of a request."""
        try:
            return self._session.request() == request
        except UserError:
            return False

    def _is_written(self, result: SliceSegmentation) -> bool:
        """Whether the labels hold exactly this answer."""
        layer = self._session.labels
        if layer is None:
            return False
        labels, _ = result.on_plane()
        current = result.request.plane.read(layer.data)
        ids = [spec.id for spec in result.request.classes]
        return np.array_equal(np.where(np.isin(current, ids), current, 0), labels)
