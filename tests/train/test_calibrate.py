from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.infer.postprocess import label_map
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.volumes import as_volume
from napari_scsam.train.calibrate import (
    calibrate,
    fit_biases,
    fit_temperature,
    fit_thresholds,
    mean_dice,
)


@pytest.fixture
def answers() -> tuple[np.ndarray, np.ndarray]:
    """Logits of two classes and answers drawn from their very softmax."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (2, 20_000))
    shares = np.exp(np.concatenate([np.zeros((1, 20_000)), logits]))
    chance = rng.random(20_000) * shares.sum(0)
    return logits, (chance > shares.cumsum(0)).sum(0)


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_overconfidence(
    answers: tuple[np.ndarray, np.ndarray], factor: float
) -> None:
    logits, truth = answers
    assert fit_temperature(logits * factor, truth) == pytest.approx(factor, rel=0.06)


@pytest.mark.parametrize("added", [(0.0, 0.0), (1.5, -1.0), (-2.0, 0.5)])
def test_biases_undo_what_was_added_to_logits(
    answers: tuple[np.ndarray, np.ndarray], added: tuple[float, float]
) -> None:
    logits, truth = answers
    found = fit_biases(logits + np.array(added)[:, None], truth)
    np.testing.assert_allclose(found, -np.array(added), atol=0.06)


def test_a_class_that_does_not_occur_keeps_its_bias() -> None:
    logits = np.random.default_rng(3).normal(0, 1, (2, 1000))
    truth = (logits[0] > 0).astype(int)
    biases = fit_biases(logits, truth)
    assert biases[1] == 0
    assert biases[0] != 0


def test_thresholds_raise_the_mean_dice_of_a_rare_class() -> None:
    rng = np.random.default_rng(1)
    truth = (rng.random(30_000) < 0.03).astype(int)
    logits = np.stack([rng.normal(np.where(truth == 1, -0.5, -3.0), 0.8), np.full(30_000, -9.0)])
    thresholds = fit_thresholds(logits, truth)
    before, after = (mean_dice((logits[0] > t).astype(int), truth, 2) for t in (0.0, thresholds[0]))
    assert thresholds[0] < -0.5
    assert after > before + 0.2
    assert thresholds[1] == 0  # it does not occur


def test_thresholds_that_help_nobody_stay_at_zero() -> None:
    truth = np.repeat([0, 1, 2], 100)
    logits = np.where(np.arange(1, 3)[:, None] == truth, 8.0, -8.0)
    assert fit_thresholds(logits, truth).tolist() == [0, 0]


@pytest.mark.parametrize(("wrong", "moved"), [(1, False), (20, True)])
def test_a_threshold_moves_for_a_gain_worth_it(wrong: int, *, moved: bool) -> None:
    truth = np.repeat([0, 0, 1], [1000, wrong, 1000])
    logits = np.repeat([-8.0, 0.1, 8.0], [1000, wrong, 1000])[None]
    assert (fit_thresholds(logits, truth)[0] != 0) == moved


def test_thresholds_mean_the_same_in_label_maps(
    model, answers: tuple[np.ndarray, np.ndarray]
) -> None:
    logits, truth = answers
    classes, thresholds = model.classes[:2], fit_thresholds(logits, truth)
    labels = label_map(
        (logits - thresholds[:, None])[:, None].astype(np.float32), classes, classes
    )[0]
    ids = np.array([0, *(c.id for c in classes)])
    dice = mean_dice(np.searchsorted(ids, labels), truth, 2)
    assert dice >= mean_dice(np.where(logits.max(0) > 0, logits.argmax(0) + 1, 0), truth, 2)


def test_calibration_is_kept_in_the_model_and_used(model, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    image = as_volume(rng.integers(0, 255, (2, 64, 64)).astype(np.uint8), None)
    labels = as_volume(
        rng.choice([0, *(c.id for c in model.classes)], (2, 64, 64)).astype(np.uint8), None
    )
    predictor = Predictor(model, "cpu")
    predictor.set_image(image.plane(0))
    raw = predictor.class_logits()
    list(calibrate(predictor, image, labels, [0, 1]))
    assert float(model.temperature) != 1
    again = Predictor(model, "cpu")
    again.set_image(image.plane(0))
    scaled = raw / float(model.temperature) + model.class_biases.numpy()[:, None, None]
    assert model.class_biases.abs().min() > 0
    np.testing.assert_allclose(again.class_logits(), scaled, rtol=1e-3, atol=1e-3)
    thresholds = model.thresholds.numpy()[:, None, None]
    np.testing.assert_array_equal(
        again.segment(), label_map(again.class_logits() - thresholds, model.classes, model.classes)
    )


def test_bad_input_is_told(model) -> None:
    image, labels = (
        as_volume(np.ones((1, 32, 32), np.uint8), None),
        as_volume(np.ones((1, 32, 40), np.uint8), None),
    )
    with pytest.raises(UserError, match="shape"):
        list(calibrate(Predictor(model, "cpu"), image, labels, [0]))
    with pytest.raises(UserError, match="at least one slice"):
        list(calibrate(Predictor(model, "cpu"), image, image, []))
