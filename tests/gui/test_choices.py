from __future__ import annotations

from dataclasses import replace

import pytest
from at_once import AtOnce
from napari.components import ViewerModel
from napari.layers import Labels

from napari_scsam.config import ClassSpec
from napari_scsam.gui.choices import SWITCHES
from napari_scsam.gui.layers.class_table import VOXEL_SIZE_KEY
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.segment import Segmenting


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def session(viewer, fake_engine, info) -> Session:
    session = Session(viewer, fake_engine, AtOnce)
    session.choices.choose_checkpoint(info)
    return session


def labels_of(viewer) -> Labels:
    (found,) = [layer for layer in viewer.layers if isinstance(layer, Labels)]
    return found


def test_a_typed_voxel_size_goes_to_the_network_and_into_the_labels(viewer, session, stack):
    assert "open a file" in session.choices.explain_voxel_size()
    session.choices.type_voxel_size((1.0, 2.0, 3.0))
    session.choices.choose_image(viewer.add_image(stack))
    changes = []
    session.choices.image_changed.connect(lambda: changes.append(session.choices.voxel_size))
    session.choices.type_voxel_size((40.0, 10.0, 10.0))
    assert changes == [(40.0, 10.0, 10.0)]
    assert "5 nm" in session.choices.explain_voxel_size()
    session.part(Segmenting).segment()
    assert session.engine.predictor.asked[-1][1] == (40.0, 10.0, 10.0)
    assert labels_of(viewer).metadata[VOXEL_SIZE_KEY] == (40.0, 10.0, 10.0)


def test_another_checkpoint_keeps_the_classes_by_name(session, info, classes):
    session.part(Segmenting).choose_classes(classes[:1])
    session.choices.choose_checkpoint(
        replace(info, classes=(ClassSpec(7, "mitochondrion"), ClassSpec(8, "granule")))
    )
    assert [spec.id for spec in session.choices.chosen] == [7]
    session.choices.choose_checkpoint(replace(info, classes=(ClassSpec(8, "granule"),)))
    assert [spec.id for spec in session.choices.chosen] == [8]


def test_every_choice_is_announced_once(session, classes):
    changes = []
    choices = session.choices
    choices.choices_changed.connect(lambda: changes.append(choices.switches))
    choices.choose_classes(classes[:2])
    choices.set_threshold_offset(0.5)
    choices.set_replace_edits(True)
    choices.set_prefetch(False)
    choices.set_tta(True)
    assert changes[-1] == {"replace": True, "prefetch": False, "tta": True, "coarse": False}
    assert choices.threshold_offsets == {"mitochondrion": 0.5, "membrane": 0.5}
    choices.restore(["vesicle"], {"vesicle": 1.0}, **SWITCHES)
    assert choices.chosen == classes[2:]
    assert choices.threshold_offsets == {"vesicle": 1.0}
    assert changes[-1] == SWITCHES
    choices.set_coarse(True)
    assert changes[-1] == {**SWITCHES, "coarse": True}
    assert len(changes) == 7


def test_classes_that_the_network_does_not_know_choose_all_of_them(session, classes):
    session.choices.restore(["granule"], {}, **SWITCHES)
    assert session.choices.chosen == classes
