from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.gui.jobs.slice_request import SliceRequest
from napari_scsam.gui.layers.plane import Plane
from napari_scsam.gui.layers.write_prediction import UNNAMED
from napari_scsam.io.contrast import Contrast

MIDDLE = Plane(0, 1)


def finish(steps):
    seen = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as done:
            return done.value, seen


@pytest.fixture
def request_for(classes):
    def make(data, plane=MIDDLE, voxel_size=None, volume="v"):
        return SliceRequest("tiny", volume, data, plane, voxel_size, classes)

    return make


def test_a_plane_is_segmented_with_the_contrast_of_the_whole_volume(
    fake_engine, request_for, stack
):
    result, steps = finish(fake_engine.segment_steps(request_for(stack)))
    assert result.labels.shape == stack.shape[1:]
    assert fake_engine.predictor.contrast.high > stack[1].mean()
    assert "contrast" in " ".join(step.what for step in steps)
    _, again = finish(fake_engine.segment_steps(request_for(stack, Plane(0, 2))))
    assert "contrast" not in " ".join(step.what for step in again)
    assert fake_engine.predictor.asked[0][0] != fake_engine.predictor.asked[1][0]


def test_the_predictor_gets_the_voxel_size_of_the_plane(fake_engine, request_for, stack):
    finish(fake_engine.segment_steps(request_for(stack, Plane(1, 3), (5.0, 7.0, 9.0))))
    assert fake_engine.predictor.asked[0][1] == (7.0, 5.0, 9.0)


def test_a_plane_that_was_looked_at_last_is_not_read_again(fake_engine, request_for, stack):
    one, other = request_for(stack), request_for(stack, Plane(0, 2))
    _, first = finish(fake_engine.set_slice_steps(one))
    _, again = finish(fake_engine.set_slice_steps(one))
    assert "reading slice 1" in [step.what for step in first]
    assert "reading slice 1" not in [step.what for step in again]
    for request, position in ((other, 2), (one, 1)):
        predictor, _ = finish(fake_engine.set_slice_steps(request))
        np.testing.assert_array_equal(predictor.image, stack[position])
    _, wider = finish(fake_engine.set_slice_steps(request_for(stack, voxel_size=(5, 5, 5))))
    assert "reading slice 1" in [step.what for step in wider]


def test_planes_beside_are_embedded_along_the_same_axis(fake_engine, request_for, stack):
    asked = request_for(stack, Plane(1, 3), (5.0, 7.0, 9.0))
    finish(fake_engine.segment_steps(asked))
    finish(fake_engine.prefetch_steps(asked))
    assert fake_engine.predictor.prefetched == [
        (("v", Plane(1, 4)), (7.0, 5.0, 9.0)),
        (("v", Plane(1, 2)), (7.0, 5.0, 9.0)),
    ]
    assert len(fake_engine.predictor.asked) == 1


def test_a_careful_look_embeds_all_views_and_needs_their_room(fake_engine, request_for, stack):
    asked, predictor = replace(request_for(stack), tta=True), fake_engine.predictor
    finish(fake_engine.segment_steps(asked))
    assert predictor.tta
    finish(fake_engine.prefetch_steps(asked))
    assert predictor.prefetched == []
    predictor.room = 24
    finish(fake_engine.prefetch_steps(asked))
    assert [key for (key, _) in predictor.prefetched] == [("v", Plane(0, 2))] * 4
    finish(fake_engine.segment_steps(request_for(stack)))
    assert not predictor.tta


def test_another_threshold_joins_the_undo_step_and_another_look_does_not(request_for, stack):
    asked = request_for(stack)
    stricter = replace(asked, threshold_offsets=(("vesicle", 1.0),))
    assert stricter.follows(asked)
    assert not replace(stricter, tta=True).follows(asked)
    assert not replace(stricter, coarse=True).follows(asked)
    assert replace(asked, coarse=True).embedding != asked.embedding


def test_nothing_is_embedded_that_would_drive_out_the_slice_shown(fake_engine, request_for, stack):
    fake_engine.predictor.room = 5
    finish(fake_engine.segment_steps(request_for(stack)))
    finish(fake_engine.prefetch_steps(request_for(stack)))
    assert fake_engine.predictor.prefetched == []


def test_a_contrast_that_was_chosen_is_not_measured(fake_engine, request_for, stack):
    asked = replace(request_for(stack), contrast=Contrast(10.0, 20.0))
    _, steps = finish(fake_engine.segment_steps(asked))
    assert fake_engine.predictor.contrast == Contrast(10.0, 20.0)
    assert "contrast" not in " ".join(step.what for step in steps)
    assert asked.embedding != request_for(stack).embedding


def test_a_constant_volume_is_refused_in_a_sentence(fake_engine, request_for):
    with pytest.raises(UserError, match="constant"):
        finish(fake_engine.segment_steps(request_for(np.ones((3, 8, 8)))))
    with pytest.raises(UserError, match="NaN"):
        finish(fake_engine.segment_steps(request_for(np.full((3, 8, 8), np.nan), volume="w")))


def test_the_outcome_is_told_in_plain_words(fake_engine, request_for, stack, classes):
    result, _ = finish(fake_engine.segment_steps(request_for(stack)))
    found = "3 classes on slice 1: 100.0 % of the pixels"
    assert replace(result, seconds=1.26).describe() == f"{found}, 1.3 s on cpu."
    result = replace(result, seconds=0.04)
    assert result.describe() == f"{found}.", "no 0.0 s"
    quarter = stack[1].size // 4
    assert "stay" not in result.describe({"reviewed": 1, UNNAMED: 1})
    assert result.describe({UNNAMED: quarter}).endswith(
        "; 25.0 % left unchanged (other classes or your edits)."
    )
    assert result.describe({"reviewed": quarter, "locked": 0, UNNAMED: 1}).endswith(
        "; 25.0 % are reviewed and stay."
    )
    assert result.describe({"locked": quarter, UNNAMED: quarter}).endswith(
        "; 25.0 % are locked and stay; 25.0 % left unchanged (other classes or your edits)."
    )
    nothing = SliceRequest("tiny", "v", stack, Plane(0, 1), None, classes[:1])
    assert nothing.describe() == "mitochondrion on slice 1"


def test_embeddings_are_told_apart_by_what_changes_them(request_for, stack):
    one = request_for(stack)
    assert one.embedding == request_for(stack).embedding
    for other in (
        request_for(stack, Plane(0, 2)),
        request_for(stack, voxel_size=(5, 5, 5)),
        request_for(stack, volume="w"),
    ):
        assert one.embedding != other.embedding
