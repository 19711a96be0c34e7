"""Layers of every kind, and every verb: worked on, or refused before anything is written."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from at_once import AtOnce
from discs import DISCS
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_scsam.config import UserError
from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.layers.plane import Plane, full_resolution
from napari_scsam.gui.project.layers import image_source
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.accept import Accepting
from napari_scsam.gui.tools.correction import correct_work
from napari_scsam.gui.tools.correction.correct import Correcting
from napari_scsam.gui.tools.files.save_labels import SavingLabels
from napari_scsam.gui.tools.objects.find import FindingObjects
from napari_scsam.gui.tools.one_object import Prompting
from napari_scsam.gui.tools.segment import VOLUME, Segmenting
from napari_scsam.gui.tools.teach import Teaching
from napari_scsam.gui.tools.undo import Undoing
from napari_scsam.gui.tools.undo_run import UndoingRun
from napari_scsam.io.volumes import open_labels

AT = (5, 30, 40)
"""A voxel of a disc, and the slices shown."""

TURN = np.array([[1, 0, 0, 0], [0, 0.8, -0.6, 0], [0, 0.6, 0.8, 0], [0, 0, 0, 1]])
TILT = np.array([[0.8, -0.6, 0, 0], [0.6, 0.8, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
SHEAR = np.array([[1, 0, 0, 0], [0, 1, 0.5, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
LEAN = np.array([[1, 0, 0, 0], [0.5, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
TIMES = np.stack([np.zeros_like(DISCS), DISCS, DISCS[::-1]])
"""Three time points; the second one is looked at."""
DRIFT = np.eye(5)
DRIFT[2, 0] = 0.5
COLOURS = np.stack([DISCS, DISCS // 2, DISCS], -1)

WORKED_ON = {
    "a flat image": lambda: Image(DISCS[5]),
    "a volume": lambda: Image(DISCS),
    "channels": lambda: Image(DISCS, axis_labels=("c", "y", "x")),
    "a pyramid": lambda: Image([DISCS, DISCS[:, ::2, ::2]], multiscale=True),
    "turned in its slices": lambda: Image(DISCS, affine=TURN),
    "sheared in its slices": lambda: Image(DISCS, affine=SHEAR),
    "grey in colours": lambda: Image(np.stack([DISCS] * 3, -1), rgb=True),
    "flat, grey in colours": lambda: Image(np.stack([DISCS[5]] * 3, -1), rgb=True),
    "time points": lambda: Image(TIMES, scale=(60, 1, 1, 1), translate=(30, 2, 3, 4)),
    "one time point": lambda: Image(DISCS[None]),
    "channels and time points": lambda: Image(np.stack([TIMES] * 2)),
    "time points in a pyramid": lambda: Image([TIMES, TIMES[..., ::2, ::2]], multiscale=True),
    "time points, grey in colours": lambda: Image(np.stack([TIMES] * 3, -1), rgb=True),
}
REFUSED = {
    "tilted": lambda: Image(DISCS, affine=TILT),
    "leaning": lambda: Image(DISCS, affine=LEAN),
    "drifting with time": lambda: Image(TIMES, affine=DRIFT),
    "in colours": lambda: Image(COLOURS, rgb=True),
    "yes and no": lambda: Image(DISCS > 100),
}
ORDERS = ((1, 0, 2), (0, 2, 1), (2, 1, 0))


@pytest.fixture
def begin(fake_engine, predictor, info, monkeypatch):
    monkeypatch.setattr(correct_work, "MAX_SYNC_SECONDS", 60)

    def start(image, order=None):
        viewer = ViewerModel()
        session = Session(viewer, fake_engine, AtOnce)
        fake_engine.predictor = predictor
        one = SimpleNamespace(
            viewer=viewer, session=session, image=image, said=[], tools=session.part(Correcting)
        )
        session.part(Accepting)
        session.status.connect(one.said.append)
        one.tools.status.connect(one.said.append)
        session.choices.choose_checkpoint(info)
        session.choices.choose_image(viewer.add_layer(image))
        session.part(Segmenting).choose_classes(info.classes[:1])
        if order is not None:
            viewer.dims.order = order
        lead = [int(size > 1) for size in full_resolution(image).shape[:-3]]
        one.at = (*lead, *AT)[-image.ndim :]
        place = image.data_to_world(one.at)
        for axis, value in enumerate(place):
            viewer.dims.set_point(axis, value)
        viewer.cursor.position = tuple(place)
        one.said.clear()
        return one

    return start


def segment(one) -> None:
    one.session.part(Segmenting).segment()


def click(one) -> None:
    prompting = one.session.part(Prompting)
    prompting.start()
    if prompting.active:
        prompting.layers.points.add(one.at)
        prompting.accept()
        prompting.stop()


def stroke(one) -> None:
    teaching = one.session.part(Teaching)
    teaching.start("granule")
    if teaching.strokes is not None:
        layer = teaching.strokes.layer
        with layer.block_history():
            layer.paint(one.at, layer.selected_label)
        teaching.stop()


def use_tool(one) -> None:
    segment(one)
    one.tools.use("delete")


def save(one) -> None:
    segment(one)
    one.session.part(SavingLabels).save(str(one.path))


VERBS = (segment, click, stroke, use_tool, save)


def labels_of(one) -> list[Labels]:
    return [layer for layer in one.viewer.layers if isinstance(layer, Labels)]


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.__name__)
@pytest.mark.parametrize("kind", WORKED_ON)
def test_worked_on(begin, kind, verb, tmp_path):
    one = begin(WORKED_ON[kind]())
    one.path = tmp_path / "labels.zarr"
    verb(one)
    check_worked(one, verb)


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.__name__)
@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_worked_on_along_any_axis(begin, order, verb, tmp_path):
    one = begin(Image(DISCS), order)
    one.path = tmp_path / "labels.zarr"
    verb(one)
    check_worked(one, verb)
    hidden = order[0]
    labels = np.moveaxis(np.asarray(labels_of(one)[0].data), hidden, 0)
    assert not np.delete(labels, AT[hidden], 0).any(), "only the plane shown is written"


def check_worked(one, verb) -> None:
    assert len(labels_of(one)) == 1, one.said
    (labels,) = labels_of(one)
    assert labels.data.shape == full_resolution(one.image).shape
    corner = [0] * one.image.ndim
    for voxel in (corner, one.at):
        np.testing.assert_allclose(labels.data_to_world(voxel), one.image.data_to_world(voxel))
    value = int(labels.data[one.at])
    assert bool(value) == (verb is not use_tool), one.said
    assert labels.data.any() or verb is use_tool, one.said
    lead = one.at[: max(0, one.image.ndim - 3)]
    volume = labels.data[lead].copy()
    others = labels.data.copy()
    others[lead] = 0
    assert not others.any(), "only the time point shown is written"
    if verb is save:
        name = "_".join(["labels", *map(str, lead)])
        saved = open_labels(one.path.with_name(f"{name}.zarr")).data[...]
        np.testing.assert_array_equal(saved, volume)


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
@pytest.mark.parametrize("kind", REFUSED)
def test_refused_before_anything_is_written(begin, kind, tmp_path):
    one = begin(REFUSED[kind]())
    one.path = tmp_path / "labels.zarr"
    for verb in VERBS:
        one.said.clear()
        verb(one)
        assert list(one.viewer.layers) == [one.image], (verb, one.said)
        assert not one.path.exists()
        assert one.session.engine.predictor.asked == 0
        assert one.image.name in one.said[0], "it says which layer"
        assert ";" in one.said[0], "and what to do"


def show_time(one, index: int) -> None:
    one.viewer.dims.set_point(0, one.image.data_to_world((index, 0, 0, 0))[0])


def test_a_run_stays_in_the_time_point_that_it_began_in(begin):
    one = begin(WORKED_ON["time points"]())
    segmenting = one.session.part(Segmenting)
    segmenting.choose_scope(VOLUME)
    worker = one.session.jobs.worker
    worker.held.add(Job.SEGMENT_SLICES)
    segmenting.go()
    show_time(one, 2)
    worker.release()
    (labels,) = labels_of(one)
    assert labels.data[1].any(axis=(1, 2)).sum() > 5, one.said
    assert not labels.data[[0, 2]].any()
    one.session.part(Undoing).undo(labels)
    assert "of volume 1 (you are on slice 5 of volume 2)" in one.said[-1]
    one.session.part(UndoingRun).undo()
    assert not labels.data.any()


def test_marks_and_strokes_stay_on_their_time_point(begin):
    one = begin(WORKED_ON["time points"]())
    prompting = one.session.part(Prompting)
    prompting.start()
    prompting.layers.points.add(one.at)
    assert prompting.found is not None
    show_time(one, 2)
    assert prompting.found is None, "what was found at another time is not shown"
    prompting.stop()
    stroke_here = one.session.part(Teaching)
    show_time(one, 1)
    stroke_here.start("granule")
    layer = stroke_here.strokes.layer
    layer.paint(one.at, 1)
    assert stroke_here.strokes._planes(layer._undo_history[-1]) == (Plane(1, 5, (1,)),)


def test_each_channel_has_a_contrast_of_its_own(begin):
    one = begin(Image(np.stack([DISCS.astype(np.uint16), DISCS.astype(np.uint16) * 100])))
    one.session.part(Segmenting).segment()
    show_time(one, 0)
    one.session.part(Segmenting).segment()
    (labels,) = labels_of(one)
    np.testing.assert_array_equal(labels.data[0], labels.data[1])
    assert labels.data.any()


def test_a_project_and_objects_refuse_several_volumes(begin):
    one = begin(WORKED_ON["time points"]())
    segment(one)
    with pytest.raises(UserError, match="several volumes"):
        image_source(one.image)
    one.session.part(FindingObjects).find()
    assert "several volumes" in one.said[-1]
