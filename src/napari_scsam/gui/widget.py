"""The plugin's widget: one column, in the order of the work, and below it what happens now."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari.layers import Image
from qtpy.QtCore import QEvent, QSize, Qt, QTimer
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from napari_scsam.checkpoints.checkpoint import checkpoint_info, find_checkpoint, list_checkpoints
from napari_scsam.config import UserError
from napari_scsam.gui.links import Links
from napari_scsam.gui.notify import tell
from napari_scsam.gui.panels.correct import CorrectPanel
from napari_scsam.gui.panels.model import ModelPanel
from napari_scsam.gui.panels.one_object import PromptPanel
from napari_scsam.gui.panels.segment import SegmentPanel
from napari_scsam.gui.panels.volume import VolumePanel
from napari_scsam.gui.panels.work_bar import DOWNLOAD, NETWORK, TOOLS, WorkBar
from napari_scsam.gui.project_desk import ProjectDesk
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.correct import Correcting
from napari_scsam.gui.tools.download import Getting
from napari_scsam.gui.tools.one_object import Prompting
from napari_scsam.gui.tools.save_model import SavingModel
from napari_scsam.gui.tools.segment import Segmenting
from napari_scsam.gui.tools.shortcuts import (
    CORRECT,
    OTHER_SIDE,
    PROMPT,
    PROPAGATE,
    REVIEW,
    SEGMENT,
    register_shortcuts,
)
from napari_scsam.gui.tools.undo import Undoing
from napari_scsam.gui.workarounds.canvas_guard import keep_to_own_canvas
from napari_scsam.gui.workarounds.field_keys import keep_keys_in_fields
from napari_scsam.gui.workarounds.field_wheel import scroll_past_fields

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from qtpy.QtGui import QShowEvent


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
        self._session.part(Undoing)
        self.volume = VolumePanel()
        self.model = ModelPanel()
        self.segment = SegmentPanel(SEGMENT.shown_key)
        self.correct = CorrectPanel({name: action.shown_key for name, action in CORRECT.items()})
        self._correcting = Correcting.of(self._session)
        self._links = Links(self._session)
        self.desk = ProjectDesk(self._session, self._links, REVIEW.shown_key)
        self.prompt = PromptPanel(PROMPT.shown_key, OTHER_SIDE.shown_key, PROPAGATE.shown_key)
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
        self._connect_getting()
        register_shortcuts()
        self._start()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802  # Qt's name
        """Let go of the session when napari takes the widget out of its dock."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self._links.cut()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  # Qt's name
        """Ask for the width anew, now that napari's style gave the panels their size."""
        super().showEvent(event)
        self.updateGeometry()

    def sizeHint(self) -> QSize:  # noqa: N802  # Qt's name
        """Ask for no more than a calm column."""
        return QSize(max(300, self.minimumSizeHint().width()), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802  # Qt's name
        """Be wide enough for the panels; what does not fit in height is scrolled to."""
        width = (
            self.column.minimumSizeHint().width()
            + self.scroller.verticalScrollBar().sizeHint().width()
        )
        return QSize(width, super().minimumSizeHint().height())

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self.column)
        panels = (
            self.desk.project,
            self.volume,
            self.model,
            self.segment,
            self.prompt,
            self.correct,
            self.desk.review,
            self.desk.export,
        )
        for panel in panels:
            layout.addWidget(panel)
        layout.addStretch(1)
        self.scroller.setWidget(self.column)
        self.scroller.setWidgetResizable(True)
        self.scroller.setFrameShape(QFrame.Shape.NoFrame)
        self.scroller.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.scroller, 1)
        whole.addWidget(self.work)

    def _connect_panels(self) -> None:
        session = self._session
        self.volume.layer_chosen.connect(session.choose_image)
        self.volume.file_asked.connect(session.open_file)
        self.volume.size_typed.connect(session.type_voxel_size)
        self.volume.contrast_chosen.connect(session.take_contrast_as_shown)
        self.model.checkpoint_chosen.connect(session.choose_checkpoint)
        self.model.file_asked.connect(self._use_checkpoint_file)
        self.model.save_asked.connect(session.part(SavingModel).save)
        self.model.forget_asked.connect(session.forget)
        self.segment.classes_chosen.connect(session.choose_classes)
        self.segment.segment_asked.connect(self._segmenting.go)
        self.segment.scope_chosen.connect(self._segmenting.choose_scope)
        self.segment.range_chosen.connect(self._segmenting.choose_range)
        self.segment.shift_chosen.connect(self._segmenting.set_threshold_offset)
        self.work.cancel_asked.connect(self._cancel)
        self.segment.replace_changed.connect(session.replace_edits_too)
        self.segment.prefetch_changed.connect(session.embed_neighbours_too)
        self.segment.tta_changed.connect(session.set_tta)

        self._connect_prompts()

    def _connect_prompts(self) -> None:
        panel = self.prompt
        prompting = self._prompting
        panel.toggled_by_user.connect(prompting.toggle)
        panel.tool_chosen.connect(prompting.use)
        panel.side_chosen.connect(prompting.mark_inside)
        panel.target_chosen.connect(prompting.aim)
        panel.accept_asked.connect(prompting.accept)
        panel.drop_asked.connect(prompting.drop)
        panel.propagate_asked.connect(prompting.carry)
        panel.reach_changed.connect(prompting.limit_propagation)
        panel.end_asked.connect(prompting.go_to)
        panel.teach_asked.connect(prompting.teach)

    def _connect_session(self) -> None:
        session = self._session
        links = self._links
        links.add(session.status, self.work.show_status)
        links.add(session.unsaid, self.work.forget_status)
        links.add(session.progressed, self.work.show_progress)
        links.add(session.working, partial(self.work.show_working, NETWORK))
        links.add(session.image_changed, self._show_image)
        links.add(session.checkpoint_changed, self._show_checkpoint)
        links.add(session.choices_changed, self._show_choices)
        links.add(self._segmenting.changed, self._show_choices)
        links.add(self._prompting.changed, self._show_prompts)
        for name in ("inserted", "removed", "reordered", "renamed"):
            links.add(getattr(self._viewer.layers.events, name), self._show_layers)

    def _connect_correcting(self) -> None:
        correcting = self._correcting
        panel = self.correct
        links = self._links
        panel.tool_asked.connect(correcting.arm)
        panel.reach_changed.connect(lambda by: correcting.choose(by=by))
        panel.smallest_changed.connect(lambda smallest: correcting.choose(smallest=smallest))
        panel.unit_changed.connect(lambda metric: correcting.choose(in_micrometres=metric))
        panel.lock_changed.connect(lambda value, locked: correcting.lock(value, locked=locked))
        links.add(correcting.said, self.work.show_status)
        links.add(correcting.progressed, self.work.show_progress)
        links.add(correcting.working, partial(self.work.show_working, TOOLS))
        links.add(correcting.changed, self._show_correcting)
        links.add(self._viewer.layers.selection.events.active, self._show_correcting)
        self._show_correcting()

    def _connect_getting(self) -> None:
        getting = self._session.part(Getting)
        button = self.model.get
        links = self._links
        button.opened.connect(lambda: button.show_downloads(getting.listed()))
        button.asked.connect(getting.get)
        links.add(getting.progressed, partial(self.work.show_progress, who=DOWNLOAD))
        links.add(getting.working, partial(self.work.show_working, DOWNLOAD))
        button.show_downloads(getting.listed())

    def _cancel(self) -> None:
        """Cancel whatever works."""
        getting = self._session.part(Getting)
        cancels = {
            NETWORK: self._segmenting.cancel,
            TOOLS: self._correcting.cancel,
            DOWNLOAD: getting.cancel,
        }
        for who in tuple(self.work.at_work):
            cancels[who]()

    def _show_correcting(self) -> None:
        found = self._correcting
        self.correct.show_choices(
            whole=found.whole,
            reach=found.by,
            smallest=found.smallest,
            in_micrometres=found.in_micrometres,
            armed=found.armed,
        )
        self.correct.show_locks(found.locks)

    def _start(self) -> None:
        """Choose an image and a checkpoint, unless another widget in this viewer has."""
        infos = list_checkpoints()
        self.model.show_checkpoints(infos)
        if self._session.checkpoint is None and infos:
            default = find_checkpoint()
            self._session.choose_checkpoint(
                next((info for info in infos if info.path == default), infos[0])
            )
        self._show_checkpoint()
        self._show_layers()

    def _show_layers(self) -> None:
        images = [layer for layer in self._viewer.layers if isinstance(layer, Image)]
        if self._session.image is None and images:
            active = self._viewer.layers.selection.active
            self._session.choose_image(active if active in images else images[-1])
        self.volume.show_layers(images, self._session.image)
        self._show_image()

    def _show_image(self) -> None:
        session = self._session
        image = self._session.image
        flat = image is not None and image.ndim == 2
        self.volume.show_chosen(image)
        self.volume.show_size(
            session.voxel_size, session.explain_voxel_size(), flat=flat, possible=image is not None
        )
        self.volume.show_contrast(shown=session.contrast is not None, possible=image is not None)

    def _show_checkpoint(self) -> None:
        if (info := self._session.checkpoint) is not None:
            self.model.show_chosen(info, self._session.model_state)
            self.model.show_taught(self._session.taught)
            self.segment.show_classes(self._session.classes)
            self.prompt.show_classes(self._session.classes)
            self.segment.show_possible(possible=not info.prompts_only)
            self.prompt.show_teachable(possible=not info.prompts_only)
            self._show_choices()
            self._show_image()

    def _show_choices(self) -> None:
        session = self._session
        segmenting = self._segmenting
        switches = {
            "replace": session.replace_edits,
            "prefetch": session.prefetch,
            "tta": session.tta,
        }
        self.segment.show_choices(session.chosen, **switches)
        self.segment.show_shift(segmenting.shift)
        self.segment.show_scope(
            segmenting.scope, segmenting.first, segmenting.last, segmenting.depth
        )
        self._show_prompts()

    def _show_prompts(self) -> None:
        opened = self._prompting.active and self.prompt.body.isHidden()
        self.prompt.show_state(self._prompting)
        if opened:  # by its key, too, with the panel folded or out of sight
            self.prompt.unfold()
            QTimer.singleShot(0, partial(self.scroller.ensureWidgetVisible, self.prompt))

    def _use_checkpoint_file(self, path: str) -> None:
        try:
            self._session.choose_checkpoint(checkpoint_info(path))
        except UserError as error:
            tell(error)
