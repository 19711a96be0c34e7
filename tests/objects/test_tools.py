from __future__ import annotations

import contextlib
from functools import partial

import numpy as np
import pytest
import zarr

from napari_scsam.config import UserError
from napari_scsam.objects.boxes import LabelBoxes, tally
from napari_scsam.objects.cuts import wall_along
from napari_scsam.objects.place import Place
from napari_scsam.objects.tools import (
    cut,
    delete,
    fill_holes,
    grow,
    keep_largest,
    merge,
    relabel,
    shrink,
    smooth,
    split,
)
from napari_scsam.steps import drive

SPACING = (5.0, 1.0, 1.0)


def scene() -> np.ndarray:
    """Two balls that touch, a third apart, all label 1; a ball of label 2."""
    z, y, x = np.ogrid[:12, :60, :90]
    data = np.zeros((12, 60, 90), np.uint8)
    for (cy, cx), value in (((30, 20), 1), ((30, 38), 1), ((30, 62), 1), ((12, 70), 2)):
        data[(5 * (z - 6)) ** 2 + (y - cy) ** 2 + (x - cx) ** 2 <= 100] = value
    return data


@pytest.fixture(params=["numpy", "zarr"])
def data(request):
    labels = scene()
    if request.param == "numpy":
        return labels
    array = zarr.create_array(
        store=zarr.storage.MemoryStore(), shape=labels.shape, chunks=(4, 32, 32), dtype="uint8"
    )
    array[...] = labels
    return array


def place(data, *, classes=False, axis=None, at=6, locked=()) -> Place:
    within = [slice(0, n) for n in data.shape]
    if axis is not None:
        within[axis] = slice(at, at + 1)
    return Place(
        data,
        tuple(within),
        SPACING,
        classes,
        None if classes else LabelBoxes(tally(np.asarray(data[...]))),
        locked,
    )


def applied(data, tool) -> np.ndarray:
    """What the array would be; the array itself must not change."""
    before = np.array(data[...])
    edit = drive(tool)
    np.testing.assert_array_equal(np.asarray(data[...]), before)
    np.testing.assert_array_equal(before[edit.indices], edit.before)
    assert (edit.before != edit.after).all()
    before[edit.indices] = edit.after
    return before


def test_delete_means_the_label_or_what_hangs_together(data):
    everything = applied(data, delete(place(data), (6, 30, 20)))
    assert set(np.unique(everything)) == {0, 2}
    pair = applied(data, delete(place(data, classes=True), (6, 30, 20)))
    np.testing.assert_array_equal(pair[:, :, 50:], scene()[:, :, 50:])
    assert not pair[:, :, :50].any()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_in_a_slice_all_other_slices_stay(data, axis):
    seed = (6, 30, 20)
    tools = [delete, partial(relabel, value=7), partial(grow, by=3), partial(shrink, by=2)]
    for classes in (False, True):
        for tool in tools:
            after = applied(
                data, tool(place(data, classes=classes, axis=axis, at=seed[axis]), seed)
            )
            changed = np.flatnonzero(
                (after != scene()).any(axis=tuple(a for a in range(3) if a != axis))
            )
            assert changed.tolist() == [seed[axis]]


def test_merging_instances_and_classes(data):
    after = applied(data, merge(place(data), (6, 30, 20), (6, 12, 70)))
    assert set(np.unique(after)) == {0, 1}
    np.testing.assert_array_equal(after > 0, scene() > 0)
    bridged = applied(data, merge(place(data, classes=True), (6, 30, 20), (6, 30, 62)))
    assert bridged[6, 30, 10:72].all()
    assert 0 < np.count_nonzero(bridged) - np.count_nonzero(scene()) < 300
    recoloured = applied(data, merge(place(data, classes=True), (6, 12, 70), (6, 30, 62)))
    assert set(np.unique(recoloured[:, :, 52:])) == {0, 2}


def test_what_cannot_be_merged_is_said(data):
    with pytest.raises(UserError, match="both points are on one object"):
        drive(merge(place(data), (6, 30, 20), (6, 30, 62)))
    with pytest.raises(UserError, match="both points are on one object"):
        drive(merge(place(data, classes=True), (6, 30, 20), (6, 30, 38)))


