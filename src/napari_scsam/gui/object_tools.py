"""The object tools: name, key, what the tooltip says, and what each does.

A new tool is a function of `napari_scsam.objects.tools` and a row here, which is named once in
`GRID`. The panel, the shortcuts and `Correcting` read the rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from napari_scsam.objects import tools

if TYPE_CHECKING:
    from napari_scsam.objects.place import Place


class Pointing(Enum):
    """What a tool needs the user to point at."""

    NOTHING = auto()
    OBJECT = auto()
    TWO_PLACES = auto()
    """One after the other."""
    LINE = auto()
    """A line is drawn."""


UNITS = {False: ("pixels", "µm²"), True: ("voxels", "µm³")}
"""Of the size of an object in one slice and in all: as a number, and by the size of the pixels."""


def size_decimals(*, whole: bool, in_micrometres: bool) -> int:
    """Return how many decimals the size of an object is shown with."""
    if not in_micrometres:
        return 0
    if whole:
        return 6
    return 4


def describe_size(size: float, *, whole: bool, in_micrometres: bool) -> str:
    """Write the size of an object with its unit, as the panel shows it."""
    decimals = size_decimals(whole=whole, in_micrometres=in_micrometres)
    return f"{size:.{decimals}f} {UNITS[whole][in_micrometres]}"


@dataclass(frozen=True)
class ToolInput:
    """What a tool is run with."""

    seed: tuple[int, ...]
    """The voxel pointed at, or the first of two."""
    second: tuple[int, ...] = ()
    """The second voxel pointed at, for tools that need two."""
    radius: float = 0.0
    """Pixels of the finest axis, as the user set it."""
    label: int = 0
    """The label selected in napari's layer controls."""


@dataclass(frozen=True)
class ObjectTool:
    """One object tool."""

    name: str
    label: str
    """On its button."""
    key: str
    title: str
    """As napari's shortcut preferences show it."""
    tip: str
    icon: str = ""
    """What is drawn on its button: the path of an SVG of 24×24 pixels, in lines."""
    pointing: Pointing = Pointing.OBJECT
    run: Callable[[Place, ToolInput], tools.Tool] | None = None
    """Returns the steps of its work; None where `Correcting` does the work itself."""
    done: str = ""
    """What was done, for the status: ``{object}`` is the object, ``{label}`` the selected label."""
    then: str = ""
    """What the user is asked to do after the first of two places."""
    needs_boxes: bool = False
    """Whether an instance layer is searched for its objects before."""
    needs_label: bool = False
    """Whether it uses the selected label, which must not be locked or the object's own."""


