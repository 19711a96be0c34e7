"""The panel for the review: mark what is right, and see the progress by slice and by class."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout

from napari_scsam.config import ClassSpec
from napari_scsam.gui.panels.parts.class_counts import ClassCountsTable
from napari_scsam.gui.panels.parts.page import Page
from napari_scsam.gui.panels.parts.panel import Panel
from napari_scsam.gui.panels.parts.reviewed_for import ReviewedFor, describe_classes
from napari_scsam.gui.panels.parts.widgets import button, click_once, fill_row, note_label
from napari_scsam.gui.words import count_of, group_digits
from napari_scsam.project.review import SliceReview

MARK_TIP = (
    "Mark every pixel of this slice as right. The model no longer changes it; training uses it.\n"
    "Pixels that are not reviewed count as unknown, never as background.\n"
    "Press again to unmark."
)
RECTANGLE_TIP = (
    "Mark a rectangle on this slice as reviewed: press, then drag it.\n"
    "If one is selected on a shapes layer, it is used."
)

SUGGESTED_TIP = (
    "Go to the slice that is worth correcting next: the one farthest from what is reviewed.\n"
    "The strip below marks the next ones in blue."
)


class ReviewPanel(Page):
    """Shows and asks; makes no decisions."""

    slice_marked = Signal()
    rectangle_marked = Signal()
    suggestion_asked = Signal()
    """The next suggested slice is to be shown."""
    classes_picked = Signal(object)
    """A tuple of the `ClassSpec` that this slice was reviewed for."""

    def __init__(self, key: str, suggested_key: str) -> None:
        super().__init__("Review")
        self._key = key
        self.mark = button("", MARK_TIP, self.slice_marked)
        self.rectangle = button("Rectangle", RECTANGLE_TIP, self.rectangle_marked)
        self.reviewed_for = ReviewedFor()
        self.reviewed_for.picked.connect(self.classes_picked)
        self.suggested = button(
            f"Next suggested slice   ({suggested_key})", SUGGESTED_TIP, self.suggestion_asked
        )
        self.table = ClassCountsTable()
        self.note = note_label()
        click_once(self.mark)
        row = QHBoxLayout()
        row.addWidget(self.mark, 2)
        row.addWidget(self.rectangle, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(row)
        self.counts = Panel("Counts by class", collapsed=True)
        counts = QVBoxLayout(self.counts.contents)
        counts.setContentsMargins(0, 0, 0, 0)
        counts.addWidget(self.table)
        fill_row(column, self.reviewed_for, self.suggested, self.note, self.counts)

    def show_progress(
        self,
        depth: int,
        position: int,
        slices: Mapping[int, SliceReview],
        classes: Sequence[ClassSpec],
        *,
        there: bool,
        obstacle: str = "",
        reviewed_for: Collection[int] = (),
        meanings: Mapping[int, Collection[int]] | None = None,
    ) -> None:
        """Show the progress of the review.

        Parameters
        ----------
        depth, position
            The number of slices, and the one shown; -1 for none.
        slices
            Those that hold a label or a mark.
        classes
            A row each.
        there
            Whether there is a project to review.
        obstacle
            A sentence on why a project cannot be reviewed now; empty if it can.
        reviewed_for
            Ids of the classes that the slice shown is reviewed for, or would be.
        meanings
            Class ids that values of the review mask stand for; others stand for every class.
        """
        parts = (self.mark, self.rectangle, self.reviewed_for, self.suggested, self.table)
        for part in parts:
            part.setEnabled(there and not obstacle)
        self.suggested.setVisible(there and depth > 1)
        self.counts.setVisible(there)
        shown = slices.get(position)
        self.show_slice(shown)
        self.table.show_counts(classes, slices, shown, meanings)
        self.reviewed_for.setVisible(there and bool(classes))
        self.reviewed_for.show_reviewed(
            classes, reviewed_for, done=shown is not None and shown.reviewed > 0
        )
        if there:
            self.note.setText(obstacle or _progress(depth, slices.values()))
        else:
            self.note.setText("Create a project first: reviews are kept in it.")

    def show_slice(self, shown: SliceReview | None) -> None:
        """Show what the button does to the slice shown; None where it holds nothing."""
        text = "Mark slice as reviewed"
        if shown is not None and shown.reviewed == shown.size:
            text = "Unmark slice"
        self.mark.setText(f"{text}   ({self._key})")


def describe_slices(
    slices: Mapping[int, SliceReview],
    classes: Sequence[ClassSpec],
    meanings: Mapping[int, Collection[int]],
) -> dict[int, str]:
    """Return a sentence on each reviewed slice: how much, and for which classes."""
    every = {spec.id for spec in classes}
    found = {}
    for z, one in slices.items():
        if not one.reviewed:
            continue
        choices = [set(meanings.get(number, every)) for number in one.numbers]
        what = {describe_classes(classes, choice) for choice in choices}
        share = ""
        if one.share < 1:
            share = f"{max(1, round(100 * one.share))} % "
        found[z] = f"{share}reviewed for {'; in part for '.join(sorted(what)) or 'all classes'}"
    return found


def _progress(depth: int, slices: Collection[SliceReview]) -> str:
    """Return in a sentence how many slices are reviewed."""
    whole = sum(one.reviewed == one.size for one in slices)
    parts = sum(0 < one.reviewed < one.size for one in slices)
    in_part = ""
    if parts:
        in_part = f", {group_digits(parts)} in part"
    return f"{group_digits(whole)} of {count_of(depth, 'slice')} reviewed{in_part}."
