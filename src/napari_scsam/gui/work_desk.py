"""Connects the tabs for segmenting, single objects, teaching and correcting to their tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

from napari_scsam.gui.class_desk import ClassDesk
from napari_scsam.gui.jobs.class_map import MapKind
from napari_scsam.gui.layers.pointing import kept_labels
from napari_scsam.gui.panels.class_bar import ClassBar
from napari_scsam.gui.panels.correct import CorrectPanel
from napari_scsam.gui.panels.one_object import PromptPanel
from napari_scsam.gui.panels.parts.widgets import OPEN_FIRST, SHOW_A_SLICE
from napari_scsam.gui.panels.segment import SegmentPanel
from napari_scsam.gui.panels.teach import TeachPanel
from napari_scsam.gui.tools.correction.correct import Correcting
from napari_scsam.gui.tools.correction.lock_labels import Locking
from napari_scsam.gui.tools.one_object import Prompting
from napari_scsam.gui.tools.propagate import Propagating
from napari_scsam.gui.tools.segment import Segmenting
from napari_scsam.gui.tools.shortcuts import (
    CLASS_KEYS,
    CORRECT,
    NEXT_CLASS,
    OTHER_SIDE,
    PREVIOUS_CLASS,
    PROMPT,
    PROPAGATE,
    SEGMENT,
    SEGMENT_KEYS,
    TEACH,
    UNDO_RUN,
)
from napari_scsam.gui.tools.show_map import ShowingMap
from napari_scsam.gui.tools.teach import Teaching
from napari_scsam.gui.tools.undo_run import UndoingRun

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_scsam.config import ClassSpec
    from napari_scsam.gui.links import Links
    from napari_scsam.gui.session import Session


class WorkDesk:
    """The class being worked on and four tabs, connected to their tools."""

    tool_started = Signal(object)
    """The panel of a tool that a key, a button or a program has started."""

    def __init__(self, session: Session, links: Links) -> None:
        self._session = session
        self._links = links
        # Before the project, which others make: at the end, an edit that has begun is finished
        # before the project is closed.
        self.correcting = session.part(Correcting)
        self.segmenting = session.part(Segmenting)
        self.prompting = session.part(Prompting)
        self.teaching = session.part(Teaching)
        first = CLASS_KEYS[0].shown_key
        last = CLASS_KEYS[-1].shown_key
        steps = f"{PREVIOUS_CLASS.shown_key} and {NEXT_CLASS.shown_key} go through the list"
        segment = f"{SEGMENT_KEYS[0].shown_key} … segment that class at once"
        self.class_bar = ClassBar(f"{first} to {last} choose by place, {steps},\n{segment}")
        self.segment = SegmentPanel(SEGMENT.shown_key, UNDO_RUN.shown_key)
        self.prompt = PromptPanel(PROMPT.shown_key, OTHER_SIDE.shown_key, PROPAGATE.shown_key)
        self.teach = TeachPanel(TEACH.shown_key, OTHER_SIDE.shown_key)
        self.correct = CorrectPanel({name: action.shown_key for name, action in CORRECT.items()})
        self.classes = ClassDesk(session, links, self.class_bar)
        self._active: set[QWidget] = set()
        """Panels whose tools are active."""
        self._connect_segment()
        self._connect_prompts()
        self._connect_teaching()
        self._connect_correcting()
        self.show_network()
        self._show_correcting()
        links.add(session.choices.image_changed, self._show_image)
        if session.viewer is not None:
            links.add(session.viewer.dims.events.ndisplay, self._show_image)
        self._show_image()

    # What is shown

    def _show_image(self) -> None:
        """Offer what needs an image where there is one, and a slice of it is shown."""
        obstacle = ""
        viewer = self._session.viewer
        if self._session.choices.image is None:
            obstacle = OPEN_FIRST
        elif viewer is not None and viewer.dims.ndisplay == 3:
            obstacle = SHOW_A_SLICE
        self.segment.show_image(obstacle)
        for panel in (self.prompt, self.teach):
            panel.show_image("" if panel in self._active else obstacle)

    def show_network(self) -> None:
        """Show the classes of another network, and what it can do."""
        choices = self._session.choices
        info = choices.checkpoint
        self.segment.show_classes(choices.classes)
        self.segment.show_possible(possible=info is None or not info.prompts_only)
        self._show_teaching()
        self.show_choices()

    def show_choices(self) -> None:
        """Show what was chosen to segment, and where."""
        choices = self._session.choices
        segmenting = self.segmenting
        self._show_class()
        self.segment.show_choices(choices.chosen, choices.active, **choices.switches)
        self.segment.show_threshold_offset(segmenting.threshold_offset)
        self.segment.show_scope(
            segmenting.scope, segmenting.first, segmenting.last, segmenting.depth
        )
        self._show_prompts()

    def _show_class(self) -> None:
        """Show the class being worked on, which may be new and about to be taught."""
        choices = self._session.choices
        state = self.teaching.state
        active = choices.active
        offered = [*choices.classes, *state.taught]
        if state.spec is not None:
            active = state.spec
            offered.append(state.spec)
        self.class_bar.show_classes(tuple(dict.fromkeys(offered)), active)

    def _show_prompts(self) -> None:
        self.prompt.show_state(self.prompting.state)
        self._note_active(self.prompt, active=self.prompting.active)

    def _show_teaching(self) -> None:
        state = self.teaching.state
        self.teach.show_state(state)
        self._show_class()
        self._note_active(self.teach, active=state.active)

    def _show_correcting(self) -> None:
        settings = self.correcting.settings
        self.correct.show_choices(
            whole=settings.whole,
            radius=settings.radius,
            smallest=settings.smallest,
            in_micrometres=settings.in_micrometres,
            armed=self.correcting.armed,
        )
        self.correct.show_locks(self._session.part(Locking).locks)
        self._note_active(self.correct, active=self.correcting.armed is not None)

    def _note_active(self, panel: QWidget, *, active: bool) -> None:
        """Emit `tool_started` once for each start."""
        started = active and panel not in self._active
        if active:
            self._active.add(panel)
        else:
            self._active.discard(panel)
        if started:
            self.tool_started.emit(panel)

    # What the user does

    def _pick_class(self, spec: ClassSpec) -> None:
        if spec in self._session.choices.classes:
            self.segmenting.choose_classes((spec,))
        elif self.teaching.state.active:
            self.teaching.choose(spec.name)  # it was painted, and is not learned yet
        self._show_class()

    def _connect_segment(self) -> None:
        panel = self.segment
        choices = self._session.choices
        segmenting = self.segmenting
        self.class_bar.picked.connect(self._pick_class)
        panel.classes_chosen.connect(segmenting.choose_classes)
        panel.segment_asked.connect(segmenting.go)
        panel.scope_chosen.connect(segmenting.choose_scope)
        panel.range_chosen.connect(segmenting.choose_range)
        panel.threshold_offset_chosen.connect(segmenting.set_threshold_offset)
        panel.replace_changed.connect(choices.set_replace_edits)
        panel.prefetch_changed.connect(segmenting.set_prefetch)
        panel.tta_changed.connect(choices.set_tta)
        panel.coarse_changed.connect(choices.set_coarse)
        self._links.add(choices.checkpoint_changed, self.show_network)
        self._links.add(choices.choices_changed, self.show_choices)
        self._links.add(segmenting.changed, self.show_choices)
        self._connect_runs()

    def _connect_runs(self) -> None:
        """Connect what undoes a run, and what shows the map of one."""
        panel = self.segment
        undoing = self._session.part(UndoingRun)
        showing = self._session.part(ShowingMap)
        panel.undo_run_asked.connect(undoing.undo)
        panel.map_chosen.connect(lambda kind: showing.choose(MapKind(kind)))
        self._links.add(undoing.changed, self._show_runs)
        self._links.add(showing.changed, self._show_runs)
        self._show_runs()

    def _show_runs(self) -> None:
        """Offer to undo a run, and show which map is shown; a tab opened again shows it, too."""
        self.segment.show_undo_run(possible=self._session.part(UndoingRun).possible)
        self.segment.show_map(self._session.part(ShowingMap).kind)

    def _connect_prompts(self) -> None:
        panel = self.prompt
        prompting = self.prompting
        propagating = self._session.part(Propagating)
        panel.toggled_by_user.connect(prompting.toggle)
        panel.kind_chosen.connect(prompting.use)
        panel.side_chosen.connect(lambda inside: prompting.set_side(inside=inside))
        panel.accept_asked.connect(prompting.accept)
        panel.discard_asked.connect(prompting.discard)
        panel.propagate_asked.connect(prompting.propagate)
        panel.max_slices_changed.connect(propagating.limit)
        panel.end_asked.connect(propagating.go_to)
        self._links.add(prompting.changed, self._show_prompts)

    def _connect_teaching(self) -> None:
        panel = self.teach
        teaching = self.teaching
        panel.toggled_by_user.connect(teaching.toggle)
        panel.name_chosen.connect(teaching.start)
        panel.side_chosen.connect(lambda on_class: teaching.set_side(on_class=on_class))
        panel.forget_asked.connect(teaching.forget)
        self._links.add(teaching.changed, self._show_teaching)

    def _connect_correcting(self) -> None:
        panel = self.correct
        correcting = self.correcting
        locking = self._session.part(Locking)
        viewer = self._session.viewer
        panel.tool_asked.connect(correcting.arm)
        panel.radius_changed.connect(correcting.settings.set_radius)
        panel.smallest_changed.connect(correcting.settings.set_smallest)
        panel.unit_changed.connect(lambda metric: correcting.set_unit(in_micrometres=metric))
        panel.lock_changed.connect(lambda value, locked: locking.set_locked(value, locked=locked))
        self._links.add(correcting.changed, self._show_correcting)
        self._links.add(self._session.choices.checkpoint_changed, self._show_correcting)
        if viewer is not None:
            self._links.add(viewer.layers.selection.events.active, self._show_correcting)
            self._links.add(viewer.layers.events.inserted, self._show_correctable)
            self._links.add(viewer.layers.events.removed, self._show_correctable)
        self._show_correctable()

    def _show_correctable(self) -> None:
        """Offer the tools where there are labels to correct."""
        viewer = self._session.viewer
        self.correct.show_labels(there=viewer is not None and bool(kept_labels(viewer)))
