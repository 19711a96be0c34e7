"""What a run will take, said before it starts."""

from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.volumes import as_volume
from napari_scsam.model import ScSAM
from napari_scsam.steps import in_words
from napari_scsam.volume.estimate import Estimate, count_tiles, estimate_run, peak_bytes
from napari_scsam.volume.run_plan import plan_run

STACK = np.random.default_rng(0).integers(1, 200, (6, 200, 300), dtype=np.uint8)


@pytest.fixture(scope="module")
def predictor(random_model: ScSAM) -> Predictor:
    return Predictor(random_model, "cpu")


def test_tiles_are_those_of_the_run(predictor: Predictor) -> None:
    volume = as_volume(STACK, 8)
    predictor.set_image(STACK[0], 8)
    a_slice = len(predictor.tiles())
    assert a_slice > 2
    assert count_tiles(volume, predictor, plan_run(STACK.shape)) == 6 * a_slice
    part = plan_run(STACK.shape, [1, 2], "0:6,0:100,0:100")
    assert count_tiles(volume, predictor, part) == 2


def test_time_is_measured_and_shared_by_workers(predictor: Predictor) -> None:
    volume = as_volume(STACK, 8)
    plan = plan_run(STACK.shape)
    estimate = estimate_run(volume, predictor, plan, workers=2)
    assert estimate is not None
    assert estimate.slices == 6
    assert 0 < estimate.seconds < 600
    assert estimate.peak_bytes > 10**8


def test_a_volume_that_shows_nothing_there_has_no_estimate(predictor: Predictor) -> None:
    filled = STACK.copy()
    filled[3] = 255
    volume = as_volume(filled, 8)
    assert estimate_run(volume, predictor, plan_run(filled.shape)) is None


def test_averages_need_more_memory(predictor: Predictor) -> None:
    volume = as_volume(np.broadcast_to(STACK[:, :1, :1], (6, 4000, 4000)), 8)
    shape = volume.shape
    plain = peak_bytes(volume, predictor, plan_run(shape))
    assert peak_bytes(volume, predictor, plan_run(shape, average_z=True)) > plain + 10**8


def test_it_is_a_phrase() -> None:
    text = str(Estimate(96, 384, 2400.0, 1_240_000_000))
    assert text == "96 slices, 384 tiles: about 40 min, and 1.2 GB of memory"


@pytest.mark.parametrize(
    ("seconds", "words"), [(30.0, "30 s"), (600.0, "10 min"), (9000.0, "2.5 h")]
)
def test_durations_are_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
