"""The object tools as the user meets them: name, key, and what a tooltip teaches."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Pointing(Enum):
    """What a tool wants pointed at."""

    NOTHING = auto()
    OBJECT = auto()
    TWICE = auto()
    """Two places, one after the other."""
    LINE = auto()
    """Nothing, but a line is drawn."""


UNITS = {False: ("pixels", "µm²"), True: ("voxels", "µm³")}
"""Of the size of an object in one slice, and through all: by number, and by the size of the pixels."""


def size_decimals(*, whole: bool, in_micrometres: bool) -> int:
    """Return the decimals that the size of an object is shown with."""
    return (6 if whole else 4) if in_micrometres else 0


def describe_size(size: float, *, whole: bool, in_micrometres: bool) -> str:
    """Write the size of an object with its unit, as the panel shows it."""
    return f"{size:.{size_decimals(whole=whole, in_micrometres=in_micrometres)}f} {UNITS[whole][in_micrometres]}"


@dataclass(frozen=True)
class ObjectTool:
    """One object tool."""

    name: str
    """Of the method of `Correcting`."""
    label: str
    """On its button."""
    key: str
    title: str
    """As napari's shortcut preferences show it."""
    tip: str
    pointing: Pointing = Pointing.OBJECT


MERGE = ObjectTool(
    "merge",
    "Merge",
    "J",
    "Merge two objects",
    "Point at the object that stays, then at the one to join to it.\nIn a class layer, a gap between two objects of one class is bridged,\n"
    "unless another class lies in it.",
    Pointing.TWICE,
)
SPLIT = ObjectTool(
    "split",
    "Split",
    "K",
    "Split an object between two places",
    "Point at one half of an object, then at the other: it is parted at its narrowest place.\n"
    "In a class layer, a line of background parts the halves.",
    Pointing.TWICE,
)
CUT = ObjectTool(
    "cut",
    "Cut",
    "Shift-K",
    "Cut an object along a line",
    "Drag a line across an object: it is cut there. Esc, or the key again, gives it up.",
    Pointing.LINE,
)
DELETE = ObjectTool(
    "delete", "Delete", "Shift-D", "Delete the object", "Turn the object into background."
)
RELABEL = ObjectTool(
    "relabel",
    "Relabel",
    "Shift-C",
    "Give the object the selected label",
    "Give the object the selected label: the class or number in napari's layer controls.",
)
KEEP_LARGEST = ObjectTool(
    "keep_largest",
    "Keep largest",
    "U",
    "Keep only the largest piece",
    "Delete all pieces but the largest: of an object or, in a class layer, of the class pointed at.",
)
FILL_HOLES = ObjectTool(
    "fill_holes",
    "Fill holes",
    "H",
    "Fill the object's holes",
    "Fill the background that the object encloses. What else lies in it stays.",
)
SMOOTH = ObjectTool("smooth", "Smooth", "Shift-H", "Smooth the object", "Round the object off.")
GROW = ObjectTool(
    "grow",
    "Grow",
    "G",
    "Grow the object",
    "Let the object grow into background, never into another object.",
)
SHRINK = ObjectTool("shrink", "Shrink", "Shift-G", "Shrink the object", "Let the object shrink.")
PREVIOUS = ObjectTool(
    "previous",
    "Previous",
    "Shift-N",
    "Go to the previous object",
    "Go to the object before: the one with the next lower label or, in a class layer,\nthe one of the selected class before this.",
    Pointing.NOTHING,
)
NEXT = ObjectTool(
    "next",
    "Next",
    "N",
    "Go to the next object",
    "Go to the next object: the one with the next higher label or, in a class layer,\nthe next one of the selected class.",
    Pointing.NOTHING,
)
SIEVE = ObjectTool(
    "delete_small",
    "Delete smaller than",
    "Shift-F",
    "Delete small objects",
    "Delete all objects that are smaller; in a class layer, those of the selected class.",
    Pointing.NOTHING,
)
LOCK = ObjectTool(
    "toggle_lock",
    "Lock",
    "Shift-B",
    "Lock or unlock the class or object",
    "Lock or unlock the class, or the object, pointed at.",
)
WHOLE = ObjectTool(
    "toggle_whole",
    "Through all slices (3-D)",
    "Shift-T",
    "Correct through all slices, or in one",
    "On: tools work on the object in all slices. Off: on its part in the slice shown.",
    Pointing.NOTHING,
)

TOOLS = (
    MERGE,
    SPLIT,
    CUT,
    DELETE,
    RELABEL,
    KEEP_LARGEST,
    FILL_HOLES,
    SMOOTH,
    GROW,
    SHRINK,
    PREVIOUS,
    NEXT,
    SIEVE,
    LOCK,
    WHOLE,
)
BY_NAME = {tool.name: tool for tool in TOOLS}
