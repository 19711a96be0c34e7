"""The plugin's widget: what is set once, the class, tabs in the order of the work, the status."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari.settings import get_settings
from napari.utils.theme import get_theme
from qtpy.QtCore import QEvent, QSize
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_scsam.checkpoints.find import list_checkpoints
from napari_scsam.gui.column import COLUMN_WIDTH
from napari_scsam.gui.links import Links
from napari_scsam.gui.network import first_checkpoint
from napari_scsam.gui.objects_desk import ObjectsDesk
from napari_scsam.gui.panels.parts.first_run import FirstRunCard
from napari_scsam.gui.panels.parts.setup_line import SetupLines
from napari_scsam.gui.panels.parts.tabs import Tabs
from napari_scsam.gui.panels.work_bar import DOWNLOAD, NETWORK_PLACE, TOOLS_PLACE, WorkBar
from napari_scsam.gui.project_desk import ProjectDesk
from napari_scsam.gui.session import Session
from napari_scsam.gui.setup_desk import SetupDesk
from napari_scsam.gui.tools.shortcuts import NEXT_SUGGESTED, REVIEW, register_shortcuts
from napari_scsam.gui.tools.undo import Undoing
from napari_scsam.gui.work_desk import WorkDesk
from napari_scsam.gui.workarounds.brush_box import leave_brush_box_out
from napari_scsam.gui.workarounds.canvas_guard import keep_to_own_canvas
from napari_scsam.gui.workarounds.field_keys import keep_keys_in_fields
from napari_scsam.gui.workarounds.field_wheel import scroll_past_fields
from napari_scsam.gui.workarounds.save_suffix import let_suffix_choose

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer
    from qtpy.QtGui import QShowEvent

FIELDS = (
    "SizeField, TeachPanel > QLineEdit, FilterBar QLineEdit, QToolButton, "
    "ObjectTableView, ObjectTableView QHeaderView"
)
"""Style selector of what napari's style leaves at the font size of the system."""

BUTTON_DOWN = "ToolButton:pressed, ToolButton:checked"
"""Style selector of object tools that are used now; napari has no style for such buttons."""

SEGMENT_TAB = "Segment"
OBJECT_TAB = "Object"
TEACH_TAB = "Teach"
CORRECT_TAB = "Correct"
REVIEW_AND_TRAIN = "Review && train"
OBJECTS = "Objects"
"""Titles of the tabs; Qt shows two ampersands as one."""


