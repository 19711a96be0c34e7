"""Objects are the same whatever the blocks are, and wherever they are measured."""

from __future__ import annotations

import pickle
from dataclasses import fields
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_scsam.config import UserError
from napari_scsam.io.volumes import as_volume, open_labels
from napari_scsam.steps import Progress, drive
from napari_scsam.volume.blocks import BlockPlan
from napari_scsam.volume.instances.source import LabelSource
from napari_scsam.volume.measure.collect import Measured, collect_sums, measure_block
from napari_scsam.volume.measure.sums import ObjectSums


def collected(
    labels: np.ndarray,
    sides: tuple[int, ...],
    image: np.ndarray | None = None,
    size: tuple[float, ...] = (3.0, 1.5, 2.0),
) -> ObjectSums:
    plan = BlockPlan(labels.shape, tuple(map(min, sides, labels.shape)))
    grey = None if image is None else LabelSource(as_volume(image))
    source = LabelSource(as_volume(labels))
    return drive(collect_sums(Measured(source, grey, plan, size[-labels.ndim :])))


def assert_same(one: ObjectSums, other: ObjectSums) -> None:
    """Integers are the same bit by bit, other numbers but for rounding."""
    for field in fields(one):
        ones, others = getattr(one, field.name), getattr(other, field.name)
        if field.name == "parts":
            continue
        if ones.dtype.kind in "iu":
            assert np.array_equal(ones, others), field.name
        else:
            scale = max(1.0, np.abs(ones[np.isfinite(ones)]).max(initial=0))
            np.testing.assert_allclose(ones, others, rtol=1e-9, atol=1e-9 * scale)


@st.composite
def volumes(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """Objects of any form, also of several pieces; grey values; and sides of blocks."""
    ndim = draw(st.integers(2, 3))
    shape = tuple(draw(st.lists(st.integers(5, 12), min_size=ndim, max_size=ndim)))
    sides = tuple(draw(st.lists(st.integers(1, 12), min_size=ndim, max_size=ndim)))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    ids = np.array([0, 1, 7, 2**40], np.uint64)
    labels = ids[random.integers(0, 4, shape) * (random.random(shape) < draw(st.floats(0, 1)))]
    return labels, random.normal(100, 10, shape), sides


@given(volumes())
@settings(max_examples=40, deadline=None)
def test_blocks_make_no_difference(
    given_volume: tuple[np.ndarray, np.ndarray, tuple[int, ...]],
) -> None:
    labels, image, sides = given_volume
    assert_same(collected(labels, labels.shape, image), collected(labels, sides, image))


def test_far_from_the_corner_of_a_volume_nothing_is_lost() -> None:
    small = np.zeros((4, 6, 8), np.uint8)
    small[1:3, 1:4, 1:7] = 1
    far = np.zeros((4, 6, 200_000), np.uint8)
    far[..., -8:] = small
    near = collected(small, (4, 6, 8))
    found = collected(far, (4, 6, 50_001))
    np.testing.assert_allclose(found.spread, near.spread, rtol=1e-12)
    assert found.low.tolist() == [[1, 1, 199_993]]
    assert found.surface == pytest.approx(near.surface)


def test_progress_counts_blocks() -> None:
    source = LabelSource(as_volume(np.ones((4, 9, 5), np.uint8)))
    measured = Measured(source, None, BlockPlan((4, 9, 5), (2, 9, 5)), (1.0, 1.0, 1.0))
    steps = list(collect_sums(measured, what="ER"))
    assert steps == [Progress(done, 2, "ER") for done in (0, 1, 2)]


class Counted:
    """An array that counts how often each voxel is read."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values
        self.reads = np.zeros(values.shape, int)
        self.shape = values.shape
        self.dtype = values.dtype

    def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
        self.reads[key] += 1
        return self.values[key]


def test_each_voxel_of_labels_and_image_is_read_once() -> None:
    labels = Counted(np.random.default_rng(0).integers(0, 3, (7, 11, 13)).astype(np.uint8))
    image = Counted(labels.values * 9.0)
    sources = LabelSource(as_volume(labels)), LabelSource(as_volume(image))
    plan = BlockPlan(labels.shape, (3, 4, 5))
    drive(collect_sums(Measured(*sources, plan, (1.0, 1.0, 1.0))))
    assert (labels.reads == 1).all()
    assert (image.reads == 1).all()


def test_negative_ids_are_told() -> None:
    with pytest.raises(UserError, match="hold -4, but objects have numbers above 0"):
        collected(np.full((5, 6, 7), -4, np.int16), (5, 6, 7))


def test_a_task_can_be_sent_to_another_process(tmp_path: Path) -> None:
    labels = np.uint16(np.random.default_rng(0).integers(0, 9, (6, 20, 30)))
    tifffile.imwrite(tmp_path / "labels.tif", labels, photometric="minisblack")
    source = LabelSource(open_labels(tmp_path / "labels.tif"))
    plan = BlockPlan(labels.shape, (3, 20, 30))
    task = partial(measure_block, Measured(source, None, plan, (1.0, 1.0, 1.0)))
    there = pickle.loads(pickle.dumps(task))  # noqa: S301  # as dask does
    part = pickle.loads(pickle.dumps(there(plan[1])))  # noqa: S301
    assert_same(part.sums, task(plan[1]).sums)


@pytest.mark.emdata
def test_blocks_make_no_difference_to_real_bodies(emdata: Path) -> None:
    path = emdata / "medulla_unlabelled" / "training_sample2_bodies.tif"
    labels = tifffile.imread(path)[:80, :120, :140]
    size = (10.0, 10.0, 10.0)
    whole = collected(labels, labels.shape, size=size)
    assert_same(whole, collected(labels, (33, 64, 50), size=size))
    counts = np.bincount(labels.reshape(-1))
    assert whole.voxels.tolist() == counts[whole.ids.astype(int)].tolist()