def test_splitting_gives_a_new_label_or_a_gap(data):
    after = applied(data, split(place(data), (6, 30, 18), (6, 30, 40)))
    assert (after[6, 30, 18], after[6, 30, 40], after[6, 30, 62]) == (1, 3, 1)
    np.testing.assert_array_equal(after > 0, scene() > 0)
    gap = applied(data, split(place(data, classes=True), (6, 30, 18), (6, 30, 40)))
    left = applied(gap, delete(place(gap, classes=True), (6, 30, 18)))
    assert left[6, 30, 40] == 1
    assert not left[6, 30, 18]


def test_splits_that_cannot_be_are_said(data):
    with pytest.raises(UserError, match="different objects"):
        drive(split(place(data), (6, 30, 18), (6, 12, 70)))
    with pytest.raises(UserError, match="same pixel"):
        drive(split(place(data), (6, 30, 18), (6, 30, 18)))
    full = np.arange(256, dtype=np.uint8).reshape(1, 16, 16).repeat(2, 2)
    with pytest.raises(UserError, match="all labels up to 255 are in use"):
        drive(split(place(full), (0, 3, 0), (0, 3, 1)))


@pytest.mark.parametrize("axis", [None, 0])
def test_cutting_along_a_line(data, axis):
    wall = wall_along([(10, 29), (50, 29)], (60, 90))[None]
    where = (slice(6, 7), slice(0, 60), slice(0, 90))
    after = applied(data, cut(place(data, axis=axis), (6, 30, 18), wall, where))
    part = after[6, 20:40, 30:48]
    assert set(np.unique(part[scene()[6, 20:40, 30:48] > 0])) == {3} or after[6, 30, 18] == 3
    assert (after[5] == 3).any() == (axis is None)


def test_the_other_tools_change_only_their_object(data):
    for tool in (partial(smooth, by=2), partial(grow, by=2), partial(shrink, by=2)):
        after = applied(data, tool(place(data, classes=True), (6, 12, 70)))
        assert (after != scene()).any()
        np.testing.assert_array_equal(after == 1, scene() == 1)
    assert np.count_nonzero(
        applied(data, keep_largest(place(data), (6, 30, 62))) == 1
    ) < np.count_nonzero(scene() == 1)
    with pytest.raises(UserError, match="no hole"):
        drive(fill_holes(place(data), (6, 12, 70)))


def test_keep_largest_touches_no_other_object_of_a_class(data):
    with pytest.raises(UserError, match="one piece"):
        drive(keep_largest(place(data, classes=True), (6, 30, 62)))
    after = applied(data, keep_largest(place(data), (6, 30, 62)))
    assert not after[6, 30, 62]
    assert after[6, 30, 20] == 1


def test_locked_labels_stay(data):
    labels = np.array(data[...])
    labels[6, 30, 25:32] = 2
    after = applied(labels, grow(place(labels, classes=True, locked=(2,)), (6, 30, 20), 2))
    np.testing.assert_array_equal(after == 2, labels == 2)
    everything = applied(labels, keep_largest(place(labels, locked=(2,)), (6, 30, 20)))
    np.testing.assert_array_equal(everything == 2, labels == 2)


def test_the_first_step_tells_what_it_takes_before_anything_is_read(data):
    first = next(delete(place(data), (6, 12, 70)))
    assert 0 < first.total < 3 * 21 * 21 + 1000


@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("when", [1, 2])
@pytest.mark.parametrize(
    "tool",
    [
        delete,
        partial(relabel, value=7),
        partial(shrink, by=2),
        partial(grow, by=2),
        partial(split, second=(6, 30, 40)),
    ],
    ids=["delete", "relabel", "shrink", "grow", "split"],
)
def test_what_is_painted_between_two_steps_stays(classes, when, tool):
    """On a thread, a tool reads while the user paints: before it finds its object, or after."""
    data = scene()
    steps = tool(place(data, classes=classes), (6, 30, 20))
    for _ in range(when):
        next(steps)
    data[6, 24:36, 14:26] = 9
    painted = data.copy()
    edit = None
    with contextlib.suppress(UserError):  # nothing is written then
        edit = drive(steps)
    if edit is None:
        return
    painted[edit.indices] = edit.after
    np.testing.assert_array_equal(painted == 9, data == 9)
    np.testing.assert_array_equal(painted == 2, data == 2)
