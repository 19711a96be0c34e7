"""Touching objects are split at necks, and the blocks do not matter."""

from __future__ import annotations

import numpy as np
import pytest
import scipy
import zarr
from ram import folder_in_memory

from napari_scsam import find_instances
from napari_scsam.config import ClassSpec
from napari_scsam.io.labels import write_labels
from napari_scsam.objects.components import small_components
from napari_scsam.steps import drive
from napari_scsam.volume.instances.basins import HEIGHT_STEPS, REACH, halo_of, heights_of
from napari_scsam.volume.instances.components import multilabel_components

MITO = {1: "mitochondrion"}


def balls(shape, centres, radius, size=(1, 1, 1)):
    places = np.meshgrid(
        *(np.arange(n) * s for n, s in zip(shape, size, strict=True)), indexing="ij"
    )
    found = np.zeros(shape, np.uint8)
    for centre in centres:
        found |= sum((p - c) ** 2 for p, c in zip(places, centre, strict=True)) <= radius**2
    return found


def split(labels, most, **options):
    options = {"classes": MITO, "smallest": 1, **options}
    with folder_in_memory() as folder:
        out = folder / "out.zarr"
        drive(find_instances(labels, out, watershed=True, most_voxels=most, **options))
        return zarr.open_array(out / "labels/mitochondrion/0", mode="r")[...]


@pytest.mark.parametrize("most", [10**6, 5000])
def test_two_balls_that_touch_are_two_objects(most):
    labels = balls((30, 40, 60), [(15, 20, 15), (15, 20, 34)], 12)
    got = split(labels, most)
    assert np.array_equal(got > 0, labels > 0)
    assert np.bincount(got.ravel())[1:].tolist() == [labels.sum() / 2] * 2


def test_two_balls_in_one_another_are_one_object():
    assert split(balls((30, 40, 60), [(15, 20, 20), (15, 20, 30)], 12), 5000).max() == 1


def test_anisotropic_voxels_count_in_physical_units():
    labels = balls((20, 60, 90), [(120, 140, 120), (120, 140, 270)], 90, (16, 5, 5))
    with folder_in_memory() as folder:
        write_labels(folder / "in.zarr", labels, (16, 5, 5), [ClassSpec(1, "mitochondrion")])
        counts = drive(find_instances(folder / "in.zarr", folder / "o.zarr", watershed=True))
    assert counts == {"mitochondrion": 2}


@pytest.mark.parametrize("shape", [(16, 30, 32), (60, 70)])
def test_blocks_do_not_matter(shape):
    noise = scipy.ndimage.gaussian_filter(np.random.default_rng(3).random(shape), 2.5)
    labels = (noise > np.quantile(noise, 0.55)).astype(np.uint8)
    whole = split(labels, 10**7, smallest=20)
    assert multilabel_components(labels, corners=True).max() < whole.max()
    small = small_components(labels > 0, 20)
    assert np.array_equal(whole > 0, (labels > 0) & ~small)  # nothing is lost by splitting
    for most in (3000,) if len(shape) == 3 else (1500, 600):
        np.testing.assert_array_equal(split(labels, most, smallest=20), whole)


def test_values_are_split_by_themselves():
    labels = balls((30, 40, 60), [(15, 20, 15), (15, 20, 34)], 12)
    labels[:, 20:] *= 2
    with folder_in_memory() as folder:
        counts = drive(find_instances(labels, folder / "o.zarr", watershed=True, most_voxels=9000))
    assert counts == {"object": 4}


def test_holes_are_filled_before_objects_are_split():
    labels = balls((30, 40, 60), [(15, 20, 15), (15, 20, 34)], 12)
    holed = labels.copy()
    holed[13:18, 18:23, 13:17] = 0
    holed[14:17, 19:22, 33:36] = 0
    got = split(holed, 9000, fill_holes=True)
    np.testing.assert_array_equal(got, split(labels, 10**6))


def test_heights_are_distances_up_to_the_reach():
    mask = np.zeros((9, 90, 90), np.uint8)
    mask[:, 5:85, 5:85] = 1
    heights = heights_of(multilabel_components(mask, corners=True), (4, 1, 1))
    expected = scipy.ndimage.distance_transform_edt(mask, sampling=(4, 1, 1))
    np.testing.assert_array_equal(heights, np.rint(np.minimum(expected, REACH) * HEIGHT_STEPS))


def test_a_halo_is_as_wide_as_the_reach():
    assert halo_of((8, 4, 4)) == (REACH // 2 + 1, REACH + 1, REACH + 1)


def test_slabs_are_split_as_cubes_are():
    """A TIFF is read in slabs, whose halo would be many times the slab."""
    labels = balls((40, 48, 48), [(20, 24, 15), (20, 24, 30)], 9)
    with folder_in_memory() as folder:
        write_labels(folder / "in.tif", labels, None, [ClassSpec(1, "mitochondrion")])
        steps = find_instances(
            folder / "in.tif", folder / "o.zarr", watershed=True, most_voxels=5000
        )
        what = {step.what for step in steps}
        got = zarr.open_array(folder / "o.zarr/labels/mitochondrion/0", mode="r")[...]
    assert "finding whole objects" in what
    np.testing.assert_array_equal(got, split(labels, 10**7))
    assert got.max() == 2
