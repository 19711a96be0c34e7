"""A day's work in miniature: what is done, act by act, and what each act must make of the labels.

Each scene finds what it works on in the labels as they are, so that the day
can also be entered in the middle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from desk import SHIFT, Desk, Voxel
from expected import (
    SMALLEST,
    Array,
    Check,
    becomes,
    deepest,
    free_place,
    grown,
    grown_through_slices,
    joined,
    large_object,
    parted,
    piece_at,
    rim,
    shrunk,
    smoothed,
    stays,
    stroke,
    within,
    without,
)
from qtpy.QtCore import Qt
from real_em import SIZE, Predict
from scipy import ndimage

from napari_scsam.gui.tools.accept import Accepting
from napari_scsam.gui.tools.propagate import Propagating

SLICES = (1, 3, 5, 7, 9)
MITO, VESICLE, OBJECT, MEMBRANE = 1, 3, 4, 6
NAMES = {MITO: "mitochondrion", VESICLE: "vesicle", MEMBRANE: "membrane"}


@dataclass(frozen=True)
class Act:
    """One thing that a user does."""

    name: str
    do: Callable[[], object]
    check: Check
    undo_steps: int = 1


class Day:
    """Does acts, and looks at the labels after each."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.states = [desk.labels()]
        """The labels as they were, and after each act that can be undone."""

    def do(self, acts: Iterator[Act]) -> None:
        """Do some acts; each must change what it should, voxel by voxel, and be as many undo steps as it should."""
        for act in acts:
            before, steps = self.desk.labels(), self.steps
            act.do()
            self.desk.finish()
            try:
                act.check(before, self.desk.labels())
                assert self.steps - steps == act.undo_steps
            except AssertionError as error:
                error.add_note(f"act: {act.name}; the window said: {self.desk.said[-3:]}")
                raise
            self.states += [self.desk.labels()] * (act.undo_steps == 1)

    @property
    def steps(self) -> int:
        """Edits that can be undone."""
        return len(self.desk.layer._undo_history)


def segment(desk: Desk, predict: Predict) -> Iterator[Act]:
    """Three classes on five slices."""

    def expected(z: int, value: int, before: Array) -> Array:
        after, found = before.copy(), predict(z, NAMES[value])
        after[z] = np.where(found == value, value, np.where(before[z] == value, 0, before[z]))
        return after

    for z in SLICES:
        for value, name in NAMES.items():
            yield Act(
                f"segment {name} on slice {z}",
                partial(desk.segment, z, name),
                becomes(partial(expected, z, value)),
            )


def brush(desk: Desk) -> Iterator[Act]:
    """A vesicle-coloured bar where none is near, and a hole in a mitochondrion, which is filled again."""
    z, y, x = free_place(desk.labels(), SLICES[2], VESICLE)
    start, end = (z, y, x - 8), (z, y, x + 8)
    yield Act("paint", partial(desk.paint, start, end, VESICLE, 9), stroke(start, end, VESICLE, 9))
    middle = large_object(desk.labels(), MITO)
    yield Act("erase", partial(desk.paint, middle, middle, 0, 5), stroke(middle, middle, 0, 5))
    beside = rim(desk.labels(), MITO, middle)
    fill = becomes(within(MITO, beside, lambda _, mask: ndimage.binary_fill_holes(mask)))
    yield Act("fill holes", partial(desk.use, Qt.Key.Key_H, beside), fill)


def parts(desk: Desk) -> Iterator[Act]:
    """An object is split, merged again, cut along a line; a part is relabelled, the other deleted."""
    z, y, x = free_place(desk.labels(), SLICES[3], VESICLE)
    left, right = (z, y, x - 7), (z, y, x + 7)
    yield Act(
        "paint a bar", partial(desk.paint, left, right, VESICLE, 9), stroke(left, right, VESICLE, 9)
    )
    yield Act("split", partial(desk.use, Qt.Key.Key_K, left, right), parted(left, right))
    yield Act("merge", partial(desk.use, Qt.Key.Key_J, left, right), joined(left, right))
    yield Act("cut", partial(cut, desk, (z, y - 9, x), (z, y + 9, x)), parted(left, right))
    yield Act(
        "relabel",
        partial(relabel, desk, left, MITO),
        becomes(lambda b: np.where(piece_at(b == VESICLE, left), MITO, b)),
    )
    yield Act(
        "delete",
        partial(desk.use, Qt.Key.Key_D, right, shift=True),
        becomes(lambda b: np.where(piece_at(b == VESICLE, right), 0, b)),
    )


