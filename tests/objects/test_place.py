from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.objects import place as objects
from napari_scsam.objects.boxes import LabelBoxes, box_size, tally
from napari_scsam.objects.place import Place, overlap


def finish(steps):
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value


def everything(data) -> tuple[slice, ...]:
    return tuple(slice(0, n) for n in data.shape)


def snake() -> np.ndarray:
    """A thin thing that winds through the whole volume, and a twin of its class that it does not touch."""
    data = np.zeros((60, 70, 80), np.uint8)
    data[5, 2:68, 3] = data[5, 67, 3:78] = data[5:58, 67, 77] = 2
    data[30:32, 30:32, 30:32] = 2
    data[30, 30, 33:36] = 1
    return data


def test_a_component_is_followed_wherever_it_winds():
    data = snake()
    found = finish(Place(data, everything(data), (1, 1, 1), classes=True).find((5, 2, 3)))
    assert found.voxels == np.count_nonzero(data == 2) - 8
    assert found.box == (slice(5, 58), slice(2, 68), slice(3, 78))
    assert found.has((57, 67, 77))
    assert not found.has((30, 30, 30))


def test_only_the_neighbourhood_is_read():
    data, read = snake(), []

    class Spy:
        shape = data.shape

        def __getitem__(self, key):
            read.append(data[key].size)
            return data[key]

    found = finish(Place(Spy(), everything(data), (1, 1, 1), classes=True).find((30, 31, 31)))
    assert found.voxels == 8
    assert sum(read) <= (2 * objects.FIRST_MARGIN + 1) ** 3 + 1


def test_a_place_of_one_slice_sees_no_other():
    data = snake()
    slice_5 = (slice(5, 6), slice(0, 70), slice(0, 80))
    found = finish(Place(data, slice_5, (1, 1, 1), classes=True).find((5, 2, 3)))
    assert found.voxels == np.count_nonzero(data[5] == 2)


def test_an_instance_is_its_label_wherever_it_lies():
    data = snake()
    for boxes in (None, LabelBoxes(tally(data))):
        found = finish(Place(data, everything(data), (1, 1, 1), boxes=boxes).find((30, 30, 30)))
        assert found.voxels == np.count_nonzero(data == 2)
        wide = tuple(slice(0, n) for n in data.shape)
        np.testing.assert_array_equal(found.mask_in(wide), data == 2)


def test_background_and_giants_are_refused(monkeypatch):
    data = snake()
    with pytest.raises(UserError, match="no object under the mouse"):
        finish(Place(data, everything(data), (1, 1, 1)).find((0, 0, 0)))
    monkeypatch.setattr(objects, "MAX_BOX_VOXELS", 40**3)
    with pytest.raises(UserError, match="slice by slice"):
        finish(Place(data, everything(data), (1, 1, 1), classes=True).find((5, 2, 3)))


def test_margins_follow_the_spacing_and_stay_within():
    data = np.zeros((9, 50, 50))
    place = Place(data, (slice(4, 6), slice(0, 50), slice(0, 50)), (5, 1, 1))
    assert place.around((slice(4, 5), slice(20, 30), slice(1, 49)), 6) == (
        slice(4, 6),
        slice(14, 36),
        slice(0, 50),
    )
    assert box_size(overlap((slice(0, 3),), (slice(5, 9),))) == 0
