"""Prompts as they are sent, and what comes back."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.remote.arrays import pack
from napari_scsam.remote.remote_answer import as_answer, prompt_request
from napari_scsam.remote.remote_slice import remote_slice

SLICE = remote_slice(np.zeros((9, 8), np.uint8), None, None, None, "")


def request(points=None, labels=None, boxes=None):
    return prompt_request(SLICE, points, labels, boxes, careful=False)


def test_one_object_and_many_are_sent_alike():
    one = request([[1, 2], [3, 4]], [1, 0], [0, 0, 5, 5])
    many = request([[[1, 2], [3, 4]]], [[1, 0]], [[0, 0, 5, 5]])
    assert one == many
    assert one.points == (((1.0, 2.0), (3.0, 4.0)),)
    assert request().points is None


@pytest.mark.parametrize(
    ("prompts", "why"),
    [
        ({"points": [1, 2]}, "points have shape"),
        ({"points": [[1, 2, 3]]}, "points have shape"),
        ({"points": np.zeros((0, 2))}, "points have shape"),
        ({"points": [[1, 2]], "labels": 1}, "labels have shape"),
        ({"boxes": [1, 2, 3]}, "boxes have shape"),
        ({"boxes": np.zeros((0, 4))}, "boxes have shape"),
        ({"boxes": np.zeros((1, 1, 4))}, "boxes have shape"),
    ],
)
def test_prompts_of_a_wrong_shape_are_refused_before_they_are_sent(prompts, why):
    with pytest.raises(UserError, match=why):
        request(**prompts)


def test_masks_lie_where_the_network_looked():
    inside = np.zeros((2, 3, 4), bool)
    inside[0, 1, 2] = True
    inside[1] = True
    found = SimpleNamespace(inside=pack(inside), corner=(5, 2), quality=(0.5, 0.25), answer=7)
    answer = as_answer(found, SLICE, request(), None, 3)
    assert answer.masks.shape == (2, 9, 8)
    assert np.argwhere(answer.masks[0]).tolist() == [[6, 4]]
    assert answer.masks[1].sum() == 12
    assert answer.part == (slice(5, 8), slice(2, 6))
    assert answer.quality.tolist() == [0.5, 0.25]
    assert (answer.number, answer.session) == (7, 3)
