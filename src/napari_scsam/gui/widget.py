"""The plugin's widget: panels in the order of the work, above a bar for the current work."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari.layers import Image
from qtpy.QtCore import QEvent, QObject, QSize, Qt, QTimer
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from napari_scsam.checkpoints.find import checkpoint_info, find_checkpoint, list_checkpoints
from napari_scsam.config import UserError
from napari_scsam.gui.links import Links
from napari_scsam.gui.notify import notify_error
from napari_scsam.gui.panels.correct import CorrectPanel
from napari_scsam.gui.panels.model import ModelPanel
from napari_scsam.gui.panels.one_object import PromptPanel
from napari_scsam.gui.panels.segment import SegmentPanel
from napari_scsam.gui.panels.teach import TeachPanel
from napari_scsam.gui.panels.volume import VolumePanel
from napari_scsam.gui.panels.work_bar import DOWNLOAD, NETWORK, TOOLS, WorkBar
from napari_scsam.gui.project_desk import ProjectDesk
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.accept import Accepting
from napari_scsam.gui.tools.correct import Correcting
from napari_scsam.gui.tools.download import Downloading
from napari_scsam.gui.tools.lock_labels import Locking
from napari_scsam.gui.tools.one_object import Prompting
from napari_scsam.gui.tools.propagate import Propagating
from napari_scsam.gui.tools.save_model import TaughtModel
from napari_scsam.gui.tools.segment import Segmenting
from napari_scsam.gui.tools.shortcuts import (
    CORRECT,
    OTHER_SIDE,
    PROMPT,
    PROPAGATE,
    REVIEW,
    SEGMENT,
    TEACH,
    register_shortcuts,
)
from napari_scsam.gui.tools.teach import Teaching
from napari_scsam.gui.tools.undo import Undoing
from napari_scsam.gui.workarounds.canvas_guard import keep_to_own_canvas
from napari_scsam.gui.workarounds.field_keys import keep_keys_in_fields
from napari_scsam.gui.workarounds.field_wheel import scroll_past_fields

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from qtpy.QtGui import QShowEvent

    from napari_scsam.gui.panels.parts.panel import Panel

WIDTH = 390
"""Pixels that the column asks for, with some room for a larger font."""


class ScSAMWidget(QWidget):
    """Connects the panels to the session of the viewer.

    Parameters
    ----------
    napari_viewer
        The viewer that it is docked in.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        # napari hands plugins a proxy; layers and events must be compared with the viewer's own.
        self._viewer: Viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        keep_to_own_canvas(self._viewer)
        self._session = Session.of(self._viewer)
        self._prompting = self._session.part(Prompting)
        self._segmenting = self._session.part(Segmenting)
        self._session.part(Undoing)  # binds its keys
        self._downloading = self._session.part(Downloading)
        self.volume = VolumePanel()
        self.model = ModelPanel()
        self.segment = SegmentPanel(SEGMENT.shown_key)
        self.correct = CorrectPanel({name: action.shown_key for name, action in CORRECT.items()})
        self._correcting = self._session.part(Correcting)
        self._links = Links(self._session)
        self.desk = ProjectDesk(self._session, self._links, REVIEW.shown_key)
        self.prompt = PromptPanel(PROMPT.shown_key, OTHER_SIDE.shown_key, PROPAGATE.shown_key)
        self.teach = TeachPanel(TEACH.shown_key, OTHER_SIDE.shown_key)
        self._teaching = self._session.part(Teaching)
        self.work = WorkBar()
        self.scroller = QScrollArea()
        self.column = QWidget()
        self._lay_out()
        keep_keys_in_fields(self)
        scroll_past_fields(self.column)
        self.destroyed.connect(partial(self._links.cut, window_is_gone=True))
        self._connect_panels()
        self._connect_session()
        self._connect_correcting()
        self._connect_download()
        register_shortcuts()
        self._start()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802  # Qt's name
        """Leave the session when napari takes the widget out of its dock."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self._links.cut()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  # Qt's name
        """Update the width, now that napari's style has given the panels their size."""
        super().showEvent(event)
        self.updateGeometry()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  # Qt's name
        """Ask for another width when the panels need it, which the scroll area hides from Qt."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)

    def sizeHint(self) -> QSize:  # noqa: N802  # Qt's name
        """Return the size of a narrow column."""
        return QSize(max(WIDTH, self.minimumSizeHint().width()), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802  # Qt's name
        """Return a width that holds the panels; their height can be scrolled."""
        bar = self.scroller.verticalScrollBar().sizeHint().width()
        frame = 2 * self.scroller.frameWidth()  # napari's style draws one
        width = self.column.minimumSizeHint().width() + bar + frame
        return QSize(width, super().minimumSizeHint().height())

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self.column)
        panels = (
            self.desk.project,
            self.volume,
            self.model,
            self.segment,
            self.prompt,
            self.teach,
            self.correct,
            self.desk.review,
            self.desk.train,
            self.desk.export,
        )
        for panel in panels:
            layout.addWidget(panel)
        layout.addStretch(1)
        self.scroller.setWidget(self.column)
        self.column.installEventFilter(self)
        self.scroller.setWidgetResizable(True)
        self.scroller.setFrameShape(QFrame.Shape.NoFrame)
        self.scroller.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.scroller, 1)
        whole.addWidget(self.work)

    def _connect_panels(self) -> None:
        session = self._session
        choices = session.choices
        segmenting = self._segmenting
        taught = session.part(TaughtModel)
        self.volume.layer_chosen.connect(choices.choose_image)
        self.volume.file_asked.connect(session.open_file)
        self.volume.size_typed.connect(choices.type_voxel_size)
        self.volume.contrast_chosen.connect(choices.take_contrast_as_shown)
        self.model.checkpoint_chosen.connect(choices.choose_checkpoint)
        self.model.file_asked.connect(self._use_checkpoint_file)
        self.model.save_asked.connect(taught.save)
        self.segment.classes_chosen.connect(segmenting.choose_classes)
        self.segment.segment_asked.connect(segmenting.go)
        self.segment.scope_chosen.connect(segmenting.choose_scope)
        self.segment.range_chosen.connect(segmenting.choose_range)
        self.segment.threshold_offset_chosen.connect(segmenting.set_threshold_offset)
        self.segment.replace_changed.connect(choices.set_replace_edits)
        self.segment.prefetch_changed.connect(segmenting.set_prefetch)
        self.segment.tta_changed.connect(choices.set_tta)
        self.work.cancel_asked.connect(self._cancel)
        self._connect_prompts()
        self._connect_teaching()

    def _connect_prompts(self) -> None:
        panel = self.prompt
        prompting = self._prompting
        session = self._session
        panel.toggled_by_user.connect(prompting.toggle)
        panel.kind_chosen.connect(prompting.use)
        panel.side_chosen.connect(lambda inside: prompting.set_side(inside=inside))
        panel.target_chosen.connect(session.part(Accepting).choose_target)
        panel.accept_asked.connect(prompting.accept)
        panel.discard_asked.connect(prompting.discard)
        panel.propagate_asked.connect(prompting.propagate)
        panel.max_slices_changed.connect(session.part(Propagating).limit)
        panel.end_asked.connect(session.part(Propagating).go_to)

    def _connect_teaching(self) -> None:
        panel = self.teach
        teaching = self._teaching
        panel.toggled_by_user.connect(teaching.toggle)
        panel.name_chosen.connect(teaching.choose)
        panel.side_chosen.connect(lambda on_class: teaching.set_side(on_class=on_class))
        panel.forget_asked.connect(teaching.forget)
        self._links.add(teaching.changed, self._show_teaching)

    def _connect_session(self) -> None:
        session = self._session
        links = self._links
        links.add(session.status, self.work.show_status)
        links.add(session.status_withdrawn, self.work.forget_status)
        links.add(session.jobs.progressed, self.work.show_progress)
        links.add(session.jobs.working, partial(self.work.show_working, NETWORK))
        links.add(session.network.changed, self._show_checkpoint)
        links.add(session.choices.image_changed, self._show_image)
        links.add(session.choices.checkpoint_changed, self._show_checkpoint)
        links.add(session.choices.choices_changed, self._show_choices)
        links.add(self._segmenting.changed, self._show_choices)
        links.add(self._prompting.changed, self._show_prompts)
        for name in ("inserted", "removed", "reordered", "renamed"):
            links.add(getattr(self._viewer.layers.events, name), self._show_layers)

    def _connect_correcting(self) -> None:
        correcting = self._correcting
        locking = self._session.part(Locking)
        panel = self.correct
        links = self._links
        panel.tool_asked.connect(correcting.arm)
        panel.radius_changed.connect(correcting.settings.set_radius)
        panel.smallest_changed.connect(correcting.settings.set_smallest)
        panel.unit_changed.connect(lambda metric: correcting.set_unit(in_micrometres=metric))
        panel.lock_changed.connect(lambda value, locked: locking.set_locked(value, locked=locked))
        links.add(correcting.status, self.work.show_status)
        links.add(correcting.progressed, self.work.show_progress)
        links.add(correcting.working, partial(self.work.show_working, TOOLS))
        links.add(correcting.changed, self._show_correcting)
        links.add(self._viewer.layers.selection.events.active, self._show_correcting)
        self._show_correcting()

    def _connect_download(self) -> None:
        downloading = self._downloading
        button = self.model.download
        links = self._links
        button.opened.connect(lambda: button.show_downloads(downloading.list_states()))
        button.download_asked.connect(downloading.start)
        links.add(downloading.progressed, partial(self.work.show_progress, who=DOWNLOAD))
        links.add(downloading.working, partial(self.work.show_working, DOWNLOAD))
        button.show_downloads(downloading.list_states())

    def _cancel(self) -> None:
        """Cancel all work."""
        cancels = {
            NETWORK: self._segmenting.cancel,
            TOOLS: self._correcting.cancel,
            DOWNLOAD: self._downloading.cancel,
        }
        for who in tuple(self.work.at_work):
            cancels[who]()

    def _show_correcting(self) -> None:
        settings = self._correcting.settings
        self.correct.show_choices(
            whole=settings.whole,
            radius=settings.radius,
            smallest=settings.smallest,
            in_micrometres=settings.in_micrometres,
            armed=self._correcting.armed,
        )
        self.correct.show_locks(self._session.part(Locking).locks)

    def _start(self) -> None:
        """Choose an image and a checkpoint, unless another widget in this viewer has."""
        infos = list_checkpoints()
        self.model.show_checkpoints(infos)
        if self._session.choices.checkpoint is None and infos:
            default = find_checkpoint()
            info = next((info for info in infos if info.path == default), infos[0])
            self._session.choices.choose_checkpoint(info)
        self._show_checkpoint()
        self._show_layers()

    def _show_layers(self) -> None:
        choices = self._session.choices
        images = [layer for layer in self._viewer.layers if isinstance(layer, Image)]
        if choices.image is None and images:
            active = self._viewer.layers.selection.active
            choices.choose_image(active if active in images else images[-1])
        self.volume.show_layers(images, choices.image)
        self._show_image()

    def _show_image(self) -> None:
        choices = self._session.choices
        image = choices.image
        possible = image is not None
        self.volume.show_chosen(image)
        self.volume.show_size(
            choices.voxel_size,
            choices.explain_voxel_size(),
            flat=image is not None and image.ndim == 2,
            possible=possible,
        )
        self.volume.show_contrast(shown=choices.contrast is not None, possible=possible)

    def _show_checkpoint(self) -> None:
        choices = self._session.choices
        info = choices.checkpoint
        if info is None:
            return
        self.model.show_chosen(info, self._session.network.state)
        self.model.show_taught(choices.taught)
        self.segment.show_classes(choices.classes)
        self.prompt.show_classes(choices.classes)
        self.segment.show_possible(possible=not info.prompts_only)
        self._show_teaching()
        self._show_choices()
        self._show_image()

    def _show_choices(self) -> None:
        choices = self._session.choices
        segmenting = self._segmenting
        self.segment.show_choices(choices.chosen, **choices.switches)
        self.segment.show_threshold_offset(segmenting.threshold_offset)
        self.segment.show_scope(
            segmenting.scope, segmenting.first, segmenting.last, segmenting.depth
        )
        self._show_prompts()

    def _show_prompts(self) -> None:
        opened = self._prompting.active and self.prompt.body.isHidden()
        self.prompt.show_state(self._prompting.state)
        if opened:
            self._reveal(self.prompt)

    def _show_teaching(self) -> None:
        state = self._teaching.state
        opened = state.active and self.teach.body.isHidden()
        self.teach.show_state(state)
        if opened:
            self._reveal(self.teach)

    def _reveal(self, panel: Panel) -> None:
        """Show a panel that a key opened while it was folded, or scrolled out of sight."""
        panel.expand()
        QTimer.singleShot(0, partial(self.scroller.ensureWidgetVisible, panel))

    def _use_checkpoint_file(self, path: str) -> None:
        try:
            self._session.choices.choose_checkpoint(checkpoint_info(path))
        except UserError as error:
            notify_error(error)
