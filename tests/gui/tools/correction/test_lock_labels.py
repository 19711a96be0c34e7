"""Locking classes and objects."""

from __future__ import annotations

import numpy as np
import pytest
from at_once import AtOnce
from napari.components import ViewerModel

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.gui.layers.class_table import class_table
from napari_scsam.gui.layers.locks import locked_labels
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.correction.correct_work import ObjectWork
from napari_scsam.gui.tools.correction.lock_labels import Locking

CLASSES = (ClassSpec(1, "mitochondrion"), ClassSpec(4, "vesicle"))


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def session(viewer: ViewerModel, fake_engine) -> Session:
    return Session(viewer, fake_engine, AtOnce)


@pytest.fixture
def locking(session: Session) -> Locking:
    return session.part(Locking)


@pytest.fixture
def said(session: Session) -> list[str]:
    sentences: list[str] = []
    session.part(ObjectWork).status.connect(sentences.append)
    return sentences


def labels(viewer: ViewerModel, **options):
    data = np.zeros((3, 6, 6), np.uint8)
    data[:, 1:3, 1:3] = 4
    return viewer.add_labels(data, **options)


def test_nothing_is_locked_without_labels(locking: Locking) -> None:
    assert locking.locks == ()


def test_all_classes_are_listed_and_none_is_locked(viewer, locking: Locking) -> None:
    labels(viewer, **class_table(CLASSES))
    assert locking.locks == ((1, "mitochondrion", False), (4, "vesicle", False))


def test_a_class_is_locked_and_unlocked(viewer, locking: Locking, said: list[str]) -> None:
    layer = labels(viewer, **class_table(CLASSES))
    changes = []
    locking.changed.connect(lambda: changes.append(locked_labels(layer)))
    locking.set_locked(4, locked=True)
    assert locking.locks == ((1, "mitochondrion", False), (4, "vesicle", True))
    locking.set_locked(4, locked=False)
    assert changes == [(4,), ()]
    assert said == [
        "Locked vesicle: neither the model nor an object tool changes it.",
        "Unlocked vesicle: it can be changed again.",
    ]


def test_objects_are_listed_only_when_they_are_locked(viewer, locking: Locking) -> None:
    labels(viewer)
    assert locking.locks == ()
    locking.set_locked(4, locked=True)
    assert locking.locks == ((4, "object 4", True),)


def test_the_label_under_the_mouse_is_locked_and_unlocked(viewer, locking: Locking) -> None:
    layer = labels(viewer)
    viewer.dims.set_current_step(0, 1)
    viewer.cursor.position = (1, 2, 2)
    locking.toggle(viewer)
    assert locked_labels(layer) == (4,)
    locking.toggle(viewer)
    assert locked_labels(layer) == ()


def test_background_cannot_be_locked(viewer, locking: Locking) -> None:
    layer = labels(viewer)
    viewer.cursor.position = (0, 5, 5)
    with pytest.raises(UserError, match="no object under the mouse"):
        locking.toggle(viewer)
    assert locked_labels(layer) == ()


def test_the_model_leaves_locked_labels_alone(viewer, session, locking: Locking) -> None:
    layer = labels(viewer)
    locking.set_locked(4, locked=True)
    protect = session.protections["locked"]
    np.testing.assert_array_equal(
        protect(layer, None, slice(None), layer.data[0]), layer.data[0] == 4
    )
