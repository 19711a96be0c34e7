from __future__ import annotations

import numpy as np
import pytest
from at_once import AtOnce
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.key_bindings import coerce_keybinding

from napari_scsam.gui.layers.strokes import REDO, UNDO
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.undo import Undoing


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def session(viewer, fake_engine) -> Session:
    return Session(viewer, fake_engine, AtOnce)


@pytest.fixture
def said(session) -> list[str]:
    sentences: list[str] = []
    session.status.connect(sentences.append)
    return sentences


def press(layer, key: str) -> None:
    layer.keymap[coerce_keybinding(key)](layer)


def write(layer, *slices: int) -> None:
    z = np.array(slices)
    layer.data_setitem((z, z + 1, z + 1), 3)


def stroke(layer, z: int) -> None:
    layer.selected_label, layer.brush_size = 2, 3
    layer.paint((z, 4, 4), 2)


@pytest.mark.parametrize("edit", [write, stroke])
def test_what_is_undone_elsewhere_is_told(viewer, session, said, edit):
    session.part(Undoing)
    layer = viewer.add_labels(np.zeros((6, 9, 9), np.uint8))
    viewer.dims.set_current_step(0, 2)
    edit(layer, 4)
    press(layer, UNDO)
    assert not layer.data.any()
    assert said[-1] == "Undone on slice 4 (you are on slice 2)."
    viewer.dims.set_current_step(0, 4)
    press(layer, REDO)
    assert layer.data[4].any()
    assert said[-1] == "Redone on slice 4."
    press(layer, REDO)
    assert said[-1] == "There is nothing to redo."


def test_an_edit_through_slices_and_other_axes(viewer, session, said):
    layer = viewer.add_labels(np.zeros((6, 9, 9), np.uint8))
    session.part(Undoing)  # a layer that was there before has the keys, too
    viewer.dims.set_current_step(0, 0)
    write(layer, 2, 3, 4)
    press(layer, UNDO)
    assert said[-1] == "Undone on slices 2–4 (you are on slice 0)."
    viewer.dims.order = (1, 0, 2)
    viewer.dims.set_current_step(1, 5)
    press(layer, REDO)
    assert said[-1] == "Redone on slices 3–5."
    viewer.dims.ndisplay = 3
    press(layer, UNDO)
    assert said[-1] == "Undone."


def test_a_flat_image_has_no_slices(viewer, session, said):
    session.part(Undoing)
    layer = viewer.add_labels(np.zeros((9, 9), np.uint8))
    layer.data_setitem((np.array([1]), np.array([2])), 3)
    press(layer, UNDO)
    assert said[-1] == "Undone."
    session.part(Undoing).undo(None)
    assert said[-1] == "There is nothing to undo."


def test_the_keys_are_napari_s_again_afterwards(viewer, session):
    session.part(Undoing)
    layer = viewer.add_labels(np.zeros((6, 9, 9), np.uint8))
    assert layer.keymap
    session.attach()
    session.detach()
    assert not layer.keymap
    assert not viewer.add_layer(Labels(np.zeros((6, 9, 9), np.uint8))).keymap
