"""The panel for segmenting: which classes, at which threshold, and where."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_scsam.config import ClassSpec
from napari_scsam.gui.panels.parts.class_picker import MultipleClasses
from napari_scsam.gui.panels.parts.page import Page
from napari_scsam.gui.panels.parts.panel import More
from napari_scsam.gui.panels.parts.sliders import OffsetSlider, SliceRange
from napari_scsam.gui.panels.parts.widgets import (
    Dropdown,
    button,
    checkbox,
    fill_row,
    note_label,
    offer,
)

SCOPE_NAMES = {
    "slice": ("this slice", "Segment slice"),
    "region": ("a region of it", "Draw a region"),
    "range": ("slices", "Segment slices"),
    "volume": ("the whole volume", "Segment volume"),
}
"""What can be segmented: its name in the list, and the text of the button."""

SEVERAL_SLICES = ("range", "volume")
"""Scopes that need an image of more than one slice."""

THRESHOLD_STEP = 0.1
MAX_THRESHOLD_OFFSET = 6.0
"""The threshold's slider, in logits."""

CLICKS_ONLY = (
    "This network answers clicks and boxes only: point at an object under Object. "
    "To find classes, choose another one, or train it on your labels."
)

ONE_TIP = (
    "Segment the class chosen above.\n"
    "A slice is analysed once. After that, another class is shown at once."
)
ALL_TIP = "Segment all classes that the network knows."
THRESHOLD_TIP = (
    "How sure the network must be. Further left it finds more, further right less.\n"
    "A slice that is already analysed is updated at once. Arrow keys move in small steps."
)
RESET_TIP = (
    "0 is the threshold that was found in the training.\n"
    "Each +1 requires 2.7 times better odds that a pixel belongs to the class.\n"
    "Click to return to 0."
)
SCOPE_TIP = "Where to segment. Slices are written one by one; cancelling keeps the finished ones."
RANGE_TIP = "First and last slice. Drag the handles, or type the numbers."
SEGMENT_TIP = "One Ctrl+Z undoes a slice. Pixels that you painted stay."
TTA_TIP = (
    "Segment four views of the slice (original, flipped, smaller and larger) and average them.\n"
    "This is better on average. Use it for many slices, or where one view fails."
)
COARSE_TIP = (
    "Do not enlarge the image to the pixel size of the network: a quick look, less exact.\n"
    "At 10 nm it takes a quarter of the time. Nothing changes at 5 nm or finer."
)
REPLACE_TIP = (
    "Off: the network changes only its own pixels, never those that you painted or erased."
)
PREFETCH_TIP = (
    "Analyse the neighbouring slices in the background, so that they are segmented faster."
)
UNDO_RUN_TIP = (
    "Take the last run over slices back. What you edited, reviewed or locked since then stays."
)
MAP_NAMES = {
    "nothing": "Show: labels only",
    "probability": "Show: probability of the class",
    "similarity": "Show: similarity to the class prompt",
}
"""What can be shown of a class beside its labels."""
MAP_TIP = (
    "Show the class that you work on as a map, below the labels.\n"
    "Its similarity to the prototype is what the class prompt is made of."
)


