"""Shortcuts of the plugin; the user can change them in napari's preferences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from napari.components.viewer_model import ViewerModel
from napari.settings import get_settings
from napari.utils.action_manager import action_manager
from napari.utils.interactions import Shortcut
from napari.viewer import Viewer

from napari_scsam.config import UserError
from napari_scsam.gui.notify import notify_error
from napari_scsam.gui.object_tools import OBJECT_TOOLS
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.correction.correct import Correcting
from napari_scsam.gui.tools.objects.walk import WalkingObjects
from napari_scsam.gui.tools.one_object import Prompting
from napari_scsam.gui.tools.review import Reviewing
from napari_scsam.gui.tools.segment import Segmenting
from napari_scsam.gui.tools.slice_marks import SliceMarks
from napari_scsam.gui.tools.teach import Teaching
from napari_scsam.gui.tools.undo_run import UNDO_RUN_KEY, UndoingRun


@dataclass(frozen=True)
class Action:
    """Something that a key does in a viewer with a session."""

    name: str
    """Its id in napari, after ``"napari-scsam:"``."""
    key: str
    """Free in napari's viewer and in all its layers."""
    title: str
    """As napari's shortcut preferences show it."""
    act: Callable[[Session], object]

    @property
    def id(self) -> str:
        """Its id in napari."""
        return f"napari-scsam:{self.name}"

    def run(self, viewer: Viewer) -> None:
        """Run the action in a viewer; report an error without a session."""
        session = Session.find(getattr(viewer, "__wrapped__", viewer))
        if session is None:
            notify_error(UserError("open the ScSAM widget first (Plugins > ScSAM)"))
        else:
            self.act(session)

    @property
    def shown_key(self) -> str:
        """The key to press, as the user reads it."""
        chosen = get_settings().shortcuts.shortcuts.get(self.id, [self.key])
        if not chosen:
            return "no key"
        return str(Shortcut(chosen[0]).platform)


def _correct(name: str, session: Session) -> None:
    session.part(Correcting).use(name)


def _segment(session: Session) -> None:
    session.part(Segmenting).segment()


def _choose_class(index: int, session: Session) -> bool:
    """Choose the class at a place of the list; return whether there are so many."""
    classes = session.choices.classes
    if index >= len(classes):
        return False
    session.part(Segmenting).choose_classes((classes[index],))
    return True


def _segment_class(index: int, session: Session) -> None:
    """Choose the class at a place of the list, and segment the slice shown."""
    if _choose_class(index, session):
        session.part(Segmenting).segment()


def _prompting(verb: Callable[[Prompting], object]) -> Callable[[Session], object]:
    """Return the action that calls a verb of the prompts of a session."""
    return lambda session: verb(session.part(Prompting))


def _switch_side(session: Session) -> None:
    """Switch the side of what is drawn: strokes, or marks for one object."""
    teaching = session.part(Teaching)
    if teaching.state.active:
        teaching.switch_side()
    else:
        session.part(Prompting).switch_side()


SEGMENT = Action("segment_slice", "Shift-S", "Segment the slice shown (ScSAM)", _segment)

UNDO_RUN = Action(
    "undo_run",
    UNDO_RUN_KEY,
    "Undo the last run over slices (ScSAM)",
    lambda session: session.part(UndoingRun).undo(),
)

CORRECT = {
    tool.name: Action(
        f"correct_{tool.name}", tool.key, f"{tool.title} (ScSAM)", partial(_correct, tool.name)
    )
    for tool in OBJECT_TOOLS
}

REVIEW = Action(
    "review_slice",
    "Shift-R",
    "Mark or unmark the slice shown as reviewed (ScSAM)",
    lambda s: s.part(Reviewing).mark_slice(),
)
REVIEW_RECTANGLE = Action(
    "review_rectangle",
    "Alt-R",
    "Mark or unmark a rectangle as reviewed (ScSAM)",
    lambda s: s.part(Reviewing).mark_rectangle(),
)
NEXT_SUGGESTED = Action(
    "next_suggested",
    "Alt-N",
    "Go to the next suggested slice (ScSAM)",
    lambda session: session.part(SliceMarks).go_to_next(),
)

REVIEW_OBJECT = Action(
    "review_object",
    "Shift-Y",
    "Mark the selected objects as reviewed, and go to the next (ScSAM)",
    lambda session: session.part(WalkingObjects).mark(),
)
NEXT_OBJECT = Action(
    "next_object",
    "Shift-U",
    "Go to the next object that is not reviewed (ScSAM)",
    lambda session: session.part(WalkingObjects).next_unreviewed(),
)

PROMPT = Action(
    "prompt_object", "Shift-O", "Point at one object, or stop (ScSAM)", _prompting(Prompting.toggle)
)
OTHER_SIDE = Action(
    "prompt_side",
    "Shift-I",
    "Mark inside or outside; paint on or beside the class (ScSAM)",
    _switch_side,
)
TEACH = Action(
    "teach_class",
    "Shift-M",
    "Paint strokes that teach a class, or stop (ScSAM)",
    lambda session: session.part(Teaching).toggle(),
)
# Its id is the old one, under which napari stores a key that the user chose.
PROPAGATE = Action(
    "carry_object",
    "Shift-E",
    "Propagate the object through slices (ScSAM)",
    _prompting(Prompting.propagate),
)
NEXT_CLASS = Action(
    "next_class",
    "Shift-X",
    "Next class (ScSAM)",
    lambda session: session.part(Segmenting).step_class(1),
)
PREVIOUS_CLASS = Action(
    "previous_class",
    "Shift-Z",
    "Previous class (ScSAM)",
    lambda session: session.part(Segmenting).step_class(-1),
)
KEYS_OF_CLASSES = 9
"""Classes with a key of their own, as there are digits."""

CLASS_KEYS = tuple(
    Action(
        f"class_{number}",
        f"Alt-{number}",
        f"Work on class {number} of the list (ScSAM)",
        partial(_choose_class, number - 1),
    )
    for number in range(1, KEYS_OF_CLASSES + 1)
)
SEGMENT_KEYS = tuple(
    Action(
        f"segment_class_{number}",
        f"Control-{number}",
        f"Segment class {number} of the list on the slice shown (ScSAM)",
        partial(_segment_class, number - 1),
    )
    for number in range(1, KEYS_OF_CLASSES + 1)
)

ACTIONS = (
    SEGMENT,
    UNDO_RUN,
    NEXT_CLASS,
    PREVIOUS_CLASS,
    PROMPT,
    OTHER_SIDE,
    PROPAGATE,
    TEACH,
    *CORRECT.values(),
    REVIEW,
    REVIEW_RECTANGLE,
    NEXT_SUGGESTED,
    REVIEW_OBJECT,
    NEXT_OBJECT,
    *CLASS_KEYS,
    *SEGMENT_KEYS,
)


def register_shortcuts() -> None:
    """Register the shortcuts with napari, if they are not registered; the user's keys stay."""
    for action in ACTIONS:
        action_manager.register_action(action.id, action.run, action.title, ViewerModel)
        if action.id not in get_settings().shortcuts.shortcuts:
            action_manager.bind_shortcut(action.id, action.key)
