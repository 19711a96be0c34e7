"""The probability of a class and its similarity are shown, and follow class and slice."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from at_once import AtOnce
from napari.components import ViewerModel
from napari.layers import Image

from napari_scsam.gui.jobs.class_map import MapKind
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.segment import Segmenting
from napari_scsam.gui.tools.show_map import ShowingMap
from napari_scsam.steps import drive


@pytest.fixture
def one(fake_engine, info, stack, predictor):
    viewer = ViewerModel()
    fake_engine.predictor = predictor
    session = Session(viewer, fake_engine, AtOnce)
    session.choices.choose_checkpoint(info)
    session.choices.choose_image(viewer.add_image(stack, scale=(5, 2, 3), translate=(10, 20, 30)))
    showing = session.part(ShowingMap)
    segmenting = session.part(Segmenting)
    return SimpleNamespace(
        viewer=viewer, session=session, showing=showing, segmenting=segmenting, predictor=predictor
    )


@pytest.fixture
def info(info, predictor):
    return replace(info, classes=predictor.classes)


def maps(one) -> list[Image]:
    return [layer for layer in one.viewer.layers if ": " in layer.name]


def test_the_probability_follows_the_class_and_the_slice(one):
    classes = one.session.choices.classes
    one.segmenting.choose_classes(classes[:1])
    active = one.viewer.layers.selection.active
    one.showing.choose(MapKind.PROBABILITY)
    (layer,) = maps(one)
    assert layer.name == f"probability: {classes[0].name}"
    assert one.viewer.layers.selection.active is active
    expected = drive(one.predictor.probability_steps(classes[0].name))
    np.testing.assert_allclose(layer.data[0], expected)
    z = one.viewer.dims.current_step[0]
    corner = one.session.choices.image.data_to_world((z, 0, 0))
    np.testing.assert_allclose(layer.data_to_world((0, 0, 0)), corner)
    one.segmenting.choose_classes(classes[1:2])
    assert [layer.name for layer in maps(one)] == [f"probability: {classes[1].name}"]
    one.viewer.dims.set_current_step(0, 0)
    (layer,) = maps(one)
    assert layer.data_to_world((0, 0, 0))[0] == 10
    one.showing.choose(MapKind.NOTHING)
    assert not maps(one)


def test_probabilities_of_all_classes_and_background_are_one(one):
    one.segmenting.choose_classes(one.session.choices.classes[:1])
    one.showing.choose(MapKind.PROBABILITY)
    names = [spec.name for spec in one.predictor.classes]
    shares = [drive(one.predictor.probability_steps(name)) for name in names]
    logits = one.predictor.class_logits()
    background = 1 / (1 + np.exp(logits).sum(axis=0))
    np.testing.assert_allclose(sum(shares) + background, 1, rtol=1e-4)


def test_the_similarity_is_a_cosine_at_the_place_of_the_features(one):
    one.segmenting.choose_classes(one.session.choices.classes[:1])
    one.showing.choose(MapKind.SIMILARITY)
    (layer,) = maps(one)
    assert -1 <= layer.data.min() < layer.data.max() <= 1
    assert layer.data.shape[1:] == one.session.choices.image.data.shape[1:]


def test_without_an_image_nothing_is_shown(one):
    one.showing.choose(MapKind.PROBABILITY)
    one.session.choices.choose_image(None)
    assert not maps(one)
