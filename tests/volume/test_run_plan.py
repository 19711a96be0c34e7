"""What is labelled: slices, regions, averages; and that only this is done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from napari_scsam.config import UserError
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io import label_pyramid
from napari_scsam.io.label_pyramid import shard_shape
from napari_scsam.io.volumes import as_volume, open_labels
from napari_scsam.model import ScSAM
from napari_scsam.steps import drive
from napari_scsam.volume.labelling import Seen, averaged_along_z, resemble, sample_of
from napari_scsam.volume.run import segment_volume
from napari_scsam.volume.run_plan import averages_by_itself, plan_run

_CHANCE = np.random.default_rng(0)
STACK = _CHANCE.integers(1, 150, (64, 72), np.uint8) + _CHANCE.integers(
    50, size=(6, 64, 72), dtype=np.uint8
)
"""Slices that look alike, as neighbours do."""
SHAPE = (30, 40, 50)


@pytest.fixture(scope="module")
def predictor(random_model: ScSAM) -> Predictor:
    return Predictor(random_model, "cpu")


def segment(predictor: Predictor, out: Path, stack: Any = STACK, **settings: Any) -> np.ndarray:
    """Segment, and return the labels."""
    drive(segment_volume(as_volume(stack, 20), predictor, out, **settings))
    return open_labels(out).data[...]


def test_slices_are_in_order_and_each_once() -> None:
    assert plan_run(SHAPE, [4, 2, 2]).slices == (2, 4)
    assert plan_run(SHAPE).slices == tuple(range(30))


@pytest.mark.parametrize("slices", [[], [30], [-1]])
def test_slices_that_are_not_there_are_a_mistake(slices: Any) -> None:
    with pytest.raises(UserError):
        plan_run(SHAPE, slices)


def test_a_region_is_a_window_of_some_slices() -> None:
    plan = plan_run(SHAPE, region="2:5, 0:10, 20:")
    assert plan.slices == (2, 3, 4)
    assert plan.window == (slice(0, 10), slice(20, 50))
    assert not plan.whole
    assert plan_run(SHAPE, region="3:9,1:4").slices == tuple(range(30))
    assert plan_run((40, 50), region="3:9,1:4").window == (slice(3, 9), slice(1, 4))
    assert plan_run(SHAPE, region=":,:,:").whole


@pytest.mark.parametrize("region", ["1:2", "a:b,1:2", "0:1,0:41,0:2", "1:2,3:3,4:5", "0,1,2"])
def test_a_region_that_is_not_there_is_a_mistake(region: str) -> None:
    with pytest.raises(UserError):
        plan_run(SHAPE, region=region)


def test_only_the_slices_that_are_named_are_labelled(predictor: Predictor, tmp_path: Path) -> None:
    whole = segment(predictor, tmp_path / "whole.zarr")
    for suffix in (".zarr", ".tif"):
        some = segment(predictor, tmp_path / f"some{suffix}", slices=[1, 4])
        assert [bool(plane.any()) for plane in some] == [z in (1, 4) for z in range(6)]
        np.testing.assert_array_equal(some[[1, 4]], whole[[1, 4]])
    with pytest.raises(UserError, match="another choice of slices"):
        segment(predictor, tmp_path / "some.zarr", slices=[1, 5], resume=True)


def test_a_region_is_labelled_in_its_place(predictor: Predictor, tmp_path: Path) -> None:
    part = segment(predictor, tmp_path / "part.zarr", region="2:4,10:60,:")
    assert part.shape == STACK.shape
    assert part[2:4, 10:60].any()
    part[2:4, 10:60] = 0
    assert not part.any()


@pytest.mark.parametrize("average", [True, False])
def test_neighbours_are_averaged_alike_whatever_is_labelled(
    predictor: Predictor, tmp_path: Path, average: bool
) -> None:
    whole = segment(predictor, tmp_path / "whole.zarr", average_z=average)
    alone = segment(predictor, tmp_path / "alone.zarr", average_z=average, slices=[0, 3, 5])
    np.testing.assert_array_equal(alone[[0, 3, 5]], whole[[0, 3, 5]])
    if average:
        assert (whole != segment(predictor, tmp_path / "not.zarr", average_z=False)).any()


def test_what_was_begun_without_averages_is_continued_without(
    predictor: Predictor, tmp_path: Path
) -> None:
    volume = as_volume(STACK, 8)
    out = tmp_path / "out.zarr"
    run = segment_volume(volume, predictor, out, average_z=False)
    for step in run:
        if step.done == 2:
            break
    run.close()
    drive(segment_volume(volume, predictor, out, resume=True))
    one_by_one = tmp_path / "alone.zarr"
    drive(segment_volume(volume, predictor, one_by_one, average_z=False))
    np.testing.assert_array_equal(open_labels(out).data[...], open_labels(one_by_one).data[...])


def test_slices_beside_a_gap_are_not_averaged(predictor: Predictor, tmp_path: Path) -> None:
    gap = np.stack([STACK[0], STACK[0][::-1, ::-1]])
    alone = segment(predictor, tmp_path / "alone.zarr", gap, average_z=False)
    averaged = segment(predictor, tmp_path / "averaged.zarr", gap, average_z=True)
    np.testing.assert_array_equal(averaged, alone)


def test_neighbours_resemble_each_other() -> None:
    plane = np.random.default_rng(0).normal(100, 20, (600, 300))

    def seen(pixels: np.ndarray) -> Seen:
        return Seen("", None, None, sample_of(pixels))

    near = plane + np.random.default_rng(1).normal(0, 10, plane.shape)
    assert seen(plane).sample.shape == (300, 300)
    assert resemble(seen(plane), seen(near))
    assert not resemble(seen(plane), seen(near[::-1]))
    assert not resemble(seen(plane), seen(200 - plane))
    assert not resemble(seen(np.zeros((4, 4))), seen(np.zeros((4, 4))))
    assert np.isfinite(sample_of(np.where(plane > 130, np.inf, np.nan))).all()


def test_averages_are_weighted_and_fewer_at_the_ends() -> None:
    own, beside = np.full((1, 2, 2), 4.0, np.float16), np.full((1, 2, 2), 8.0, np.float16)
    assert (averaged_along_z(own, []) == 4).all()
    assert np.allclose(averaged_along_z(own, [beside]), (2 * 4 + 8) / 3)
    assert np.allclose(averaged_along_z(own, [beside, own]), (2 * 4 + 8 + 4) / 4)


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [
        ((9, 4, 4), (5.0, 5.0, 5.0), True),
        ((9, 4, 4), (10.0, 5.0, 5.0), True),
        ((9, 4, 4), (40.0, 5.0, 5.0), False),
        ((9, 4, 4), None, False),
        ((4, 4), (5.0, 5.0, 5.0), False),
        ((1, 4, 4), (5.0, 5.0, 5.0), False),
    ],
)
def test_near_slices_are_averaged_by_themselves(shape: Any, size: Any, expected: bool) -> None:
    assert averages_by_itself(shape, size) is expected


def test_slices_of_one_value_are_not_labelled(predictor: Predictor, tmp_path: Path) -> None:
    stack = STACK.copy()
    stack[2] = 255
    labels = segment(predictor, tmp_path / "out.zarr", stack, probabilities=True)
    assert [bool(plane.any()) for plane in labels] == [True, True, False, True, True, True]


def test_labels_of_many_chunks_share_files_and_are_the_same(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = segment(predictor, tmp_path / "plain.zarr")
    monkeypatch.setattr(label_pyramid, "MOST_FILES", 2)
    monkeypatch.setattr(label_pyramid, "SHARD_DEPTH", 4)
    out = tmp_path / "sharded.zarr"
    run = segment_volume(as_volume(STACK, 20), predictor, out, probabilities=True)
    for step in run:
        if step.done == 5:
            break
    run.close()  # in the middle of the second file
    sharded = segment(predictor, out, resume=True, probabilities=True)
    np.testing.assert_array_equal(sharded, plain)
    level = zarr.open_array(out / "labels" / "classes" / "0", mode="r")
    assert level.shards == (4, 64, 72)
    assert level.chunks == (1, 64, 72)
    files = [path for path in (out / "labels" / "classes" / "0" / "c").rglob("*") if path.is_file()]
    assert len(files) == 2


def test_shards_are_whole_chunks_of_few_slices() -> None:
    assert shard_shape((100, 4096, 4096), np.dtype("u1")) is None
    assert shard_shape((4096, 4096, 4096), np.dtype("u1")) == (16, 4096, 4096)
    assert shard_shape((10_000, 30_000, 30_000), np.dtype("u1")) == (1, 8192, 8192)
    assert shard_shape((30_000, 30_000), np.dtype("u1")) is None
