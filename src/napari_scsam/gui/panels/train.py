"""The panel for training: what will be trained on, how it goes, and what came out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_scsam.config import ClassSpec
from napari_scsam.gui.panels.parts.class_picker import MultipleClasses
from napari_scsam.gui.panels.parts.panel import Panel
from napari_scsam.gui.panels.parts.reviewed_for import describe_classes
from napari_scsam.gui.panels.parts.training_view import TrainingView
from napari_scsam.gui.panels.parts.widgets import button, fill_row, note_label, plain_tip
from napari_scsam.gui.words import as_sentence, count_of
from napari_scsam.project.training_job import Outcome, Phase
from napari_scsam.project.training_plan import TrainingPlan

MEMORY = "4.4 GB"
"""What a training takes at most, measured on eight slices of a brain."""

START_TIP = (
    "Train the checkpoint in use on the reviewed slices, in a process of its own.\n"
    "It is offered only if it does better on reviewed regions that it did not learn from."
)
CLASSES_TIP = (
    "Classes to train on: {names}.\n"
    "What was reviewed for all of them is used; the other classes keep what they know."
)
BUSY = (Phase.PREPARING, Phase.RUNNING, Phase.PAUSED)


class TrainPanel(Panel):
    """Shows and asks; makes no decisions."""

    start_asked = Signal()
    pause_asked = Signal()
    resume_asked = Signal()
    cancel_asked = Signal()
    drop_asked = Signal()
    use_asked = Signal()
    minutes_changed = Signal(float)
    classes_picked = Signal(object)
    """A tuple of the `ClassSpec` to train on."""

    def __init__(self) -> None:
        super().__init__("Train")
        self.note = note_label()
        self.classes = MultipleClasses()
        self.classes.picked.connect(self.classes_picked)
        self.minutes = QDoubleSpinBox()
        self._set_up_minutes()
        self.start = button("Train on what is reviewed", START_TIP, self.start_asked)
        self.pause = button("Pause", "Let the training wait; the time does not count.")
        self.pause.clicked.connect(self._ask_pause)
        self.cancel = button("Cancel", "End now, and keep the best so far.")
        self.cancel.clicked.connect(self._ask_cancel)
        self.resume = button("Resume", "Continue where it was stopped.", self.resume_asked)
        self.drop = button("Drop", "Remove this training and what it has found.", self.drop_asked)
        self.use = button(
            "Use the new checkpoint", "Keep it, and segment with it from now on.", self.use_asked
        )
        self.bar = QProgressBar()
        self.time = QLabel()
        self.view = TrainingView()
        self.table = QTableWidget(0, 3)
        self._listed: tuple[ClassSpec, ...] = ()
        self._phase = Phase.IDLE
        self._set_up_table()
        self._lay_out()

    def show_plan(
        self,
        plan: TrainingPlan,
        classes: Sequence[ClassSpec],
        minutes: float,
        obstacle: str,
        place: str = "",
    ) -> None:
        """Show what would be trained on.

        Parameters
        ----------
        plan
            Slices and classes.
        classes
            All classes of the project.
        minutes
            For everything.
        obstacle
            Why it cannot start; empty if it can.
        place
            The computer that trains; empty for this one.
        """
        if tuple(classes) != self._listed:
            self._listed = tuple(classes)
            self.classes.show_classes(classes)
        self.classes.show_chosen([spec for spec in classes if spec.id in plan.classes])
        self.classes.setText(f"Classes: {describe_classes(classes, plan.classes, 2)}  ")
        names = describe_classes(classes, plan.classes)
        self.classes.setToolTip(plain_tip(CLASSES_TIP.format(names=names)))
        self.classes.setEnabled(not obstacle)
        self.start.setEnabled(not obstacle and plan.slices > 0)
        self.minutes.setValue(minutes)
        if self._phase == Phase.IDLE:
            self._explain(as_sentence(obstacle) or describe_plan(plan, classes, minutes, place))

    def show_phase(self, phase: Phase, outcome: Outcome | None, trouble: str) -> None:
        """Show how far the training is.

        Parameters
        ----------
        phase
            Decides which buttons there are.
        outcome
            What came out.
        trouble
            Why it ended before its end; empty if it did not.
        """
        if phase == Phase.RUNNING and self._phase not in BUSY[1:]:
            self._begin()
        self._phase = phase
        busy = phase in BUSY
        running = phase in (Phase.RUNNING, Phase.PAUSED)
        set_shown(phase == Phase.IDLE, self.start, self.classes, self.minutes)
        set_shown(busy, self.bar, self.time)
        set_shown(running, self.pause, self.cancel)
        set_shown(running and self.view.has_content, self.view)
        self.resume.setVisible(phase == Phase.STOPPED)
        self.drop.setVisible(phase in (Phase.STOPPED, Phase.FINISHED))
        self._show_outcome(phase, outcome)
        for each in (self.pause, self.cancel):
            each.setEnabled(running)
        self.pause.setText({Phase.PAUSED: "Continue"}.get(phase, "Pause"))
        self._show_note(phase, outcome, trouble)

    def show_message(self, message: dict[str, Any]) -> None:
        """Show what the training reports."""
        kind = message["kind"]
        if kind == "step":
            self._show_step(message)
        elif kind == "picture" and "picture" in message:
            self.view.show_picture(message["picture"])

    def show_colours(self, classes: Sequence[ClassSpec]) -> None:
        """Draw the curve of each class in its colour."""
        self.view.colours = {spec.known_as: spec.colour for spec in classes}

    def _begin(self) -> None:
        """Show that a process was started, which takes some seconds."""
        self.view.clear()
        self.bar.setRange(0, 0)
        self.bar.setFormat("")
        self.time.setText("starting …")

    def _show_step(self, message: dict[str, Any]) -> None:
        phase = message["phase"]
        what = {"embedding": "Looking at slices", "comparing": "Comparing"}.get(phase, "Learning")
        self.bar.setRange(0, message["total"])  # it moves to and fro while the total is unknown
        self.bar.setValue(message["step"])
        self.bar.setFormat(f"{what}  {message['step']} / {message['total']}")
        if phase == "embedding":  # its steps are tiles, and more than the slices
            self.bar.setFormat(f"{what}  %p %")
        self.time.setText(describe_time(message["left"]))
        if phase == "learning":
            self.view.add_step(message)
            self.view.show()

    def _show_outcome(self, phase: Phase, outcome: Outcome | None) -> None:
        rows = outcome.rows if outcome is not None else ()
        self.table.setVisible(phase == Phase.FINISHED and bool(rows))
        offered = outcome is not None and outcome.offered
        self.use.setVisible(phase == Phase.FINISHED and offered)
        words = {(Phase.FINISHED, True): "Keep the old one", (Phase.FINISHED, False): "Close"}
        self.drop.setText(words.get((phase, offered), "Drop"))
        self.table.setRowCount(len(rows))
        for row, (name, before, after) in enumerate(rows):
            for column, text in enumerate((name, f"{before:.3f}", f"{after:.3f}")):
                item = QTableWidgetItem(text)
                if column:
                    item.setTextAlignment(
                        Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                    )
                self.table.setItem(row, column, item)
        height = sum(self.table.rowHeight(row) for row in range(len(rows)))
        self.table.setFixedHeight(self.table.horizontalHeader().sizeHint().height() + height + 4)

    def _show_note(self, phase: Phase, outcome: Outcome | None, trouble: str) -> None:
        if phase == Phase.FINISHED and outcome is not None:
            self._explain(outcome.sentence)
        elif phase == Phase.STOPPED and trouble:
            self._explain(as_sentence(trouble))
        elif phase == Phase.STOPPED:
            self._explain("A training of this project was stopped before its end.")
        elif phase == Phase.PREPARING:
            self._begin()
            self._explain("Copying the reviewed labels …")
        elif phase == Phase.PAUSED:
            self._explain("Paused.")
        elif phase == Phase.RUNNING:
            self._explain("")

    def _explain(self, text: str) -> None:
        """Show a sentence; without one, its line is free for the curves."""
        self.note.setText(text)
        self.note.setVisible(bool(text))

    def _ask_pause(self) -> None:
        if self._phase == Phase.PAUSED:
            self.resume_asked.emit()
        else:
            self.pause_asked.emit()

    def _ask_cancel(self) -> None:
        self._explain("Stopping …")
        for each in (self.pause, self.cancel):
            each.setEnabled(False)
        self.cancel_asked.emit()

    def _set_up_minutes(self) -> None:
        self.minutes.setRange(1, 60)
        self.minutes.setDecimals(0)
        self.minutes.setSuffix(" min")
        self.minutes.setToolTip("Time for everything. More slices are worth more time.")
        self.minutes.valueChanged.connect(self.minutes_changed)

    def _set_up_table(self) -> None:
        self.table.setHorizontalHeaderLabels(["class", "before", "after"])
        self.table.setToolTip("Dice on reviewed regions that it did not learn from.")
        rows = self.table.verticalHeader()
        rows.hide()
        rows.setMinimumSectionSize(0)
        rows.setSectionResizeMode(rows.ResizeMode.ResizeToContents)
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
        self.table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.table.setShowGrid(False)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(0, header.ResizeMode.Stretch)
        for column in (1, 2):
            header.setSectionResizeMode(column, header.ResizeMode.ResizeToContents)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self.contents)
        column.setContentsMargins(6, 0, 0, 2)
        column.setSpacing(4)
        column.addWidget(self.note)
        for widgets in (
            (self.classes, self.minutes),
            (self.start,),
            (self.bar, self.time),
            (self.pause, self.cancel),
        ):
            column.addLayout(row_of(widgets))
        fill_row(column, self.view, self.table)
        column.addLayout(row_of((self.resume, self.use, self.drop)))


def set_shown(shown: bool, *widgets: QWidget) -> None:
    """Show widgets, or hide them."""
    for widget in widgets:
        widget.setVisible(shown)


def row_of(widgets: Sequence[QWidget]) -> QHBoxLayout:
    """Return a row of widgets."""
    row = QHBoxLayout()
    fill_row(row, *widgets)
    return row


def describe_plan(
    plan: TrainingPlan, classes: Collection[ClassSpec], minutes: float, place: str = ""
) -> str:
    """Return in sentences what would be trained on, what it takes, and where."""
    names = describe_classes(list(classes), plan.classes)
    if not plan.slices:
        return f"No slice is reviewed for {names} together; choose fewer classes."
    counts = []
    if plan.whole:
        counts.append(count_of(plan.whole, "whole slice"))
    if plan.parts:
        counts.append(count_of(plan.parts, "slice in part", "slices in part"))
    what = " and ".join(counts)
    where = f" on server {place}" if place else ""
    return (
        f"From {what}, reviewed for {names}. "
        f"About {minutes:g} min, up to {MEMORY} of memory{where}."
    )


def describe_time(seconds: float) -> str:
    """Return how much time is left, roughly."""
    if seconds < 1:
        return "almost done"
    if seconds < 90:
        return f"about {round(seconds / 5) * 5 or 5} s left"
    return f"about {round(seconds / 60)} min left"
