from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from napari_scsam.io.volumes import Volume, as_volume
from napari_scsam.volume.blocks import BlockPlan, plan_blocks
from napari_scsam.volume.instances.kinds import ObjectKind
from napari_scsam.volume.instances.output import (
    Levels,
    counts_of,
    create_output,
    level_jobs,
    plan_levels,
    write_instances_tiff,
)
from napari_scsam.volume.instances.run_folder import finished_settings

KINDS = (ObjectKind("mitochondrion", (1, 3)), ObjectKind("ER/Golgi", (2,)))


def volume_of(shape: tuple[int, ...], size: tuple[float, float, float] | None) -> Volume:
    array = np.broadcast_to(np.uint8(1), shape)
    return replace(as_volume(array), voxel_size=size, origin=(0.0, 16.0, 8.0))


def levels_of(shape: tuple[int, ...], size: tuple[float, float, float] | None) -> Levels:
    return plan_levels(plan_blocks(shape), volume_of(shape, size))


def test_a_small_volume_has_one_level() -> None:
    levels = levels_of((8, 100, 100), (40.0, 8.0, 8.0))
    assert len(levels.plans) == 1
    assert levels.total_factors == [(1, 1, 1)]


def test_flat_voxels_are_halved_in_the_slice_first() -> None:
    levels = levels_of((64, 2048, 2048), (40.0, 10.0, 10.0))
    assert levels.factors[:3] == ((1, 1, 1), (1, 2, 2), (1, 2, 2))
    assert levels.total_factors[2] == (1, 4, 4)
    assert levels.plans[2].shape == (64, 512, 512)


def test_each_level_is_made_of_the_one_before_rounded_up() -> None:
    levels = levels_of((7, 1030, 515), (8.0, 8.0, 8.0))
    for finer, coarser, factors in zip(
        levels.plans[:-1], levels.plans[1:], levels.factors[1:], strict=True
    ):
        expected = tuple(-(-n // by) for n, by in zip(finer.shape, factors, strict=True))
        assert coarser.shape == expected
    assert max(levels.plans[-1].shape[-2:]) <= max(levels.plans[-2].shape[-2:]) / 2 + 1


def test_the_total_of_a_level_is_the_product_of_the_steps() -> None:
    plan = BlockPlan((4, 4), (4, 4))
    levels = Levels((plan,) * 3, ((1, 1), (2, 3), (5, 2)))
    assert levels.total_factors == [(1, 1), (2, 3), (10, 6)]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Return an output of two classes, one of which needs 64 bits."""
    path = tmp_path / "objects.zarr"
    shape = (4, 40, 40)
    levels = levels_of(shape, (40.0, 8.0, 8.0))
    volume = volume_of(shape, (40.0, 8.0, 8.0))
    create_output(path, KINDS, (3, 2**33), levels, volume, {"smallest_voxels": 5})
    return path


def test_an_output_lists_a_label_image_for_each_class(out: Path) -> None:
    root = zarr.open_group(out, mode="r")
    names = dict(root["labels"].attrs)["ome"]["labels"]
    assert names == ["mitochondrion", "ER_Golgi"]
    assert root["labels/mitochondrion/0"].dtype == np.uint32
    assert root["labels/ER_Golgi/0"].dtype == np.uint64


def test_the_root_is_an_image_of_the_first_class(out: Path) -> None:
    multiscale = dict(zarr.open_group(out, mode="r").attrs)["ome"]["multiscales"][0]
    assert [each["path"] for each in multiscale["datasets"]] == ["labels/mitochondrion/0"]
    transforms = multiscale["datasets"][0]["coordinateTransformations"]
    assert transforms[0] == {"type": "scale", "scale": [40.0, 8.0, 8.0]}
    assert transforms[1]["translation"] == [0.0, 16.0, 8.0]


def test_counts_and_settings_are_read_from_the_output(out: Path) -> None:
    assert counts_of(out) == {"mitochondrion": 3, "ER/Golgi": 2**33}
    assert finished_settings(out) == {"smallest_voxels": 5}


def test_no_draft_is_left(out: Path) -> None:
    assert [path.name for path in out.parent.iterdir()] == ["objects.zarr"]


def test_a_tiff_has_no_counts(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"")
    assert counts_of(tmp_path / "a.tif") == {}


def test_one_class_is_written_as_a_tiff(out: Path, tmp_path: Path) -> None:
    level = zarr.open_array(out / "labels" / "mitochondrion" / "0", mode="r+")
    level[1, 2, 3] = 2
    volume = volume_of((4, 40, 40), (40.0, 8.0, 8.0))
    write_instances_tiff(tmp_path / "a.tif", out, KINDS[0], volume)
    read = tifffile.imread(tmp_path / "a.tif")
    assert read.shape == (4, 40, 40)
    assert read[1, 2, 3] == 2
    assert np.count_nonzero(read) == 1


def test_coarser_levels_are_written_one_after_the_other(tmp_path: Path) -> None:
    levels = levels_of((16, 4096, 4096), (8.0, 8.0, 8.0))
    jobs = level_jobs(tmp_path, KINDS, levels)
    count = len(levels.plans) - 1
    assert count >= 2
    assert len(jobs) == 2 * count
    for folder, own in (("mitochondrion", jobs[:count]), ("ER_Golgi", jobs[count:])):
        assert {job.group for job in own} == {tmp_path / "labels" / folder}
        assert [job.finer for job in own] == [str(number) for number in range(count)]
        assert [job.name for job in own] == [str(number + 1) for number in range(count)]
        assert [job.factors for job in own] == list(levels.factors[1:])
        assert [job.plan for job in own] == list(levels.plans[1:])
