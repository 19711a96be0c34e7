from __future__ import annotations

import numpy as np
import pytest
from discs import DISCS, MIDDLE, ONE, PLACE, labels_of, point
from napari.layers import Image
from napari.utils.notifications import notification_manager

from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.tools.propagate import FLAT, MAX_SLICES, PROPAGATING, Propagating


@pytest.fixture
def one(prompted):
    point(prompted, MIDDLE, 30, 40)
    prompted.tool = prompted.session.part(Propagating)
    return prompted


def written(one) -> list[int]:
    """The slices with labels."""
    return np.flatnonzero(np.asarray(labels_of(one).data).any(axis=(1, 2))).tolist()


def test_an_object_is_accepted_on_all_its_slices_and_its_ends_are_known(one):
    one.tool.propagate(one.prompting.found)
    np.testing.assert_array_equal(np.asarray(labels_of(one).data) > 0, ONE)
    assert sorted(one.tool.ends) == [1, 9]
    assert PROPAGATING in one.said


@pytest.mark.parametrize("limit", [1, 2])
def test_it_goes_no_further_than_the_limit(one, limit):
    assert one.tool.max_slices == MAX_SLICES
    one.tool.limit(limit)
    one.tool.propagate(one.prompting.found)
    assert written(one) == list(range(MIDDLE - limit, MIDDLE + limit + 1))
    assert one.tool.ends == ()


def test_the_ends_are_those_of_the_last_object(one):
    one.tool.propagate(one.prompting.found)
    assert one.tool.ends
    one.tool.limit(1)
    point(one, MIDDLE, 60, 95)
    one.tool.propagate(one.prompting.found)
    assert one.tool.ends == ()


def test_an_object_that_is_still_propagated_changes_nothing_when_cancelled(one):
    one.session.jobs.worker.held.add(Job.PROPAGATE)
    one.tool.propagate(one.prompting.found)
    one.session.jobs.cancel(Job.PROPAGATE)
    one.session.jobs.worker.release()
    assert not [layer for layer in one.viewer.layers if layer.name.endswith("organelles")]
    assert one.tool.ends == ()


def test_a_flat_image_has_no_other_slices(start_prompting):
    flat = start_prompting(Image(DISCS[MIDDLE]))
    point(flat, 30, 40)
    notification_manager.records.clear()
    flat.session.part(Propagating).propagate(flat.prompting.found)
    assert [str(record.message) for record in notification_manager.records] == [
        FLAT[0].upper() + FLAT[1:] + "."
    ]
    assert Job.PROPAGATE not in flat.session.jobs.worker.kinds


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_an_end_is_shown_along_the_axis_of_the_slices(one, axis):
    one.viewer.dims.order = (axis, *(a for a in range(3) if a != axis))
    one.tool.go_to(8)
    expected = PLACE["translate"][axis] + 8 * PLACE["scale"][axis]
    assert one.viewer.dims.point[axis] == pytest.approx(expected)


def test_where_no_slices_are_shown_it_goes_nowhere(one):
    before = one.viewer.dims.point
    one.viewer.dims.ndisplay = 3
    one.tool.go_to(8)
    assert one.viewer.dims.point == before
    one.viewer.dims.ndisplay = 2
    one.session.choices.choose_image(None)
    one.tool.go_to(8)
    assert one.viewer.dims.point == before