def cut(desk: Desk, start: Voxel, end: Voxel) -> None:
    """Draw a line to cut along."""
    desk.viewer.layers.selection.active = desk.layer
    desk.show(start[0])
    desk.press(Qt.Key.Key_K, SHIFT)
    desk.drag(start, end)
    desk.finish()


def relabel(desk: Desk, voxel: Voxel, value: int) -> None:
    """Return an object another class."""
    desk.layer.selected_label = value
    desk.use(Qt.Key.Key_C, voxel, shift=True)


def shapes(desk: Desk) -> Iterator[Act]:
    """Objects are smoothed, grown and shrunk; small ones go."""
    for name, key, shift, change in (
        ("smooth", Qt.Key.Key_H, True, smoothed),
        ("grow", Qt.Key.Key_G, False, grown),
        ("shrink", Qt.Key.Key_G, True, shrunk),
    ):
        seed = large_object(desk.labels(), MITO)
        yield Act(
            name, partial(desk.use, key, seed, shift=shift), becomes(within(MITO, seed, change))
        )
    seed = large_object(desk.labels(), MITO)
    spot = free_place(desk.labels(), seed[0], MITO)
    yield Act(
        "paint a speck", partial(desk.paint, spot, spot, MITO, 5), stroke(spot, spot, MITO, 5)
    )
    small = becomes(without(MITO, seed[0], lambda sizes: sizes < SMALLEST))
    yield Act("delete small", partial(desk.use, Qt.Key.Key_F, seed, shift=True), small)
    seed = large_object(desk.labels(), MITO)
    yield Act(
        "grow through all slices",
        partial(through_all_slices, desk, seed),
        becomes(grown_through_slices(seed, SIZE[0] / SIZE[1])),
    )


def through_all_slices(desk: Desk, seed: Voxel) -> None:
    """Grow in 3-D."""
    desk.press(Qt.Key.Key_T, SHIFT)
    desk.use(Qt.Key.Key_G, seed)
    desk.press(Qt.Key.Key_T, SHIFT)


def back_and_forth(desk: Desk, states: list[Array]) -> Iterator[Act]:
    """Everything is undone and done again; `states` are those so far, the first first."""
    steps = len(states) - 1
    for number in reversed(range(steps)):
        yield Act("undo", desk.undo, becomes(lambda _, number=number: states[number]), -1)
    for number in range(1, steps + 1):
        yield Act("redo", desk.redo, becomes(lambda _, number=number: states[number]))


def lock(desk: Desk, predict: Predict) -> Iterator[Act]:
    """A locked class is safe from tools and from the model, though it may replace everything else."""
    z = SLICES[0]
    seed = rim(desk.labels(), MEMBRANE, (z, 0, 0))
    yield Act("lock", partial(desk.use, Qt.Key.Key_B, seed, shift=True), stays, 0)
    yield Act("delete what is locked", partial(desk.use, Qt.Key.Key_D, seed, shift=True), stays, 0)
    large = large_object(desk.labels(), MITO)
    yield Act(
        "delete",
        partial(desk.use, Qt.Key.Key_D, large, shift=True),
        becomes(lambda b: np.where(piece_at(b == MITO, large), 0, b)),
    )

    def expected(before: Array) -> Array:
        after, found = before.copy(), predict(large[0], NAMES[MITO])
        wanted = np.where(
            found == MITO, MITO, np.where(before[large[0]] == MITO, 0, before[large[0]])
        )
        after[large[0]] = np.where(before[large[0]] == MEMBRANE, MEMBRANE, wanted)
        return after

    yield Act(
        "segment over everything but what is locked",
        partial(replace, desk, large[0]),
        becomes(expected),
    )