class SegmentPanel(Page):
    """Shows the classes and where to segment them; makes no decisions."""

    classes_chosen = Signal(object)
    """The classes to segment, a tuple of `ClassSpec`."""
    segment_asked = Signal()
    scope_chosen = Signal(str)
    range_chosen = Signal(int, int)
    """First and last slice."""
    threshold_offset_chosen = Signal(float)
    """What is added to the threshold of the classes in use, in logits."""
    replace_changed = Signal(bool)
    prefetch_changed = Signal(bool)
    tta_changed = Signal(bool)
    coarse_changed = Signal(bool)
    map_chosen = Signal(str)
    """What is shown of the class beside its labels, one of `MAP_NAMES`."""
    undo_run_asked = Signal()

    def __init__(self, key: str, undo_run_key: str) -> None:
        super().__init__("Segment")
        self._key = key
        self._classes: tuple[ClassSpec, ...] = ()
        self._active: ClassSpec | None = None
        self._make_class_fields()
        self._make_scope_fields()
        self.undo_run = button(f"Undo run   ({undo_run_key})", UNDO_RUN_TIP, self.undo_run_asked)
        self.undo_run.hide()
        self.map = Dropdown(MAP_TIP)
        self.map.picked.connect(self.map_chosen.emit)
        for kind, name in MAP_NAMES.items():
            self.map.add(kind, name)
        self.tta = checkbox("Average four views (4× slower)", TTA_TIP, self.tta_changed)
        self.coarse = checkbox("Coarse first look (faster)", COARSE_TIP, self.coarse_changed)
        self.replace = checkbox("Overwrite my edits", REPLACE_TIP, self.replace_changed)
        self.prefetch = checkbox(
            "Pre-compute neighbouring slices", PREFETCH_TIP, self.prefetch_changed
        )
        self.body = QWidget()
        self.note = note_label(CLICKS_ONLY)
        self.note.hide()
        self._lay_out()
        self.show_threshold_offset(0.0)
        self.show_scope("slice", 0, 0, 1)

    def show_classes(self, classes: Sequence[ClassSpec]) -> None:
        """List the classes of the checkpoint."""
        self._classes = tuple(classes)
        self.multiple.show_classes(classes)

    def show_possible(self, *, possible: bool) -> None:
        """Show the controls if the network has classes, else a note on what to do instead."""
        self.body.setEnabled(possible)
        self.body.setVisible(possible)
        self.note.setVisible(not possible)

    def show_image(self, obstacle: str) -> None:
        """Offer to segment, unless the image shown is an obstacle to it."""
        offer(self.segment, SEGMENT_TIP, obstacle)

    def show_choices(
        self,
        chosen: Sequence[ClassSpec],
        active: ClassSpec | None,
        *,
        replace: bool,
        prefetch: bool,
        tta: bool,
        coarse: bool,
    ) -> None:
        """Show the classes in use and the options.

        Parameters
        ----------
        chosen
            The classes to segment.
        active
            The class being worked on.
        replace
            Whether the user's own pixels may be overwritten.
        prefetch
            Whether neighbouring slices are embedded in the background.
        tta
            Whether four views are averaged.
        coarse
            Whether the image is never enlarged.
        """
        self._active = active
        self.multiple.show_chosen(chosen)
        one = tuple(chosen) == (active,)
        every = not one and tuple(chosen) == self._classes
        self.one_class.setChecked(one)
        self.all_classes.setChecked(every)
        self.multiple.setChecked(not (one or every))
        text = "Several …  "
        if not (one or every):
            text = f"{len(chosen)} of {len(self._classes)} …  "
        self.multiple.setText(text)
        self.replace.setChecked(replace)
        self.prefetch.setChecked(prefetch)
        self.tta.setChecked(tta)
        self.coarse.setChecked(coarse)

    def show_threshold_offset(self, offset: float) -> None:
        """Show what is added to the threshold of the classes in use, in logits."""
        self.threshold.show_offset(offset)
        self.reset_threshold.setText(_name_offset(offset))

    def show_scope(self, scope: str, first: int, last: int, depth: int) -> None:
        """Show what is segmented, in an image of `depth` slices."""
        self.scope.show_choice(scope)
        for several in SEVERAL_SLICES:
            self.scope.show_possible(several, possible=depth > 1)
        self.slices.show_slices(first, last, depth)
        self.slices.setVisible(scope == "range")
        _, text = SCOPE_NAMES[scope]
        if scope == "slice":
            text = f"{text}   ({self._key})"
        self.segment.setText(text)

    def show_undo_run(self, *, possible: bool) -> None:
        """Show the way back from a run, if there is one."""
        self.undo_run.setVisible(possible)

    def show_map(self, kind: str) -> None:
        """Show which map of the class is shown."""
        self.map.show_choice(kind)

    def _make_class_fields(self) -> None:
        self.one_class = self._choice("This class", ONE_TIP, self._choose_one)
        self.all_classes = self._choice("All classes", ALL_TIP, self._choose_all)
        self.multiple = MultipleClasses()
        self.multiple.setCheckable(True)
        self.multiple.picked.connect(self.classes_chosen)
        self.threshold = OffsetSlider(MAX_THRESHOLD_OFFSET, THRESHOLD_STEP)
        self.threshold.setToolTip(THRESHOLD_TIP)
        self.threshold.valueChanged.connect(self._on_threshold)
        self.reset_threshold = button("", RESET_TIP, lambda: self.threshold.setValue(0))
        self.reset_threshold.setFlat(True)

    def _make_scope_fields(self) -> None:
        self.scope = Dropdown(SCOPE_TIP)
        self.scope.picked.connect(self.scope_chosen.emit)
        for scope, (name, _) in SCOPE_NAMES.items():
            self.scope.add(scope, name)
        self.slices = SliceRange()
        self.slices.setToolTip(RANGE_TIP)
        self.slices.range_picked.connect(self.range_chosen)
        self.segment = button("", SEGMENT_TIP, self.segment_asked)

    def _choice(self, text: str, tip: str, choose: Callable[[], None]) -> QPushButton:
        return button(text, tip, choose, checkable=True)

    def _choose_one(self) -> None:
        if self._active is not None:
            self.classes_chosen.emit((self._active,))

    def _choose_all(self) -> None:
        self.classes_chosen.emit(self._classes)

    def _on_threshold(self) -> None:
        self.threshold_offset_chosen.emit(self.threshold.offset())

    def _lay_out(self) -> None:
        classes = QHBoxLayout()
        fill_row(classes, self.one_class, self.all_classes, self.multiple)
        threshold = QHBoxLayout()
        threshold.addWidget(QLabel("Threshold"))
        threshold.addWidget(self.threshold, 1)
        threshold.addWidget(self.reset_threshold)
        column = QVBoxLayout(self.body)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(classes)
        column.addLayout(threshold)
        fill_row(column, self.scope, self.slices, self.segment, self.undo_run)
        self.more = More("Segment")
        rows = (self.tta, self.coarse, self.replace, self.prefetch, self.map)
        fill_row(QVBoxLayout(self.more.contents), *rows)
        column.addWidget(self.more)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        fill_row(whole, self.note, self.body)


def _name_offset(offset: float) -> str:
    """Return in words which way the threshold is off the calibrated one."""
    if offset > 0:
        return "stricter"
    if offset < 0:
        return "looser"
    return "as trained"
