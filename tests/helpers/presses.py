"""Counts the clicks and key presses of the day in ``day.py``, in the window of 0.1 and in today's.

    python tests/helpers/presses.py

Each row is something that the day does: how often, with how many presses then, and with how many
now. A class took two clicks in a list, and takes its key; Ctrl with its digit segments it at once. A label to paint with took a click, a
digit and Enter in napari's layer controls, and is the class that is worked on. What was opened
once stays open, and counts for nothing. Undoing and redoing the whole day, which only the test
does, is left out; it is one press for each step, then and now.
"""

from __future__ import annotations

DAY = (
    (1, "open the image: Open, File, Enter", 3, 3),
    (1, "make a project: New, Enter", 2, 2),
    (15, "choose a class, and segment the slice", 3, 1),
    (4, "choose a label, take the brush, drag", 5, 3),
    (2, "take the eraser, drag", 2, 2),
    (1, "fill holes: H", 1, 1),
    (1, "split: K, K", 2, 2),
    (1, "merge: J, J", 2, 2),
    (1, "cut: Shift+K, drag", 2, 2),
    (1, "choose a label, relabel: Shift+C", 4, 2),
    (2, "delete: Shift+D", 1, 1),
    (5, "smooth, grow, shrink, delete small, keep largest", 1, 1),
    (1, "grow in 3-D: Shift+T, G, Shift+T", 3, 3),
    (1, "lock: Shift+B", 1, 1),
    (1, "delete what is locked: Shift+D", 1, 1),
    (2, "overwrite my edits, choose a class, segment, and off again", 5, 3),
    (1, "review: Shift+R", 1, 1),
    (2, "begin to point, choose a class", 3, 2),
    (1, "click, accept, stop pointing", 3, 3),
    (1, "limit to three slices, click, propagate, stop pointing", 6, 6),
    (1, "export: the tab, Training set, Enter", 2, 3),
    (1, "labels into the image", 1, 1),
)
"""Times, what, presses in version 0.1, presses today."""


def count() -> tuple[int, int]:
    """Return the presses of the day, in version 0.1 and today."""
    before = sum(times * presses for times, _, presses, _ in DAY)
    today = sum(times * presses for times, _, _, presses in DAY)
    return before, today


if __name__ == "__main__":
    for times, what, before, today in DAY:
        print(f"{times * before:4d} {times * today:4d}  {times} × {what}")  # noqa: T201
    before, today = count()
    print(f"{before:4d} {today:4d}  in all; {1 - today / before:.0%} less")  # noqa: T201
