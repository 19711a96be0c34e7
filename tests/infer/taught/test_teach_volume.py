from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.infer.taught.teach_volume import slices_with_strokes
from napari_scsam.io.volumes import Volume, as_volume
from napari_scsam.project.strokes import BESIDE, ON


def strokes(*values: Sequence[int]) -> Volume:
    """Return strokes, a slice for each list of values."""
    planes = np.zeros((len(values), 2, 4), np.int16)
    for plane, drawn in zip(planes, values, strict=True):
        plane[0, : len(drawn)] = drawn
    return as_volume(planes)


def test_slices_that_mark_the_class_come_first() -> None:
    drawn = strokes([BESIDE], [ON], [], [ON, BESIDE], [BESIDE])
    assert slices_with_strokes(drawn, None) == [1, 3, 0, 4]


def test_only_some_slices_count() -> None:
    drawn = strokes([BESIDE], [ON], [], [ON, BESIDE], [BESIDE])
    assert slices_with_strokes(drawn, [4, 3]) == [3, 4]


@pytest.mark.parametrize("chosen", [None, [0, 1]])
def test_strokes_beside_the_class_alone_teach_nothing(chosen: list[int] | None) -> None:
    with pytest.raises(UserError, match="no stroke marks the class"):
        slices_with_strokes(strokes([BESIDE], []), chosen)


@pytest.mark.parametrize("z", [-1, 2])
def test_a_slice_that_does_not_exist_is_refused(z: int) -> None:
    with pytest.raises(UserError, match=f"no slice {z}; choose slices from 0 to 1"):
        slices_with_strokes(strokes([ON], [ON]), [z])


@pytest.mark.parametrize("value", [3, 255, -1])
def test_another_value_is_no_stroke(value: int) -> None:
    with pytest.raises(UserError, match=f"slice 1 of the strokes has the value {value};"):
        slices_with_strokes(strokes([ON], [ON, value]), None)


def test_values_on_slices_that_do_not_count_do_no_harm() -> None:
    assert slices_with_strokes(strokes([ON], [7]), [0]) == [0]
