from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager

from napari_scsam.config import UserError
from napari_scsam.gui.layers import write_edit
from napari_scsam.gui.layers.plane import Plane
from napari_scsam.gui.layers.pointing import LayerPlane
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.correction import correct_work, label_index
from napari_scsam.gui.tools.correction.correct_work import (
    BUSY,
    NO_CHANGE,
    ObjectWork,
    check_writable,
)
from napari_scsam.objects.tools import delete, grow
from napari_scsam.steps import Progress

SEED = (1, 5, 5)


@pytest.fixture
def one(qtbot, fake_engine):  # reports come through the event loop
    viewer = ViewerModel()
    data = np.zeros((3, 16, 20), np.uint8)
    data[:, 4:8, 4:9] = 7
    layer = viewer.add_labels(data)
    session = Session(viewer, fake_engine)
    session.attach()
    work = session.part(ObjectWork)
    said: list[str] = []
    working: list[bool] = []
    work.status.connect(said.append)
    work.working.connect(working.append)
    target = LayerPlane(layer, Plane(0, 1))
    yield SimpleNamespace(
        viewer=viewer, layer=layer, work=work, said=said, working=working, target=target
    )
    session.detach()


def start(one, tool=delete, *, whole=True, boxed=False, did="Deleted object 7") -> None:
    one.work.start(
        one.target,
        lambda place: tool(place, SEED),
        partial(one.work.write, one.target, did),
        whole=whole,
        seed=SEED,
        boxed=boxed,
    )


def test_small_work_is_done_at_once(one):
    start(one, whole=False)
    assert not one.layer.data[1].any()
    assert (one.layer.data == 7).sum() == 2 * 4 * 5
    assert one.said == ["Deleted object 7: 20 pixels changed. Ctrl+Z undoes it."]
    assert one.working == []


def test_large_work_goes_to_the_thread_and_refuses_another_meanwhile(one, monkeypatch, wait):
    monkeypatch.setattr(correct_work, "MAX_SYNC_WORK", 0)
    start(one)
    assert one.working == [True]
    with pytest.raises(UserError) as caught:
        one.work.check_idle()
    assert str(caught.value) == BUSY
    wait(lambda: one.said)
    assert not one.layer.data.any()
    assert one.said == ["Deleted object 7: 60 pixels changed. Ctrl+Z undoes it."]
    assert one.working[-1] is False
    one.work.check_idle()


def test_an_instance_layer_is_searched_before_and_the_tool_waits(one, monkeypatch, wait):
    monkeypatch.setattr(label_index, "MAX_SYNC_VOXELS", 0)
    start(one, boxed=True)
    assert one.said == ["Searching the layer for its objects, once …"]
    assert one.layer.data.any()
    wait(lambda: len(one.said) == 2)
    assert not one.layer.data.any()


def test_cancelled_work_changes_nothing(one, monkeypatch, wait):
    monkeypatch.setattr(label_index, "MAX_SYNC_VOXELS", 0)
    before = one.layer.data.copy()
    start(one, boxed=True)
    one.work.cancel()
    wait(lambda: not one.work.worker.busy())
    np.testing.assert_array_equal(one.layer.data, before)
    assert one.said[-1] == "Cancelled; nothing was changed."
    assert one.working[-1] is False
    one.work.check_idle()


def test_removing_the_layer_cancels_the_work_on_it_and_no_other(one, monkeypatch):
    monkeypatch.setattr(label_index, "MAX_SYNC_VOXELS", 0)
    other = one.viewer.add_points(ndim=3)
    start(one, boxed=True)
    one.viewer.layers.remove(other)
    assert "Cancelled" not in one.said[-1]
    one.viewer.layers.remove(one.layer)
    assert one.said[-1] == "Cancelled; nothing was changed."


def test_work_that_fails_on_the_thread_is_told_and_the_next_goes(one, monkeypatch, wait):
    monkeypatch.setattr(correct_work, "MAX_SYNC_WORK", 0)
    notification_manager.records.clear()

    def fail(_place, _seed):
        yield Progress(0, 9, "working")
        raise UserError("the object is too large; use a smaller one")

    start(one, fail)
    wait(lambda: one.said)
    assert one.said == ["The object is too large; use a smaller one."]
    assert len(notification_manager.records) == 1
    start(one)
    wait(lambda: len(one.said) == 2)
    assert not one.layer.data.any()


def test_an_attempt_reports_any_error(one):
    notification_manager.records.clear()

    def fail():
        raise ZeroDivisionError("division by zero")

    one.work.attempt(fail)
    assert one.said == ["Division by zero."]
    assert len(notification_manager.records) == 1


def test_a_tool_that_finds_nothing_to_change_says_so(one):
    one.layer.data[one.layer.data == 0] = 9
    with pytest.raises(UserError) as caught:
        start(one, lambda place, seed: grow(place, seed, 2))
    assert str(caught.value) == NO_CHANGE
    assert not one.layer._undo_history


def test_many_pixels_are_written_in_the_event_loop_as_one_undo_step(one, monkeypatch, wait):
    monkeypatch.setattr(correct_work, "EDIT_BATCH", 8)
    monkeypatch.setattr(write_edit, "EDIT_BATCH", 8)
    before = one.layer.data.copy()
    start(one)
    wait(lambda: one.said)
    assert not one.layer.data.any()
    assert len(one.layer._undo_history) == 1
    one.layer.undo()
    np.testing.assert_array_equal(one.layer.data, before)


def test_what_cannot_be_written_is_left_alone(one):
    before = one.layer.data.copy()
    one.layer.editable = False
    with pytest.raises(UserError, match="cannot be edited; unlock it"):
        start(one)
    with pytest.raises(UserError, match="cannot be edited; unlock it"):
        check_writable(one.layer)
    np.testing.assert_array_equal(one.layer.data, before)
