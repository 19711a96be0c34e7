from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from discs import DISCS, MIDDLE, ONE

from napari_scsam.gui.jobs.one_object import (
    PromptRequest,
    PromptResult,
    PropagateRequest,
    PropagationBothWays,
    find_marked_steps,
    neighbouring_slices,
    propagate_both_ways,
)
from napari_scsam.gui.jobs.slice_request import SliceRequest
from napari_scsam.gui.layers.plane import Plane
from napari_scsam.gui.prompts.marks import Marks
from napari_scsam.infer.patch import Patch
from napari_scsam.infer.propagation import Propagation
from napari_scsam.steps import drive


def request(plane=Plane(0, MIDDLE), data=DISCS) -> SliceRequest:  # noqa: B008  # it is frozen
    return SliceRequest("tiny", "cell", data, plane, None, ())


def found(plane=Plane(0, MIDDLE), mask=None, quality=0.9) -> PromptResult:  # noqa: B008  # it is frozen
    data = DISCS[MIDDLE] if plane.axis is None else DISCS
    patch = Patch(np.ones((40, 50), bool) if mask is None else mask, 3, 4)
    asked = PromptRequest(request(plane, data), Marks())
    return PromptResult(asked, patch, quality, SimpleNamespace())


@pytest.fixture
def engine(fake_engine, predictor):
    fake_engine.predictor = predictor
    return fake_engine


def test_the_size_of_an_object_is_described():
    assert found().describe().startswith("Object: 2\u2009000 pixels. Enter accepts it")
    assert found(mask=np.ones((1, 1), bool)).describe().startswith("Object: 1 pixel. ")
    assert "%" not in found(quality=0.52).describe(), "a quality that misleads is not shown"
    assert "Nothing is found" in found(mask=np.zeros((2, 2), bool)).describe()


def test_a_point_finds_the_disc_under_it(engine):
    asked = PromptRequest(request(), Marks(((40.0, 30.0),), (True,)))
    patch = drive(find_marked_steps(engine, asked)).patch
    shown = np.zeros(DISCS.shape[1:], bool)
    height, width = patch.mask.shape
    shown[patch.y : patch.y + height, patch.x : patch.x + width] = patch.mask
    np.testing.assert_array_equal(shown, ONE[MIDDLE])


@pytest.mark.parametrize(
    ("plane", "limit", "up", "down"),
    [
        (Plane(0, 5), 2, [6, 7], [4, 3]),
        (Plane(0, 9), 50, [10], list(range(8, -1, -1))),
        (Plane(0, 0), 1, [1], []),
        (Plane(1, 94), 3, [95], [93, 92, 91]),
        (Plane(), 3, [], []),
    ],
)
def test_neighbouring_slices_come_nearest_first_within_the_volume(plane, limit, up, down):
    start = found(plane)
    assert list(neighbouring_slices(start, limit, 1)) == up
    assert list(neighbouring_slices(start, limit, -1)) == down


def test_an_object_is_followed_to_its_ends(engine):
    asked = PromptRequest(request(), Marks(((40.0, 30.0),), (True,)))
    start = drive(find_marked_steps(engine, asked))
    both = drive(propagate_both_ways(engine, PropagateRequest(start, 50)))
    assert sorted(plane.position for plane, _ in both.patches) == list(range(2, 9))
    assert both.ends == (9, 1)
    for plane, patch in both.patches:
        assert patch.mask.sum() == ONE[plane.position].sum()


def result(up, down, limit=2, start=MIDDLE) -> PropagationBothWays:
    ways = []
    for positions, stopped in (up, down):
        sections = tuple(SimpleNamespace(position=p, patch=None) for p in positions)
        ways.append(Propagation(sections, stopped, "it ends"))
    return PropagationBothWays(PropagateRequest(found(Plane(0, start)), limit), tuple(ways))


@pytest.mark.parametrize(
    ("both", "text"),
    [
        (
            result(([6], 7), ([4], 3)),
            "on slices 4–6; stopped at 7 because it ends and at 3 because it ends.",
        ),
        (
            result(([], 6), ([], 4)),
            "on slice 5 only; stopped at 6 because it ends and at 4 because it ends.",
        ),
        (result(([6, 7], None), ([4, 3], None)), "on slices 3–7; reached the limit (± 2 slices)."),
        (
            result(([10], None), ([8, 7], None), start=9),
            "on slices 7–10; reached the last slice, reached the limit (± 2 slices).",
        ),
        (
            result(([2], 3), ([0], None), start=1),
            "on slices 0–2; stopped at 3 because it ends, reached the first slice.",
        ),
    ],
)
def test_it_is_told_why_it_went_no_further(both, text):
    assert both.describe() == text
