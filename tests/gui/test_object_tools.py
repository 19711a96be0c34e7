from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_scsam.gui.object_tools import (
    BY_NAME,
    GRID,
    GROW,
    MERGE,
    OBJECT_TOOLS,
    RELABEL,
    SPLIT,
    Pointing,
    ToolInput,
    describe_size,
)
from napari_scsam.objects.boxes import LabelBoxes, tally
from napari_scsam.objects.place import Place
from napari_scsam.steps import drive


@pytest.mark.parametrize(
    ("whole", "in_micrometres", "text"),
    [
        (False, False, "12 pixels"),
        (True, False, "12 voxels"),
        (False, True, "12.3457 µm²"),
        (True, True, "12.345678 µm³"),
    ],
)
def test_sizes_are_written_with_unit_and_decimals(whole, in_micrometres, text):
    assert describe_size(12.345678, whole=whole, in_micrometres=in_micrometres) == text


def test_names_keys_and_buttons_are_unique():
    for field in ("name", "key", "label", "title"):
        values = [getattr(tool, field) for tool in OBJECT_TOOLS]
        assert len(set(values)) == len(OBJECT_TOOLS), field
    assert len(BY_NAME) == len(OBJECT_TOOLS)
    assert {tool.name for row in GRID for tool in row} < set(BY_NAME)


def test_only_tools_with_two_places_ask_for_a_second():
    for tool in OBJECT_TOOLS:
        assert bool(tool.then) == (tool.pointing is Pointing.TWO_PLACES), tool.name


def test_what_a_tool_did_names_the_object():
    for tool in OBJECT_TOOLS:
        if tool.run is not None:
            assert "Xyz" in tool.done.format(object="Xyz", label="Abc"), tool.name


def place(data: np.ndarray) -> Place:
    within = tuple(slice(0, n) for n in data.shape)
    return Place(data, within, (1.0,) * data.ndim, boxes=LabelBoxes(tally(data)))


def run(tool, data: np.ndarray, given: ToolInput) -> np.ndarray:
    edit = drive(tool.run(place(data), given))
    after = data.copy()
    after[edit.indices] = edit.after
    return after


@pytest.fixture
def data() -> np.ndarray:
    made = np.zeros((24, 30), np.uint8)
    made[8:14, 4:10] = 3
    made[8:14, 10:16] = 6
    return made


@pytest.mark.parametrize("radius", [1, 3])
def test_grow_gets_the_radius(data, radius):
    after = run(GROW, data, ToolInput((9, 5), radius=radius, label=99))
    near = ndimage.distance_transform_edt(data != 3) <= radius
    np.testing.assert_array_equal(after, np.where(near & (data == 0), 3, data))


def test_merge_keeps_the_label_of_the_first_place(data):
    after = run(MERGE, data, ToolInput((9, 5), (9, 12)))
    np.testing.assert_array_equal(after, np.where(data == 6, 3, data))
    after = run(MERGE, data, ToolInput((9, 12), (9, 5)))
    np.testing.assert_array_equal(after, np.where(data == 3, 6, data))


def test_split_keeps_the_label_at_the_first_place(data):
    joined = np.where(data == 6, 3, data)
    after = run(SPLIT, joined, ToolInput((10, 15), (10, 4)))
    np.testing.assert_array_equal(after > 0, joined > 0)
    assert after[10, 15] == 3
    assert after[10, 4] == 4, "the next unused label"


def test_relabel_gets_the_selected_label(data):
    after = run(RELABEL, data, ToolInput((9, 5), label=200))
    np.testing.assert_array_equal(after, np.where(data == 3, 200, data))
