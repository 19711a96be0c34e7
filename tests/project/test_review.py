from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_scsam.io.saved.saved_array import SavedArray
from napari_scsam.project.review import (
    Outlines,
    count_values,
    find_reviewed,
    outline,
    review_slice,
    review_steps,
)

SHAPE = (5, 40, 60)


@pytest.fixture
def mask(tmp_path: Path) -> SavedArray:
    return SavedArray(
        zarr.create_array(
            tmp_path / "mask", shape=SHAPE, chunks=(1, 32, 32), dtype="uint8", fill_value=0
        )
    )


def test_a_slice_is_counted_by_class():
    labels, reviewed = np.zeros((10, 10), np.uint8), np.zeros((10, 10), np.uint8)
    labels[:4], labels[4:6], reviewed[3:] = 2, 5, 1
    found = review_slice(labels, reviewed)
    assert (found.size, found.reviewed, found.share) == (100, 70, 0.7)
    assert (dict(found.found), dict(found.kept)) == ({2: 40, 5: 20}, {2: 10, 5: 20})
    assert count_values(labels.astype(np.int64)) == count_values(labels)


def test_only_slices_that_hold_something_are_looked_at(mask, tmp_path):
    labels = SavedArray(
        zarr.create_array(
            tmp_path / "labels", shape=SHAPE, chunks=(1, 32, 32), dtype="uint8", fill_value=0
        )
    )
    labels[1, 3, 3] = 4
    labels.flush()
    mask[3] = 1
    assert [(z, s.reviewed) for z, s in review_steps(SavedArray(labels.stored), mask)] == [
        (1, 0),
        (3, 2400),
    ]


def test_a_slice_reviewed_as_a_whole_has_a_frame(mask):
    mask[2] = 1
    mask[3, 10:20, 10:30] = 1
    outlines = Outlines(mask)
    assert outlines.shape == SHAPE
    whole, part = outlines[2], outlines[(3, slice(None), slice(None))]
    assert whole[0].all()
    assert whole[:, -1].all()
    assert not whole[1:-1, 1:-1].any()
    assert part.sum() == 2 * 20 + 2 * 8
    assert not outlines[0].any()
    assert outlines[:, 15, :].shape == (5, 60), "seen along another axis"
    assert outlines[:, 15, :][3, 10:30].all()
    np.testing.assert_array_equal(outlines[...], mask[...])


def test_a_mask_thinner_than_its_line_is_all_line():
    np.testing.assert_array_equal(outline(np.ones((3, 3), np.uint8), 2), np.ones((3, 3), np.uint8))


def test_the_mask_beside_labels_is_found(tmp_path):
    (tmp_path / "a.zarr" / "labels" / "classes").mkdir(parents=True)
    assert find_reviewed(tmp_path / "a.zarr" / "labels" / "classes") is None
    (mask := tmp_path / "a.zarr" / "labels" / "reviewed").mkdir()
    assert find_reviewed(tmp_path / "a.zarr" / "labels" / "classes") == mask
    assert find_reviewed(tmp_path / "a.zarr") == mask
    assert find_reviewed(mask) is None
    assert find_reviewed(tmp_path / "labels.tif") is None
    (tmp_path / "reviewed.tif").touch()
    assert find_reviewed(tmp_path / "labels.tif") == tmp_path / "reviewed.tif"
    assert find_reviewed(tmp_path / "other.tif") is None
