from __future__ import annotations

import gc

import numpy as np
import pytest
from at_once import AtOnce
from napari.components import ViewerModel
from napari.layers import Labels

from napari_scsam.gui.session import Session


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    viewer.add_labels(np.zeros((2, 4), np.uint8), name="old")
    return viewer


@pytest.fixture
def session(viewer, fake_engine, info):
    gc.unfreeze()
    session = Session(viewer, fake_engine, AtOnce)
    session.attach()
    assert gc.get_freeze_count() == 0
    session.choices.choose_checkpoint(info)
    yield session
    session.detach()


def add_and_remove(viewer: ViewerModel) -> None:
    viewer.layers.remove(viewer.add_layer(Labels(np.zeros((2, 4), np.uint8))))


def test_what_is_there_when_the_network_is_loaded_is_set_aside_until_the_session_ends(
    viewer, session
):
    assert gc.get_freeze_count() > 0
    add_and_remove(viewer)
    assert gc.get_freeze_count() > 0, (
        "a layer that came later is no reason to look at everything again"
    )
    session.attach()
    session.detach()
    assert gc.get_freeze_count() > 0
    session.detach()
    add_and_remove(viewer)
    assert gc.get_freeze_count() == 0
    session.attach()


def test_a_layer_that_was_there_can_be_freed_and_the_rest_is_set_aside_with_the_next_that_leaves(
    viewer, session
):
    viewer.layers.remove("old")
    assert gc.get_freeze_count() == 0
    add_and_remove(viewer)
    assert gc.get_freeze_count() > 0
