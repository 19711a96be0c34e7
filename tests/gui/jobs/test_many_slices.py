from __future__ import annotations

from napari_scsam.gui.jobs.many_slices import SliceDone, segment_slices_steps
from napari_scsam.gui.jobs.slice_request import SliceRequest
from napari_scsam.gui.layers.plane import Plane


def test_each_slice_is_handed_over_as_it_comes(fake_engine, stack, classes):
    steps = segment_slices_steps(
        fake_engine, SliceRequest("tiny", "v", stack, Plane(0, 0), None, classes), [1, 3]
    )
    seen = list(steps)
    done = [step for step in seen if isinstance(step, SliceDone)]
    assert [step.result.request.plane for step in done] == [Plane(0, 1), Plane(0, 3)]
    assert [(step.done, step.total) for step in done] == [(1, 2), (2, 2)]
    assert seen.index(done[0]) < len(seen) - 4
    assert "embedding" in " ".join(step.what for step in seen)