MERGE = ObjectTool(
    name="merge",
    label="Merge",
    key="J",
    title="Merge two objects",
    icon="M9 6a6 6 0 1 0 0 12c2 0 3-1 3-1s1 1 3 1a6 6 0 1 0 0-12c-2 0-3 1-3 1s-1-1-3-1z",
    tip=(
        "Point at the object to keep, then at the one to join to it.\n"
        "In a class layer, a gap between two objects of one class is bridged,\n"
        "unless another class is in it."
    ),
    pointing=Pointing.TWO_PLACES,
    run=lambda place, given: tools.merge(place, given.seed, given.second),
    done="Merged into {object}",
    then="point at the one to join to it",
)
SPLIT = ObjectTool(
    name="split",
    label="Split",
    key="K",
    title="Split an object between two places",
    icon="M10 5a7 7 0 0 0 0 14z M14 5a7 7 0 0 1 0 14z",
    tip=(
        "Point at one half of an object, then at the other.\n"
        "It is split at its narrowest place between them.\n"
        "In a class layer, a line of background separates the halves."
    ),
    pointing=Pointing.TWO_PLACES,
    run=lambda place, given: tools.split(place, given.seed, given.second),
    done="Split {object}",
    then="point at its other half",
    needs_boxes=True,
)
CUT = ObjectTool(
    name="cut",
    label="Cut",
    key="Shift-K",
    title="Cut an object along a line",
    icon="M4 19L20 5 M6 8a4 4 0 0 1 7-1 M18 16a4 4 0 0 1-7 1",
    tip="Drag a line across an object to cut it there. Esc, or the key again, cancels.",
    pointing=Pointing.LINE,
    done="Cut {object}",
    needs_boxes=True,
)
DELETE = ObjectTool(
    name="delete",
    label="Delete",
    key="Shift-D",
    title="Delete the object",
    icon="M5 7h14 M10 7V4h4v3 M7 7l1 13h8l1-13 M10 11v5 M14 11v5",
    tip="Turn the object into background.",
    run=lambda place, given: tools.delete(place, given.seed),
    done="Deleted {object}",
)
RELABEL = ObjectTool(
    name="relabel",
    label="Relabel",
    key="Shift-C",
    title="Assign the selected label to the object",
    icon="M4 4h8l8 8-8 8-8-8z M8 8h.01 M15 4h5v5",
    tip=(
        "Assign the selected label to the object:\n"
        "the class or number selected in napari's layer controls."
    ),
    run=lambda place, given: tools.relabel(place, given.seed, given.label),
    done="Made {label} of {object}",
    needs_label=True,
)
KEEP_LARGEST = ObjectTool(
    name="keep_largest",
    label="Keep largest",
    key="U",
    title="Keep only the largest piece",
    icon="M10 4a7 7 0 1 0 0 14a7 7 0 1 0 0-14z M19 15l3 3 M22 15l-3 3 M7 11l2 2 4-4",
    tip=(
        "Delete all pieces of the object except the largest.\n"
        "In a class layer each piece is an object of its own: Delete smaller than removes small ones."
    ),
    run=lambda place, given: tools.keep_largest(place, given.seed),
    done="Kept the largest piece of {object}",
)
FILL_HOLES = ObjectTool(
    name="fill_holes",
    label="Fill holes",
    key="H",
    title="Fill the object's holes",
    icon="M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18z M12 9v6 M9 12h6",
    tip="Fill the background enclosed by the object. Other labels inside it stay.",
    run=lambda place, given: tools.fill_holes(place, given.seed),
    done="Filled holes of {object}",
)
SMOOTH = ObjectTool(
    name="smooth",
    label="Smooth",
    key="Shift-H",
    title="Smooth the object",
    icon="M3 10l3-4 3 4 3-4 3 4 3-4 3 4 M3 18c4-4 7-4 9-2s5 2 9-2",
    tip="Round off the object.",
    run=lambda place, given: tools.smooth(place, given.seed, given.radius),
    done="Smoothed {object}",
)
GROW = ObjectTool(
    name="grow",
    label="Grow",
    key="G",
    title="Grow the object",
    icon=(
        "M12 8a4 4 0 1 0 0 8a4 4 0 1 0 0-8z M12 5V2 M12 19v3 M5 12H2 M19 12h3 "
        "M10.5 3.5L12 2l1.5 1.5 M10.5 20.5L12 22l1.5-1.5 M3.5 10.5L2 12l1.5 1.5 "
        "M20.5 10.5L22 12l-1.5 1.5"
    ),
    tip="Grow the object into background, never into another object.",
    run=lambda place, given: tools.grow(place, given.seed, given.radius),
    done="Grew {object}",
)
SHRINK = ObjectTool(
    name="shrink",
    label="Shrink",
    key="Shift-G",
    title="Shrink the object",
    icon=(
        "M12 9a3 3 0 1 0 0 6a3 3 0 1 0 0-6z M12 2v4 M12 22v-4 M2 12h4 M22 12h-4 "
        "M10.5 4.5L12 6l1.5-1.5 M10.5 19.5L12 18l1.5 1.5 M4.5 10.5L6 12l-1.5 1.5 "
        "M19.5 10.5L18 12l1.5 1.5"
    ),
    tip="Shrink the object.",
    run=lambda place, given: tools.shrink(place, given.seed, given.radius),
    done="Shrank {object}",
)
PREVIOUS = ObjectTool(
    name="previous",
    label="Previous",
    key="Shift-N",
    title="Go to the previous object",
    icon="M15 5l-7 7 7 7",
    tip=(
        "Go to the object with the next lower label.\n"
        "In a class layer, to the previous object of the selected class."
    ),
    pointing=Pointing.NOTHING,
)
NEXT = ObjectTool(
    name="next",
    label="Next",
    key="N",
    title="Go to the next object",
    icon="M9 5l7 7-7 7",
    tip=(
        "Go to the object with the next higher label.\n"
        "In a class layer, to the next object of the selected class."
    ),
    pointing=Pointing.NOTHING,
)
DELETE_SMALL = ObjectTool(
    name="delete_small",
    label="Delete smaller than",
    key="Shift-F",
    title="Delete small objects",
    tip="Delete all smaller objects; in a class layer, those of the selected class.",
    pointing=Pointing.NOTHING,
)
LOCK_TOOL = ObjectTool(
    name="toggle_lock",
    label="Lock",
    key="Shift-B",
    title="Lock or unlock the class or object",
    tip="Lock or unlock the class or object pointed at.",
)
WHOLE_TOOL = ObjectTool(
    name="toggle_whole",
    label="Through all slices (3-D)",
    key="Shift-T",
    title="Correct through all slices, or in one",
    tip="On: tools change the object in all slices. Off: only in the slice shown.",
    pointing=Pointing.NOTHING,
)

GRID = (
    (MERGE, SPLIT, CUT, DELETE),
    (FILL_HOLES, SMOOTH, GROW, SHRINK),
    (RELABEL, KEEP_LARGEST, PREVIOUS, NEXT),
)
"""The tools with buttons of their own, in the rows of the panel."""

OBJECT_TOOLS = (*(tool for row in GRID for tool in row), DELETE_SMALL, LOCK_TOOL, WHOLE_TOOL)
BY_NAME = {tool.name: tool for tool in OBJECT_TOOLS}
