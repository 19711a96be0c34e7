"""What was shown dies when it is gone from the window: layers, arrays, projects and what watched them."""

from __future__ import annotations

import gc
from weakref import ref

import numpy as np
import pytest
from qtpy.QtCore import QCoreApplication, QEvent

from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.tools.files.save_labels import SavingLabels
from napari_scsam.gui.tools.objects.find import FindingObjects
from napari_scsam.gui.tools.objects.store import ObjectStore
from napari_scsam.gui.tools.review import Reviewing
from napari_scsam.gui.tools.segment import Segmenting
from napari_scsam.project.image import copy_image

pytestmark = pytest.mark.gui


def collect() -> None:
    """Delete what Qt deletes in its event loop, and what nothing refers to."""
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.unfreeze()  # what `Garbage` set aside
    gc.collect()


def work(one, path, wait) -> dict[str, ref]:
    """Use every kind of tool in a new project of another image, and return what this made."""
    session = one.session
    list(copy_image(path / "cell.zarr", one.stack, (40.0, 8.0, 8.0), (0.0, 0.0, 0.0)))
    session.open_file(str(path / "cell.zarr"))
    one.finish()
    one.keeper.new(str(path / "mine"))
    one.finish()
    wait(lambda: one.keeper.project is not None)
    session.part(Segmenting).segment()
    one.finish()
    layer = one.keeper.labels
    layer.data_setitem((np.zeros(20, int), np.arange(20), np.full(20, 3)), 1)
    session.part(Reviewing).mark_slice()
    session.part(SavingLabels).save(str(path / "saved.zarr"))
    session.part(FindingObjects).find()
    one.finish()
    return {
        "image": ref(session.choices.image),
        "labels": ref(layer),
        "array": ref(layer.data),
        "outlines": ref(session.part(Reviewing).outlines),
        "objects": ref(session.part(ObjectStore).layer),
        "project": ref(one.keeper.project),
    }


def alive(made: dict[str, ref]) -> list[str]:
    return [name for name, one in made.items() if one() is not None]


@pytest.fixture
def one(window, stack):
    one = window()
    one.finish()
    one.stack = stack
    one.keeper = one.session.part(ProjectKeeper)
    return one


def test_nothing_of_a_project_outlives_it(one, tmp_path, wait):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    first = work(one, tmp_path / "first", wait)
    one.viewer.layers.clear()
    second = work(one, tmp_path / "second", wait)
    collect()
    assert alive(first) == [], "another project was created"
    assert alive(second) == list(second)
    wait(lambda: not one.keeper.project.unsaved)  # what is not on disk yet would be kept
    one.keeper.project.path.rename(tmp_path / "elsewhere")
    one.keeper.open_again()
    one.finish()
    one.viewer.layers.clear()
    collect()
    assert one.keeper.project is None
    assert alive(second) == [], "it could not be opened again"