class ScSAMWidget(QWidget):
    """Lays out the panels, which desks connect to the session of the viewer.

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
        leave_brush_box_out(self._viewer)
        let_suffix_choose(self._viewer.layers)
        self._session = Session.of(self._viewer)
        self._session.part(Undoing)  # binds its keys
        self._links = Links(self._session)
        self.destroyed.connect(partial(self._links.cut, window_is_gone=True))
        self.setup = SetupDesk(self._session, self._links)
        self.work_desk = WorkDesk(self._session, self._links)
        self.desk = ProjectDesk(
            self._session, self._links, REVIEW.shown_key, NEXT_SUGGESTED.shown_key
        )
        self.objects_desk = ObjectsDesk(self._session, self._links)
        self._name_panels()
        self.work = WorkBar()
        self.card = FirstRunCard()
        self.tabs = Tabs()
        self.lines = SetupLines(self.desk.project, self.volume, self.model)
        self._lay_out()
        keep_keys_in_fields(self)
        scroll_past_fields(self)
        self._connect_status()
        register_shortcuts()
        self._shown_image: Image | None = None
        self._start()

    def _name_panels(self) -> None:
        """Name the panels of the desks, for whoever looks for one."""
        self.volume = self.setup.volume
        self.model = self.setup.model
        self.class_bar = self.work_desk.class_bar
        self.segment = self.work_desk.segment
        self.prompt = self.work_desk.prompt
        self.teach = self.work_desk.teach
        self.correct = self.work_desk.correct
        self.objects = self.objects_desk.page

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802  # Qt's name
        """Leave the session when napari takes the widget out of its dock."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.leave()

    def leave(self) -> None:
        """Leave the session."""
        self._links.cut()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  # Qt's name
        """Update the width, now that napari's style has given the panels their size."""
        super().showEvent(event)
        self.tabs.measure_pages()
        self.updateGeometry()

    def _note_size(self) -> None:
        # Qt's own method is no slot, so PyQt6 would keep the widget for as long as its tabs.
        self.updateGeometry()

    def sizeHint(self) -> QSize:  # noqa: N802  # Qt's name
        """Return the size of a narrow column."""
        return QSize(max(COLUMN_WIDTH, self.minimumSizeHint().width()), super().sizeHint().height())

    def _lay_out(self) -> None:
        desk = self.desk
        self.tabs.add(SEGMENT_TAB, [self.segment], "Let the network find classes.")
        self.tabs.add(OBJECT_TAB, [self.prompt], "Point at single objects.")
        self.tabs.add(TEACH_TAB, [self.teach], "Teach a class by strokes.")
        self.tabs.add(CORRECT_TAB, [self.correct], "Correct objects at the mouse.")
        self.tabs.add(
            REVIEW_AND_TRAIN,
            [desk.review, desk.train, desk.export],
            "Mark what is right, train on it, and export it.",
        )
        tip = "List, check and measure single organelles."
        self.tabs.add(OBJECTS, [self.objects], tip, fills=True)
        self.tabs.currentChanged.connect(self._note_page)
        self.tabs.resized.connect(self._note_size)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(2)
        for part in (self.card, self.lines, self.class_bar):
            whole.addWidget(part)
        whole.addWidget(self.tabs, 1)
        whole.addWidget(desk.strip)
        whole.addWidget(self.work)

    def _connect_status(self) -> None:
        session = self._session
        links = self._links
        correcting = self.work_desk.correcting
        downloading = self.setup.downloading
        self.work.cancel_asked.connect(self._cancel)
        self.work.cancel_one_asked.connect(session.jobs.cancel_one)
        links.add(session.status, self.work.show_status)
        links.add(session.status_withdrawn, self.work.forget_status)
        links.add(session.jobs.progressed, self.work.show_progress)
        links.add(session.jobs.working, partial(self.work.show_working, NETWORK_PLACE))
        links.add(session.jobs.working, self._show_queue)
        links.add(session.choices.image_changed, self._forget_other_image)
        links.add(correcting.status, self.work.show_status)
        links.add(correcting.progressed, self.work.show_progress)
        links.add(correcting.working, partial(self.work.show_working, TOOLS_PLACE))
        links.add(downloading.progressed, partial(self.work.show_progress, who=DOWNLOAD))
        links.add(downloading.working, partial(self.work.show_working, DOWNLOAD))
        links.add(self.work_desk.tool_started, self.tabs.show_page_of)
        links.add(session.choices.choices_changed, self._show_page)
        links.add(session.about_to_write, self._hide_card)
        links.add(self.desk.keeper.changed, self._hide_card_of_project)
        links.add(get_settings().appearance.events.font_size, self._style_parts)
        links.add(self._viewer.events.theme, self._style_parts)
        self._style_parts()

    def _note_page(self) -> None:
        """Note the page; clicks in the picture select objects while theirs is open."""
        self._session.choices.show_page(self.tabs.shown())
        self.objects_desk.show_open(self.tabs.shown() == OBJECTS)

    def _show_page(self) -> None:
        """Show the tab that a project was left with."""
        page = self._session.choices.page
        if page in self.tabs.pages:
            self.tabs.show_page(page)

    def _show_queue(self, _working: bool) -> None:
        """Show what runs and what waits."""
        queue = self._session.jobs.queue
        self.work.show_queue([(each.job, each.words, each.runs) for each in queue])

    def _cancel(self) -> None:
        """Cancel all work."""
        cancels = {
            NETWORK_PLACE: self.work_desk.segmenting.cancel,
            TOOLS_PLACE: self.work_desk.correcting.cancel,
            DOWNLOAD: self.setup.downloading.cancel,
        }
        for who in tuple(self.work.at_work):
            cancels[who]()

    def _hide_card(self, _image: Image) -> None:
        """Hide the first lines for a newcomer once there are labels."""
        self.card.hide()

    def _hide_card_of_project(self) -> None:
        """Hide these lines in a project: who has one is no newcomer."""
        if self.desk.keeper.project is not None:
            self.card.hide()

    def _style_parts(self) -> None:
        """Style what napari's style leaves out: the font of fields, and buttons that are down."""
        size = get_settings().appearance.font_size
        theme = get_theme(self._viewer.theme)
        self.setStyleSheet(
            f"{FIELDS} {{ font-size: {size}pt; }}"
            f"ToolButton:hover {{ background-color: {theme.highlight.as_hex()}; }}"
            f"{BUTTON_DOWN} {{ background-color: {theme.current.as_hex()}; }}"
        )

    def _forget_other_image(self) -> None:
        """Remove a status that was said of another image."""
        image = self._session.choices.image
        if image is not self._shown_image:
            self._shown_image = image
            self.work.show_status("")

    def _start(self) -> None:
        """Choose an image and a checkpoint, unless another widget in this viewer has."""
        network = self._session.network
        infos = network.list_checkpoints() if network.server else list_checkpoints()
        self.model.show_checkpoints(infos)
        if self._session.choices.checkpoint is None and infos:
            self._session.choices.choose_checkpoint(first_checkpoint(infos))
        self.setup.show_checkpoint()
        self.setup.resume_server()
        self.work_desk.show_network()
        self.setup.show_layers()
        self.lines.ask_in_order(self.volume, self.model, self.desk.project)
