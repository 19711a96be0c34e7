"""Expected calibration error, against its definition and on probabilities that are right."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from napari_scsam.metrics import Calibration, calibration


def by_definition(probability: np.ndarray, truth: np.ndarray) -> float:
    edges = np.linspace(0, 1, 16)
    error = 0.0
    for low, high in itertools.pairwise(edges):
        inside = (probability >= low) & ((probability < high) | (high == 1))
        if inside.any():
            error += inside.mean() * abs(truth[inside].mean() - probability[inside].mean())
    return error


def test_the_error_is_that_of_the_definition() -> None:
    rng = np.random.default_rng(0)
    probability = rng.random((40, 50))
    truth = rng.random((40, 50)) < probability**2
    assert calibration(probability, truth).error == pytest.approx(by_definition(probability, truth))
    assert calibration(probability, truth).error > 0.1


def test_honest_probabilities_have_next_to_no_error() -> None:
    rng = np.random.default_rng(1)
    probability = rng.random((500, 600), np.float32)
    assert calibration(probability, rng.random((500, 600)) < probability).error < 0.01


def test_a_class_surely_there_and_never_true_is_wholly_wrong() -> None:
    ones = np.ones((3, 4), np.float32)
    assert calibration(ones, ones < 1).error == 1
    assert calibration(ones, ones == 1).error == 0
    assert calibration(ones / 2, np.tile([True, False], (3, 2))).error == 0


def test_slices_add_up_before_the_error_is_taken() -> None:
    half = np.full((4, 4), 0.5, np.float32)
    all_, none = half > 0, half < 0
    assert calibration(half, all_).error == calibration(half, none).error == 0.5
    assert (calibration(half, all_) + calibration(half, none)).error == 0
    assert math.isnan(Calibration().error)
