"""Write docs/keys.md from the tables of shortcuts: run ``python docs/keys_page.py`` after a change.

A test fails while the page differs from what this script writes.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from napari_scsam.gui.tools.shortcuts import (
    ACTIONS,
    CLASS_KEYS,
    CORRECT,
    NEXT_CLASS,
    NEXT_OBJECT,
    NEXT_SUGGESTED,
    OTHER_SIDE,
    PREVIOUS_CLASS,
    PROMPT,
    PROPAGATE,
    REVIEW,
    REVIEW_OBJECT,
    REVIEW_RECTANGLE,
    SEGMENT,
    SEGMENT_KEYS,
    TEACH,
    UNDO_RUN,
    Action,
)

PAGE = Path(__file__).with_name("keys.md")

INTRO = """# Keys

Made by `python docs/keys_page.py` from the table in `gui/tools/shortcuts.py`; change that, not this page.

All of them work whatever tab is open. Change any in *File > Preferences > Shortcuts*; ours end in *(ScSAM)*. The tooltip of a button
shows the key that you chose.
"""

OUTRO = """
Enter accepts what is found under **Object**, and Esc discards it. Esc also puts a tool or the brush away.
Ctrl+Z and Ctrl+Shift+Z undo and redo, as in all of napari.
"""

GROUPS = {
    "Classes and slices": (
        SEGMENT,
        UNDO_RUN,
        NEXT_CLASS,
        PREVIOUS_CLASS,
        *CLASS_KEYS,
        *SEGMENT_KEYS,
    ),
    "One object, and strokes": (PROMPT, OTHER_SIDE, PROPAGATE, TEACH),
    "Correct": tuple(CORRECT.values()),
    "Review": (REVIEW, REVIEW_RECTANGLE, NEXT_SUGGESTED, REVIEW_OBJECT, NEXT_OBJECT),
}


def page() -> str:
    """Return the whole page.

    Raises
    ------
    ValueError
        When an action is in no group, or in two.
    """
    grouped = [action for group in GROUPS.values() for action in group]
    if sorted(each.name for each in grouped) != sorted(each.name for each in ACTIONS):
        raise ValueError("GROUPS in docs/keys_page.py must hold each action once")
    parts = [INTRO]
    parts += [f"## {title}\n\n{table(actions)}" for title, actions in GROUPS.items()]
    return "\n".join([*parts, OUTRO.strip()]) + "\n"


def table(actions: Iterable[Action]) -> str:
    """Return a table of keys."""
    rows = [row(each) for each in actions if each not in (*CLASS_KEYS[1:], *SEGMENT_KEYS[1:])]
    return "\n".join(["| key | what it does |", "|---|---|", *rows]) + "\n"


def row(action: Action) -> str:
    """Return the row of an action, or of nine that differ in their number."""
    key = shown(action.key)
    title = action.title.removesuffix(" (ScSAM)")
    if action in (CLASS_KEYS[0], SEGMENT_KEYS[0]):
        last = len(CLASS_KEYS)
        return f"| {key} … {key[:-1]}{last} | {title.replace('1', f'1 … {last}')} |"
    return f"| {key} | {title} |"


def shown(key: str) -> str:
    """Return a key as people write it."""
    return key.replace("Control-", "Ctrl+").replace("-", "+")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
