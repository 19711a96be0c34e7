"""The synthetic cell: same seed, same cell; the truth agrees with the picture; objects run through the slices."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_scsam.config import UserError
from napari_scsam.samples.phantom import PHANTOM_CLASSES, Phantom, make_phantom

ID = {c.name: c.id for c in PHANTOM_CLASSES}
SHAPE = (12, 384, 384)


@pytest.fixture(scope="module")
def cell() -> Phantom:
    return make_phantom(SHAPE, seed=1)


def mean_grey(cell: Phantom, name: str) -> float:
    return float(cell.image[cell.labels == ID[name]].mean())


def test_image_and_labels_have_the_shape_asked(cell: Phantom) -> None:
    assert cell.image.shape == cell.labels.shape == SHAPE
    assert cell.image.dtype == cell.labels.dtype == np.uint8
    assert cell.voxel_size == (20.0, 8.0, 8.0)


def test_the_first_classes_are_those_of_the_shipped_model() -> None:
    assert [c.name for c in PHANTOM_CLASSES[:6]] == [
        "mitochondrion",
        "mitochondrial_boundary",
        "vesicle",
        "PSD",
        "myelin",
        "membrane",
    ]
    assert [c.id for c in PHANTOM_CLASSES] == list(range(1, 10))


def test_every_class_is_there(cell: Phantom) -> None:
    voxels = np.bincount(cell.labels.ravel(), minlength=10)
    assert voxels[1:].min() > 5000
    assert voxels[0] > 0.3 * cell.labels.size


def test_same_seed_same_cell_and_another_seed_another() -> None:
    first, again, other = (make_phantom((3, 128, 128), seed=s) for s in (7, 7, 8))
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert np.any(first.labels != other.labels)


@pytest.mark.parametrize(
    "name", ["membrane", "PSD", "myelin", "granule", "mitochondrial_boundary", "mitochondrion"]
)
def test_dense_structures_are_darker_than_cytoplasm(cell: Phantom, name: str) -> None:
    assert mean_grey(cell, name) < cell.image[cell.labels == 0].mean() - 15


def test_grey_alone_does_not_give_the_labels_away(cell: Phantom) -> None:
    ground = cell.image[cell.labels == 0]
    mitochondria = cell.image[cell.labels == ID["mitochondrion"]]
    assert np.quantile(mitochondria, 0.9) > np.quantile(ground, 0.1)


@pytest.mark.parametrize(
    ("name", "overlap"),
    [("mitochondrion", 0.7), ("nucleus", 0.9), ("membrane", 0.6), ("myelin", 0.8)],
)
def test_objects_run_through_the_slices(cell: Phantom, name: str, overlap: float) -> None:
    mask = cell.labels == ID[name]
    both = (mask[1:] & mask[:-1]).sum()
    assert 2 * both / (mask[1:].sum() + mask[:-1].sum()) > overlap


def test_mitochondria_are_wrapped_in_their_boundary(cell: Phantom) -> None:
    inside = cell.labels == ID["mitochondrion"]
    rim = ndimage.binary_dilation(inside) & ~inside
    assert set(np.unique(cell.labels[rim])) == {ID["mitochondrial_boundary"]}


def test_brightness_is_uneven(cell: Phantom) -> None:
    ground = np.where(cell.labels == 0, cell.image.astype(float), np.nan)
    per_slice = np.nanmean(ground, axis=(1, 2))
    assert per_slice.std() > 0.5


def test_a_wider_view_holds_more_organelles() -> None:
    wide, near = (make_phantom((2, 256, 256), (20.0, size, size), seed=2) for size in (16.0, 8.0))
    mitochondria = [ndimage.label(p.labels == ID["mitochondrion"])[1] for p in (wide, near)]
    assert mitochondria[0] >= 2 * mitochondria[1] > 0


@pytest.mark.parametrize("shape", [(1, 32, 32), (1, 40, 333), (5, 64, 33)])
def test_small_and_odd_shapes_work(shape: tuple[int, int, int]) -> None:
    small = make_phantom(shape, seed=3)
    assert small.image.shape == small.labels.shape == shape
    assert small.image.std() > 5


@pytest.mark.parametrize("shape", [(0, 64, 64), (4, 31, 64), (64, 64)])
def test_impossible_shapes_are_told(shape: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match="use at least"):
        make_phantom(shape)  # type: ignore[arg-type]