def replace(desk: Desk, z: int) -> None:
    """Segment a slice, and let the model change the user's own pixels."""
    desk.session.choices.set_replace_edits(True)
    desk.segment(z, NAMES[MITO])
    desk.session.choices.set_replace_edits(False)


def review(desk: Desk) -> Iterator[Act]:
    """A slice that is reviewed is safe from the model."""
    z = SLICES[3]

    def reviewed(before: Array, after: Array) -> None:
        stays(before, after)
        there = np.asarray(desk.keeper.project.reviewed)
        np.testing.assert_array_equal(there.all(axis=(1, 2)), np.arange(len(after)) == z)
        np.testing.assert_array_equal(there.any(axis=(1, 2)), np.arange(len(after)) == z)

    yield Act("review", partial(mark, desk, z), reviewed, 0)
    middle = deepest(desk.labels()[z] == MITO, z, 3.0)
    yield Act(
        "erase in the reviewed slice",
        partial(desk.paint, middle, middle, 0, 5),
        stroke(middle, middle, 0, 5),
    )
    yield Act("segment the reviewed slice", partial(replace, desk, z), stays, 0)


def mark(desk: Desk, z: int) -> None:
    """Mark a slice as reviewed."""
    desk.show(z)
    desk.press(Qt.Key.Key_R, SHIFT)


def propagate(desk: Desk) -> Iterator[Act]:
    """An object is pointed at and accepted; another is propagated through the neighbouring slices, past what is safe."""
    z, y, x = large_object(desk.labels()[: SLICES[3]], MITO)
    objects: list[tuple[int, Any]] = []

    def written(before: Array, after: Array) -> None:
        expected = before.copy()
        for number, patch in objects:
            rows, columns = (
                slice(start, start + n)
                for start, n in zip((patch.y, patch.x), patch.mask.shape, strict=True)
            )
            inside = expected[number, rows, columns]
            free = (
                patch.mask
                & (inside != MEMBRANE)
                & (np.asarray(desk.keeper.project.reviewed)[number, rows, columns] == 0)
            )
            inside[free] = OBJECT
        np.testing.assert_array_equal(after, expected)

    yield Act("accept an object", partial(accept, desk, (z, y, x), objects), written)
    yield Act("propagate an object", partial(follow, desk, (z, y, x), objects), written)


def prompt(desk: Desk, voxel: Voxel) -> None:
    """Point at an object, and see it."""
    desk.show(voxel[0])
    desk.press(Qt.Key.Key_O, SHIFT)
    desk.session.part(Accepting).choose_target(
        next(spec for spec in desk.session.choices.classes if spec.id == OBJECT)
    )
    desk.finish()
    desk.click(voxel)
    desk.finish()
    desk.wait(lambda: desk.prompting.found is not None)


def accept(desk: Desk, voxel: Voxel, objects: list[tuple[int, Any]]) -> None:
    """Return the object pointed at to a class."""
    prompt(desk, voxel)
    objects[:] = [(voxel[0], desk.prompting.found.patch)]
    desk.press(Qt.Key.Key_Return)
    desk.finish()
    desk.press(Qt.Key.Key_O, SHIFT)


def follow(desk: Desk, voxel: Voxel, objects: list[tuple[int, Any]]) -> None:
    """Propagate the object pointed at through the slices on both sides."""
    prompt(desk, voxel)
    desk.session.part(Propagating).limit(3)
    accepting = desk.session.part(Accepting)
    write = accepting.write

    def look(request: Any, patches: Any, where: str) -> None:
        objects[:] = [(plane.position, patch) for plane, patch in patches]
        write(request, patches, where)

    accepting.write = look
    desk.press(Qt.Key.Key_E, SHIFT)
    desk.finish()
    accepting.write = write
    desk.press(Qt.Key.Key_O, SHIFT)
