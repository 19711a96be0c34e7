"""A mask: inside of it the labels of a run without one, outside nothing, and no work there."""

from __future__ import annotations

import pickle
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

from napari_scsam.config import UserError, VoxelSize
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.contrast import measure_contrast
from napari_scsam.io.labels import write_labels
from napari_scsam.io.volumes import as_volume, open_labels, open_volume
from napari_scsam.model import ScSAM
from napari_scsam.steps import drive
from napari_scsam.volume.answer import Answer
from napari_scsam.volume.estimate import count_tiles
from napari_scsam.volume.labelling import Labelling
from napari_scsam.volume.mask import open_mask, read_mask
from napari_scsam.volume.run import segment_volume
from napari_scsam.volume.run_plan import plan_run

STACK = np.random.default_rng(0).integers(1, 200, (4, 100, 230), dtype=np.uint8)
INSIDE = np.zeros(STACK.shape, np.uint8)
INSIDE[1, 40:50, 3:9] = 7
INSIDE[2, 90:, 5:8] = 1
EVERYWHERE = (slice(0, 100), slice(0, 230))


@pytest.fixture(scope="module")
def predictor(random_model: ScSAM) -> Predictor:
    return Predictor(random_model, "cpu")


@pytest.fixture(scope="module")
def mask(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mask") / "mask.tif"
    tifffile.imwrite(path, INSIDE, photometric="minisblack")
    return path


def segment(predictor: Predictor, out: Path, **settings: Any) -> np.ndarray:
    drive(segment_volume(as_volume(STACK, 8), predictor, out, **settings))
    return open_labels(out).data[...]


@pytest.mark.parametrize("settings", [{"average_z": True}, {"region": ":,30:,:200"}])
def test_labels_inside_are_those_without_a_mask_and_outside_there_are_none(
    predictor: Predictor, mask: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    whole = segment(predictor, tmp_path / "whole.zarr", **{"average_z": False} | settings)
    masked = segment(predictor, tmp_path / "m.zarr", mask=mask, **{"average_z": False} | settings)
    np.testing.assert_array_equal(masked, np.where(INSIDE > 0, whole, 0))
    assert masked.any()


def test_only_tiles_and_slices_that_the_mask_reaches_are_computed(
    predictor: Predictor, mask: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[int] = []
    decode = predictor.decode

    def counted(embedding: Any, rows: Any, shape: Any) -> Any:
        maps = decode(embedding, rows, shape)
        shown.append(len(maps))
        return maps

    monkeypatch.setattr(predictor, "decode", counted)
    volume = as_volume(STACK, 8)
    plan = plan_run(STACK.shape)
    masked = replace(plan, mask=open_mask(mask, STACK.shape))
    segment(predictor, tmp_path / "out.zarr", mask=mask, average_z=False)
    assert 0 < sum(shown) < count_tiles(volume, predictor, plan)
    assert sum(shown) == count_tiles(volume, predictor, masked)


def test_slices_without_the_mask_are_not_even_read(predictor: Predictor, mask: Path) -> None:
    plan = replace(plan_run(STACK.shape), mask=open_mask(mask, STACK.shape))
    volume = as_volume(STACK, 8)
    labelling = Labelling(volume, predictor, predictor.classes, measure_contrast(STACK), plan)
    with closing(labelling.answers([0, 3])) as answers:
        found = [answer for answer in answers if isinstance(answer, Answer)]
    assert [answer.pixels for answer in found] == ["", ""]
    assert not np.any([answer.labels() for answer in found])


def test_a_stopped_run_goes_on_with_the_same_mask_only(
    predictor: Predictor, mask: Path, tmp_path: Path
) -> None:
    whole = segment(predictor, tmp_path / "whole.zarr", mask=mask)
    out = tmp_path / "out.zarr"
    steps = segment_volume(as_volume(STACK, 8), predictor, out, mask=mask)
    for _ in range(3):
        next(steps)
    steps.close()
    other = tmp_path / "other.tif"
    tifffile.imwrite(other, 1 - np.minimum(INSIDE, 1), photometric="minisblack")
    with pytest.raises(UserError, match="another mask"):
        segment(predictor, out, mask=other, resume=True)
    np.testing.assert_array_equal(segment(predictor, out, mask=mask, resume=True), whole)


@pytest.mark.parametrize(
    ("block", "reached"),
    [((0, 2, 32), True), ((1, 4, 32), True), ((0, 1, 32), False), ((0, 2, 3), False)],
)
def test_a_block_is_reached_when_one_of_its_slices_is(
    mask: Path, block: tuple[int, int, int], *, reached: bool
) -> None:
    first, end, columns = block
    where = (slice(first, end), slice(32, 64), slice(0, columns))
    assert read_mask(open_mask(mask, STACK.shape), range(4), EVERYWHERE).reaches(where) == reached


def test_a_coarser_mask_covers_the_volume_and_goes_to_workers(tmp_path: Path) -> None:
    coarse = INSIDE[:, ::10, ::20] > 0
    coarse[:, 3] = True
    zarr.create_array(tmp_path / "coarse.zarr", data=coarse.astype(np.uint8))
    mask = open_mask(tmp_path / "coarse.zarr", STACK.shape)
    assert mask.factors == (1, 10, 20)
    fine = coarse.repeat(10, 1).repeat(20, 2)[:, :, :230]
    copy = pickle.loads(pickle.dumps(read_mask(mask, range(4), EVERYWHERE)))  # noqa: S301  # as dask does
    np.testing.assert_array_equal([copy.plane(z) for z in range(4)], fine)
    flat = open_mask(tmp_path / "coarse.zarr", open_volume(tmp_path / "coarse.zarr").shape)
    assert flat.factors == (1, 1, 1)


@pytest.mark.parametrize("shape", [(4, 99, 230), (100, 230), (5, 100, 230), (4, 200, 460)])
def test_a_mask_of_another_shape_is_a_mistake(shape: tuple[int, ...], tmp_path: Path) -> None:
    mask = np.ones(shape, np.uint8)
    tifffile.imwrite(tmp_path / "mask.tif", mask, photometric="minisblack")
    with pytest.raises(UserError, match="has the shape"):
        open_mask(tmp_path / "mask.tif", STACK.shape)


@pytest.mark.parametrize(
    ("shape", "size", "says"),
    [
        ((2, 100, 230), (40.0, 8.0, 8.0), "has voxels of 40 × 8 × 8 nm"),
        ((2, 100, 230), (80.0, 8.0, 8.0), ""),
        ((4, 50, 115), (40.0, 8.0, 8.0), "has voxels of 40 × 8 × 8 nm"),
        ((4, 50, 115), (40.0, 16.0, 16.0), ""),
        ((4, 50, 115), None, ""),
        ((2, 100, 230), None, "has fewer slices than the volume"),
        ((4, 100, 230), (40.0, 4.0, 4.0), ""),
    ],
)
def test_a_mask_of_a_part_is_not_taken_for_a_coarser_one(
    shape: tuple[int, ...], size: VoxelSize | None, says: str, tmp_path: Path
) -> None:
    write_labels(tmp_path / "mask.tif", np.ones(shape, np.uint8), size, ())
    if not says:
        open_mask(tmp_path / "mask.tif", STACK.shape, (40.0, 8.0, 8.0))
        return
    with pytest.raises(UserError, match=says):
        open_mask(tmp_path / "mask.tif", STACK.shape, (40.0, 8.0, 8.0))


def test_a_mask_that_leaves_nothing_is_a_mistake(
    predictor: Predictor, mask: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="no voxel"):
        segment(predictor, tmp_path / "out.zarr", mask=mask, slices=[0, 3])
    assert not (tmp_path / "out.zarr").exists()
