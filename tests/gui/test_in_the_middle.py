"""Two viewers at once; and viewers and layers that go while something is worked on."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from napari.layers import Image, Labels
from napari.utils.notifications import notification_manager

from napari_scsam.config import UserError
from napari_scsam.gui.layers import write_edit as edit_writing
from napari_scsam.gui.layers.locks import lock, locked_labels
from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.tools.correction import correct_work as object_work
from napari_scsam.gui.tools.correction.correct import Correcting
from napari_scsam.gui.tools.one_object import Prompting
from napari_scsam.gui.tools.segment import Segmenting
from napari_scsam.project.project import Project

pytestmark = pytest.mark.gui

PLACE = {"scale": (40, 8, 8), "translate": (400, 80, 16), "units": ("nm",) * 3}


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("scsam")]


@pytest.fixture(autouse=True)
def no_thread_and_no_error(wait):
    notification_manager.records.clear()
    yield
    wait(lambda: not threads())
    assert not [
        record.message for record in notification_manager.records if str(record.severity) == "error"
    ]


@pytest.fixture
def begin(window, tmp_path, wait):
    """Open a window on an image, with a project where it is given a name."""

    def open_window(data, project: str = ""):
        one = window(Image(data, **PLACE))
        one.finish()
        one.keeper, one.segmenting = one.session.part(ProjectKeeper), one.session.part(Segmenting)
        one.tools, one.prompting = one.session.part(Correcting), one.session.part(Prompting)
        if project:
            one.path = tmp_path / f"{project}.scsam.zarr"
            one.keeper.new(str(one.path))
            wait(lambda: one.keeper.project is not None)
            one.finish()
        return one

    return open_window


def segmented(plane: np.ndarray) -> np.ndarray:
    """What the stand-in for the network makes of a slice."""
    low, high = np.quantile(plane, (1 / 3, 2 / 3))
    return np.select([plane <= low, plane >= high], [1, 3], 2)


def labels_of(one) -> Labels:
    return one.session.labels


def slices_of(one) -> list[int]:
    """The slices that hold labels."""
    return np.flatnonzero(np.asarray(labels_of(one).data).any(axis=(1, 2))).tolist()


def run_over_all(one, seconds_per_tile: float = 0.03) -> None:
    one.engine.predictor.seconds_per_tile = seconds_per_tile
    one.segmenting.choose_scope("volume")
    one.segmenting.go()


def on_disk(path, name: str = "classes") -> np.ndarray:
    project = Project(path)
    try:
        return np.asarray(project.array(name))
    finally:
        project.close()


def test_two_viewers_that_segment_at_once_get_their_own(begin, stack):
    one, two = begin(stack), begin(stack[:, ::-1, ::-1].copy())
    for each in (one, two):
        run_over_all(each, 0.005)
    one.finish()
    two.finish()
    for each in (one, two):
        np.testing.assert_array_equal(
            labels_of(each).data, [segmented(plane) for plane in each.session.choices.image.data]
        )
        assert len(each.viewer.layers) == 2
    labels_of(one).undo()
    assert slices_of(one) == [0, 1, 2]
    assert slices_of(two) == [0, 1, 2, 3]


def test_a_viewer_that_closes_in_the_middle_of_a_run_keeps_what_was_seen_and_leaves_the_other_alone(
    begin, stack, wait
):
    one, two = begin(stack, "one"), begin(stack[:, ::-1].copy(), "two")
    for each in (one, two):
        run_over_all(each)
    wait(lambda: slices_of(one) and slices_of(two))
    labels, path = labels_of(one), one.path
    seen = np.asarray(labels.data)
    one.viewer.close()
    two.finish()
    assert 0 < len(np.flatnonzero(seen.any(axis=(1, 2)))) < 4, "it was in the middle"
    found = on_disk(path)
    np.testing.assert_array_equal(found[seen > 0], seen[seen > 0])
    np.testing.assert_array_equal(found, np.asarray(labels.data))
    np.testing.assert_array_equal(on_disk(path, "predicted"), found)
    labels_of(two).undo()
    two.finish()
    labels_of(two).redo()
    two.finish()
    np.testing.assert_array_equal(
        labels_of(two).data, [segmented(plane) for plane in two.session.choices.image.data]
    )
    two.viewer.close()
    np.testing.assert_array_equal(on_disk(two.path), [segmented(plane) for plane in stack[:, ::-1]])


def is_free(path) -> bool:
    """Whether nobody holds a project open."""
    try:
        Project(path).close()
    except UserError:
        return False
    return True


@pytest.mark.parametrize("when", ["begun", "made and not told of"])
def test_a_viewer_that_closes_while_a_project_is_made_leaves_a_whole_one_or_none(
    begin, stack, tmp_path, wait, when
):
    one, path = begin(stack), tmp_path / "mine.scsam.zarr"
    worker = one.session.jobs.worker
    one.keeper.new(str(path))
    if when == "made and not told of":
        worker._open[-1].future.result(30)
        assert path.exists()
    one.viewer.close()
    wait(lambda: not threads())
    assert not list(tmp_path.glob(".*"))
    wait(lambda: not path.exists() or is_free(path))


@pytest.mark.parametrize(("scope", "project"), [("slice", ""), ("volume", "mine")])
def test_an_image_that_goes_in_the_middle_of_a_run_takes_the_run_with_it(
    begin, stack, wait, scope, project
):
    one = begin(stack, project)
    one.session.part(Segmenting).segment()
    one.finish()
    labels, image = labels_of(one), one.session.choices.image
    before = np.asarray(labels.data)
    one.engine.predictor.count, one.engine.predictor.seconds_per_tile = 10_000, 0.005
    one.segmenting.choose_scope(scope)
    one.segmenting.go()
    wait(lambda: one.widget.work.bar.value() > 0 or scope == "volume")
    wait(one.widget.work.cancel.isVisible)
    one.viewer.layers.remove(image)
    wait(lambda: one.engine.predictor.closed == 1)
    one.finish()
    np.testing.assert_array_equal(np.asarray(labels.data), before)
    assert not one.widget.work.cancel.isVisible()
    if project:
        one.viewer.close()
        np.testing.assert_array_equal(on_disk(one.path), before)


@pytest.mark.parametrize("project", ["", "mine"])
def test_labels_that_go_in_the_middle_of_a_run_are_kept_and_stop_it(begin, stack, wait, project):
    one = begin(stack, project)
    run_over_all(one)
    wait(lambda: labels_of(one) is not None and slices_of(one))
    labels = labels_of(one)
    lock(labels, 9, locked=True)
    if project:
        one.keeper.saver.save()
    one.viewer.layers.remove(labels)
    one.finish()
    seen = np.asarray(labels.data)
    written = np.flatnonzero(seen.any(axis=(1, 2))).tolist()
    assert written != [0, 1, 2, 3]
    assert not [
        layer for layer in one.viewer.layers if isinstance(layer, Labels) and layer.editable
    ], "nothing came in its place"
    one.viewer.dims.set_current_step(0, 3)
    one.session.part(Segmenting).segment()
    one.finish()
    again = labels_of(one)
    assert again is not labels
    assert again in one.viewer.layers
    np.testing.assert_array_equal(np.asarray(again.data)[3], segmented(stack[3]))
    if project:
        assert one.keeper.labels is again, "the project's own labels come back"
        assert locked_labels(again) == (9,)
        np.testing.assert_array_equal(np.asarray(again.data)[written], seen[written])
        one.viewer.close()
        np.testing.assert_array_equal(on_disk(one.path), np.asarray(again.data))


@pytest.fixture
def carried(begin, predictor, wait):
    """A window in which an object is being carried through the slices."""
    y, x = np.mgrid[:64, :80]
    data = np.repeat(
        np.where(np.hypot(y - 30, x - 40) < 12, 220, 20).astype(np.uint8)[None], 9, axis=0
    )

    def carry(project: str):
        one = begin(data, project)
        one.engine.predictor = predictor
        one.prompting.start()
        one.finish()
        one.prompting.layers.points.add((one.session.request().plane.position, 30, 40))
        wait(lambda: one.prompting.found is not None)
        one.finish()
        answer = predictor.predict_prompts
        predictor.predict_prompts = lambda *args, **more: time.sleep(0.02) or answer(*args, **more)
        one.prompting.propagate()
        wait(lambda: one.widget.work.bar.value() > 1)
        return one

    return carry


@pytest.mark.parametrize("goes", ["image", "prompts", "viewer"])
def test_what_goes_while_an_object_is_carried(carried, wait, goes):
    one = carried("mine")
    labels, worker = one.keeper.labels, one.session.jobs.worker
    if goes == "viewer":
        one.viewer.close()
    else:
        one.viewer.layers.remove(
            one.session.choices.image if goes == "image" else one.prompting.layers.points
        )
    wait(lambda: not worker._open or goes == "viewer", 60_000)
    if goes == "prompts":
        one.finish()
        assert (np.asarray(labels.data) == 1).any(axis=(1, 2)).all(), (
            "the object was accepted; it is carried to the end"
        )
    else:
        assert not np.asarray(labels.data).any()
        assert one.prompting.layers is None or goes == "viewer"
    if goes != "viewer":
        assert not one.prompting.active
        one.viewer.close()
    np.testing.assert_array_equal(on_disk(one.path), np.asarray(labels.data))


@pytest.fixture
def deleting(begin, stack, monkeypatch, wait):
    """A window in which a large object is being deleted, on the thread or, when it is found, bit by bit on the screen."""
    monkeypatch.setattr(object_work, "MAX_SYNC_WORK", 100)
    monkeypatch.setattr(edit_writing, "EDIT_BATCH", 50)
    monkeypatch.setattr(object_work, "EDIT_BATCH", 50)

    def delete(when: str):
        one = begin(stack, "mine")
        layer = one.keeper.labels
        where = np.nonzero(np.ones((4, 40, 60), bool))
        layer.data_setitem(where, 2)
        one.tools.settings.whole = True
        one.viewer.layers.selection.active = layer
        one.viewer.dims.set_current_step(0, 1)
        one.viewer.cursor.position = tuple(layer.data_to_world((1, 20, 20)))
        one.tools.use("delete")
        assert one.tools._work.worker.busy("tool")
        if when == "writing":
            wait(lambda: np.count_nonzero(np.asarray(layer.data)) < 4 * 40 * 60)
        one.layer = layer
        return one

    return delete


@pytest.mark.parametrize(
    ("when", "goes"),
    [("looking", "labels"), ("looking", "viewer"), ("writing", "labels"), ("writing", "viewer")],
)
def test_what_goes_while_an_object_tool_works_leaves_all_of_the_edit_or_nothing(
    deleting, wait, goes, when
):
    one = deleting(when)
    if goes == "viewer":
        one.viewer.close()
    else:
        one.viewer.layers.remove(one.layer)
        work = one.tools._work.worker
        wait(lambda: not (work.busy() or work._small))
    left = np.asarray(one.layer.data)
    assert np.count_nonzero(left) in (0, 4 * 40 * 60)
    assert left.any() == (when == "looking"), "it stops, but not in the middle of writing"
    if goes != "viewer":
        one.viewer.close()
    np.testing.assert_array_equal(on_disk(one.path), left)
