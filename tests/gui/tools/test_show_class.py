"""Choosing a class shows it, and writes nothing."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from at_once import AtOnce
from napari.components import ViewerModel
from napari.layers import Labels

from napari_scsam.gui.layers.shown_class import NAME
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.canvas.active_tool import ActiveTool
from napari_scsam.gui.tools.correction.correct_work import ObjectWork
from napari_scsam.gui.tools.segment import Segmenting
from napari_scsam.gui.tools.write_labels import LabelsWriter


@pytest.fixture
def one(fake_engine, info, stack, classes):
    viewer = ViewerModel()
    session = Session(viewer, fake_engine, AtOnce)
    session.choices.choose_checkpoint(info)
    session.choices.choose_image(viewer.add_image(stack, scale=(5, 2, 3), translate=(10, 20, 30)))
    said: list[str] = []
    session.status.connect(said.append)
    segmenting = session.part(Segmenting)
    segmenting.choose_classes(classes[:1])
    segmenting.segment()
    (labels,) = (layer for layer in viewer.layers if isinstance(layer, Labels))
    return SimpleNamespace(
        viewer=viewer, session=session, segmenting=segmenting, said=said, labels=labels
    )


def test_choosing_changes_no_label_and_no_selection(one, classes):
    before = one.labels.data.copy()
    one.viewer.layers.selection.active = one.labels
    one.segmenting.choose_classes(classes[1:2])
    np.testing.assert_array_equal(one.labels.data, before)
    assert one.viewer.layers.selection.active is one.labels
    assert "Only shown: Segment (Shift+S) writes it." in one.said[-1]


def test_it_is_shown_where_it_would_be_written(one, classes):
    z = one.viewer.dims.current_step[0]
    one.segmenting.choose_classes(classes[1:2])
    shown = one.viewer.layers[NAME]
    corner = one.session.choices.image.data_to_world((z, 0, 0))
    np.testing.assert_allclose(shown.data_to_world((0, 0, 0)), corner)
    found = np.asarray(shown.data[0])
    one.segmenting.segment()
    assert NAME not in one.viewer.layers
    np.testing.assert_array_equal(one.labels.data[z] == 2, found == 2)


def test_another_class_is_shown_on_the_same_layer_in_its_colour(one, classes):
    added = []
    one.viewer.layers.events.inserted.connect(lambda event: added.append(event.value.name))
    one.segmenting.choose_classes(classes[1:2])
    first = one.viewer.layers[NAME]
    assert set(np.unique(first.data)) == {0, 2}
    one.segmenting.choose_classes(classes[2:])
    assert one.viewer.layers[NAME] is first
    assert first.visible
    assert added == [NAME], "napari takes long to add a layer"
    assert 2 not in first.data


def test_a_class_that_is_written_already_is_not_shown_again(one, classes):
    one.segmenting.choose_classes(classes[1:2])
    assert NAME in one.viewer.layers
    one.segmenting.choose_classes(classes[:1])
    assert NAME not in one.viewer.layers


def test_it_hides_no_correction(one, classes):
    session = one.session
    for begin in (
        lambda: session.part(ActiveTool).activate("some tool", lambda: None),
        session.part(ObjectWork).writing.emit,
        session.part(LabelsWriter).writing.emit,
    ):
        one.segmenting.choose_classes(classes[1:2])
        assert NAME in one.viewer.layers
        begin()
        assert NAME not in one.viewer.layers
        session.part(ActiveTool).deactivate()


def test_another_slice_image_or_network_is_shown_without_it(one, classes, info):
    for leave in (
        lambda: one.viewer.dims.set_current_step(0, 0),
        lambda: one.session.choices.choose_image(one.session.choices.image),
        lambda: one.session.choices.choose_checkpoint(info),
    ):
        one.viewer.dims.set_current_step(0, 1)
        one.segmenting.choose_classes(classes[:1])
        one.segmenting.segment()
        one.segmenting.choose_classes(classes[1:2])
        assert NAME in one.viewer.layers
        leave()
        assert NAME not in one.viewer.layers


def test_what_is_written_already_is_not_shown_again(one, classes):
    one.segmenting.choose_classes(classes[1:2])
    one.segmenting.choose_classes(classes[:1])
    assert NAME not in one.viewer.layers
    assert "Only shown" not in one.said[-1]
