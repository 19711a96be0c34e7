"""Slices along three axes: their mean in every voxel, whatever is asked for; refused where odd."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from napari_scsam.config import UserError
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.contrast import measure_contrast, normalise
from napari_scsam.io.volumes import as_volume, open_labels
from napari_scsam.model import ScSAM
from napari_scsam.steps import Progress, Steps, drive
from napari_scsam.volume import three_axes
from napari_scsam.volume.estimate import count_tiles, peak_bytes
from napari_scsam.volume.run import segment_volume
from napari_scsam.volume.run_plan import plan_run
from napari_scsam.volume.three_axes import plan_cubes

CUBE = np.random.default_rng(0).integers(1, 200, (34, 33, 40), dtype=np.uint8)


class GreyPredictor(Predictor):
    """Sees a class where it is bright, and another one where a row rises."""

    def logits_steps(self, names: Sequence[str] | None = None) -> Steps[NDArray[np.float32]]:
        yield Progress(0, 1, "segmenting")
        return logits_of(self.slice.grey, len(names or ()))


def logits_of(grey: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Return logits of classes (K, Y, X), of which a pixel and its neighbours decide."""
    logits = np.full((count, *grey.shape), -3, np.float32)
    logits[0] = grey * 4 - 2
    logits[1] = np.gradient(grey, axis=1) * 4
    return logits


@pytest.fixture(scope="module")
def predictor(random_model: ScSAM) -> Predictor:
    return GreyPredictor(random_model, "cpu")


def segment(predictor: Predictor, out: Path, **settings: Any) -> np.ndarray:
    drive(segment_volume(as_volume(CUBE, 8), predictor, out, axes=3, **settings))
    return open_labels(out).data[...]


@pytest.fixture(scope="module")
def whole(predictor: Predictor, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    return segment(predictor, tmp_path_factory.mktemp("whole") / "whole.zarr")


def test_labels_are_those_of_the_mean_of_three_axes(
    predictor: Predictor, whole: np.ndarray
) -> None:
    grey = normalise(CUBE, measure_contrast(CUBE))
    count = len(predictor.classes)
    planes = [
        np.moveaxis([logits_of(plane, count) for plane in np.moveaxis(grey, axis, 0)], 0, axis + 1)
        for axis in range(3)
    ]
    mean = (np.sum(planes, 0) / 3).astype(np.float16).astype(np.float32)
    labels = [
        predictor.labels_from_logits(mean[:, z], predictor.classes, pixel_size=(8.0, 8.0))
        for z in range(len(CUBE))
    ]
    np.testing.assert_array_equal(whole, labels)
    assert len(np.unique(whole)) > 2


def test_labels_do_not_depend_on_the_slices_asked_for_nor_on_a_stop(
    predictor: Predictor, whole: np.ndarray, tmp_path: Path
) -> None:
    some = segment(predictor, tmp_path / "some.zarr", slices=[3, 20])
    np.testing.assert_array_equal(some[[3, 20]], whole[[3, 20]])
    out = tmp_path / "out.zarr"
    steps = segment_volume(as_volume(CUBE, 8), predictor, out, axes=3)
    while next(steps).done < 4:
        pass
    steps.close()
    with pytest.raises(UserError, match="another choice of --axes"):
        drive(segment_volume(as_volume(CUBE, 8), predictor, out, resume=True, average_z=False))
    np.testing.assert_array_equal(segment(predictor, out, resume=True), whole)


def test_blocks_cover_the_volume_once_and_a_mask_leaves_some_out(
    predictor: Predictor, whole: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(three_axes, "LONGEST_SIDE", 20)
    window = (slice(1, 33), slice(0, 40))
    plan = plan_cubes(34, window, 4.0)
    covered = np.zeros(CUBE.shape, int)
    for layer in plan.layers:
        for block in plan.blocks(layer):
            covered[block] += 1
            assert max(side.stop - side.start for side in block) <= 20
    assert covered.max() == 1
    assert covered.sum() == 34 * 32 * 40
    blocked = segment(predictor, tmp_path / "blocked.zarr")
    np.testing.assert_array_equal(blocked, whole)
    mask = np.zeros(CUBE.shape, np.uint8)
    mask[4:9, 20:, :10] = 1
    tifffile.imwrite(tmp_path / "mask.tif", mask, photometric="minisblack")
    masked = segment(predictor, tmp_path / "masked.zarr", mask=tmp_path / "mask.tif")
    np.testing.assert_array_equal(masked, blocked * mask)
    assert masked.any()


def test_the_estimate_counts_the_pictures_of_all_axes(predictor: Predictor) -> None:
    volume = as_volume(CUBE, 8)
    plan = replace(plan_run(CUBE.shape), axes=3)
    assert count_tiles(volume, predictor, plan) == sum(CUBE.shape)
    assert peak_bytes(volume, predictor, plan) > 10**8


@pytest.mark.parametrize(
    ("shape", "size", "settings", "message"),
    [
        ((32, 32, 32), (40, 8, 8), {}, "40 × 8 × 8 nm show other pictures"),
        ((32, 32, 32), None, {}, "set it with --voxel-size"),
        ((8, 64, 64), 8, {}, "at least 32 voxels"),
        ((64, 64), 8, {}, "at least 32 voxels"),
        ((32, 32, 32), 8, {"average_z": True}, "leave out --average-z"),
        ((32, 32, 32), 8, {"axes": 2}, "1 or 3"),
    ],
)
def test_volumes_that_look_otherwise_along_other_axes_are_refused(
    predictor: Predictor,
    tmp_path: Path,
    shape: tuple[int, ...],
    size: Any,
    settings: dict[str, Any],
    message: str,
) -> None:
    volume = as_volume(np.arange(np.prod(shape), dtype=np.uint16).reshape(shape), size)
    with pytest.raises(UserError, match=message):
        drive(segment_volume(volume, predictor, tmp_path / "o.zarr", **{"axes": 3} | settings))
    assert not (tmp_path / "o.zarr").exists()
