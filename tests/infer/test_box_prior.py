"""Boxes and their ellipses, and how good an answer is expected to be."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_scsam.infer.box_prior import expected_iou, predicted_quality, with_box_prior

BOX = torch.tensor([[10.0, 20.0, 50.0, 44.0]])  # 40 wide, 24 high, its middle at (30, 32)


def ellipse(shape: tuple[int, int] = (64, 64)) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    return ((y - 32) / 12) ** 2 + ((x - 30) / 20) ** 2 <= 1


def iou(mask: np.ndarray, other: np.ndarray) -> float:
    return float((mask & other).sum() / (mask | other).sum())


def test_where_the_network_knows_nothing_the_ellipse_is_the_answer() -> None:
    mixed = with_box_prior(torch.zeros(1, 64, 64), BOX, 1.0)[0].numpy() > 0
    assert iou(mixed, ellipse()) > 0.8
    assert not mixed[:20].any()
    assert not mixed[:, 50:].any()


def test_where_the_network_is_certain_its_answer_stays() -> None:
    mask = np.zeros((64, 64), bool)
    mask[22:42, 12:30] = True  # the left half
    logits = torch.from_numpy(np.where(mask, 8.0, -8.0)).float()[None]
    mixed = with_box_prior(logits, BOX, 1.0)[0].numpy() > 0
    assert iou(mixed, mask) > 0.9 > iou(ellipse(), mask)


def test_cells_may_be_coarser_than_model_pixels() -> None:
    fine = with_box_prior(torch.zeros(1, 64, 64), BOX, 1.0)
    coarse = with_box_prior(torch.zeros(1, 16, 16), BOX, 4.0)
    average = torch.nn.functional.avg_pool2d(fine[None], 4)[0]
    assert iou((average > 0).numpy(), (coarse > 0).numpy()) > 0.8


def test_a_certain_answer_outside_the_box_survives() -> None:
    logits = torch.full((1, 64, 64), -8.0)
    logits[0, 20:44, 10:54] = 8.0  # the object is 4 pixels wider than the box
    mixed = with_box_prior(logits, BOX, 1.0)[0]
    assert 0 < mixed[32, 52] <= 8.0 - 3.0
    assert mixed[2, 2] < -8


def test_several_boxes_are_answered_each_by_itself() -> None:
    other = torch.tensor([[0.0, 0.0, 16.0, 16.0]])
    both = with_box_prior(torch.zeros(2, 64, 64), torch.cat([BOX, other]), 1.0)
    torch.testing.assert_close(both[:1], with_box_prior(torch.zeros(1, 64, 64), BOX, 1.0))
    torch.testing.assert_close(both[1:], with_box_prior(torch.zeros(1, 64, 64), other, 1.0))


def test_the_expected_iou_is_that_of_the_probabilities() -> None:
    logits = torch.tensor([[[np.log(3.0), -np.log(3.0)]]]).float()  # 0.75 and 0.25
    assert expected_iou(logits).item() == pytest.approx(0.75 / 1.25)
    assert expected_iou(torch.full((1, 2, 2), 40.0)).item() == pytest.approx(1)
    assert expected_iou(torch.full((1, 2, 2), -40.0)).item() == pytest.approx(0, abs=1e-6)


def test_the_quality_grows_with_certainty_and_clicks_and_stays_in_0_to_1() -> None:
    sure, unsure = torch.full((1, 4, 4), 9.0), torch.full((1, 4, 4), 0.5)
    for clicks in (0, 1, 2, 3):
        assert predicted_quality(sure, clicks).item() > predicted_quality(unsure, clicks).item()
    order = [predicted_quality(unsure, clicks).item() for clicks in (1, 2, 3, 4)]
    assert order[0] < order[1] < order[2] == order[3]
    assert predicted_quality(torch.full((1, 4, 4), -9.0), 1).item() == 0
    assert predicted_quality(sure, 0).item() == 1
