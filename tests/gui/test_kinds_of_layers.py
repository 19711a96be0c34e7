"""Layers of every kind, and every verb: worked on, or refused before anything is written."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from at_once import AtOnce
from discs import DISCS
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.accept import Accepting
from napari_scsam.gui.tools.correct import Correcting
from napari_scsam.gui.tools.files.save_labels import SavingLabels
from napari_scsam.gui.tools.one_object import Prompting
from napari_scsam.gui.tools.segment import Segmenting
from napari_scsam.gui.tools.teach import Teaching
from napari_scsam.io.volumes import open_labels

AT = (5, 30, 40)
"""A voxel of a disc, and the slices shown."""

TURN = np.array([[1, 0, 0, 0], [0, 0.8, -0.6, 0], [0, 0.6, 0.8, 0], [0, 0, 0, 1]])
TILT = np.array([[0.8, -0.6, 0, 0], [0.6, 0.8, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
SHEAR = np.array([[1, 0, 0, 0], [0, 1, 0.5, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
LEAN = np.array([[1, 0, 0, 0], [0.5, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
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
}
REFUSED = {
    "time points": lambda: Image(np.stack([DISCS] * 2)),
    "one time point": lambda: Image(DISCS[None]),
    "time points and channels": lambda: Image(np.stack([np.stack([DISCS] * 2)] * 2)),
    "tilted": lambda: Image(DISCS, affine=TILT),
    "leaning": lambda: Image(DISCS, affine=LEAN),
    "in colours": lambda: Image(COLOURS, rgb=True),
    "yes and no": lambda: Image(DISCS > 100),
}
ORDERS = ((1, 0, 2), (0, 2, 1), (2, 1, 0))


@pytest.fixture
def begin(fake_engine, predictor, info):
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
        one.at = AT[-image.ndim :] if image.ndim <= 3 else (0,) * (image.ndim - 3) + AT
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
    data = one.image.data[0] if one.image.multiscale else one.image.data
    shape = data.shape[:-1] if one.image.rgb else data.shape
    assert labels.data.shape == shape
    corner = [0] * one.image.ndim
    for voxel in (corner, one.at):
        np.testing.assert_allclose(labels.data_to_world(voxel), one.image.data_to_world(voxel))
    value = int(labels.data[one.at])
    assert bool(value) == (verb is not use_tool), one.said
    assert labels.data.any() or verb is use_tool, one.said
    if verb is save:
        np.testing.assert_array_equal(open_labels(one.path).data[...], labels.data)


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
