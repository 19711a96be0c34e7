"""What a new project begins with: the classes of a window, and a type that holds them."""

from types import SimpleNamespace

import numpy as np
import pytest

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.gui.project import new_project
from napari_scsam.gui.project.new_project import classes_of_window, dtype_for, new_project_steps

ER = ClassSpec(1, "ER")
MITO = ClassSpec(5, "mitochondrion")
OWN = ClassSpec(9, "granule")


def window(own=(), network=None, labels=None, renamed=None):
    """A session as these functions see it."""
    checkpoint = None
    if network is not None:
        checkpoint = SimpleNamespace(classes=network)
    choices = SimpleNamespace(
        own=own, checkpoint=checkpoint, image=None, current=(renamed or {}).get
    )
    return SimpleNamespace(choices=choices, labels=labels)


@pytest.fixture(autouse=True)
def _tables(monkeypatch):
    monkeypatch.setattr(new_project, "classes_of", lambda layer: layer.table)
    monkeypatch.setattr(new_project, "smallest_dtype", lambda layer: layer.dtype)


def test_classes_of_window_network_and_labels_are_joined_by_id():
    labels = SimpleNamespace(table=(ClassSpec(5, "mito"),))
    assert classes_of_window(window((OWN,), (MITO, ER), labels)) == (ER, labels.table[0], OWN)


def test_a_class_that_was_renamed_in_the_window_keeps_its_new_name():
    renamed = ClassSpec(5, "mitos", renamed_from="mitochondrion")
    assert classes_of_window(window((), (MITO,), renamed={MITO: renamed})) == (renamed,)


def test_a_window_without_classes_begins_with_one():
    assert classes_of_window(window()) == (ClassSpec(1, "organelle"),)
    nothing = SimpleNamespace(table=None)
    assert classes_of_window(window(labels=nothing)) == (ClassSpec(1, "organelle"),)


@pytest.mark.parametrize(
    ("highest", "dtype"), [(1, "u1"), (255, "u1"), (256, "u2"), (70_000, "u4")]
)
def test_the_type_holds_every_class(highest, dtype):
    assert dtype_for(window(), (ER, ClassSpec(highest, "x"))) == np.dtype(dtype)


@pytest.mark.parametrize(("stored", "dtype"), [("u1", "u1"), ("u2", "u2"), ("i2", "i2")])
def test_the_type_holds_the_labels_that_are_shown(stored, dtype):
    labels = SimpleNamespace(dtype=np.dtype(stored))
    assert dtype_for(window(labels=labels), (ER,)) == np.dtype(dtype)


def test_without_an_image_it_is_said_what_to_do():
    with pytest.raises(UserError, match="open a file or choose an image layer"):
        new_project_steps(window(), "work.zarr")
