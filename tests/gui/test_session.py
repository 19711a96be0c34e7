from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pint
import pytest
import tifffile
from at_once import AtOnce
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.notifications import notification_manager

from napari_scsam.checkpoints.find import checkpoint_info
from napari_scsam.gui.jobs.jobs import OF_IMAGE, Job
from napari_scsam.gui.layers import class_table
from napari_scsam.gui.layers.plane import camera_of
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.one_object import Prompting
from napari_scsam.gui.tools.segment import Segmenting


def test_what_cannot_be_done_is_told(viewer, session, said, stack):
    notification_manager.records.clear()
    session.part(Segmenting).segment()
    assert "open a file" in said[-1]
    session.choices.choose_image(
        viewer.add_image(np.eye(8, dtype=np.uint8)[..., None] * [9, 0, 0], rgb=True)
    )
    session.part(Segmenting).segment()
    assert "RGB" in said[-1]
    session.choices.choose_image(viewer.add_image(np.ones((2, 8, 8))))
    session.part(Segmenting).segment()
    assert "constant" in said[-1]
    assert len(notification_manager.records) == 3
    assert not [layer for layer in viewer.layers if isinstance(layer, Labels)]


def test_an_imported_network_is_asked_for_classes_only(viewer, session, said, stack):
    session.choices.choose_image(viewer.add_image(stack))
    imported = replace(checkpoint_info(), config={"form": {}})
    session.choices.checkpoint = imported
    assert session.try_request(classes=True) is not None
    session.part(Prompting).start()
    assert not session.part(Prompting).active
    assert "choose a ScSAM checkpoint for clicks, strokes and training" in said[-1]


def test_removing_the_image_cancels_and_forgets_it(viewer, session, stack):
    image = viewer.add_image(stack)
    session.choices.choose_image(image)
    viewer.layers.remove(image)
    assert session.choices.image is None
    assert session.jobs.worker.kinds[-len(OF_IMAGE) :] == [f"cancel {kind}" for kind in OF_IMAGE]


def test_opening_a_file_adds_its_layers_and_chooses_the_image(
    viewer, session, tmp_path, stack, said
):
    tifffile.imwrite(tmp_path / "cell.tif", stack, photometric="minisblack")
    session.open_file(str(tmp_path / "cell.tif"))
    assert session.choices.image is viewer.layers["cell"]
    session.open_file(str(tmp_path / "missing.tif"))
    assert "does not exist" in said[-1]
    viewer.layers.clear()
    viewer.add_image(np.zeros((3, 900, 900), np.uint8))
    viewer.reset_view()
    far = camera_of(viewer).zoom
    session.open_file(str(tmp_path / "cell.tif"))
    assert camera_of(viewer).zoom > 5 * far, "it is no small spot in the corner"


def test_the_units_are_known_before_the_worker_thread_makes_a_layer(monkeypatch):
    monkeypatch.setattr(pint.application_registry, "_registry", pint.LazyRegistry())
    seen = []
    monkeypatch.setattr(
        class_table, "Labels", lambda *_, **__: seen.append(type(pint.application_registry.get()))
    )
    class_table.preload_labels()
    assert seen == [pint.UnitRegistry]


def test_one_session_a_viewer_until_its_last_widget_goes(viewer, fake_engine):
    other = ViewerModel()
    Session._sessions.update({one: Session(one, fake_engine, AtOnce) for one in (viewer, other)})
    session = Session.of(viewer)
    assert session is Session.of(viewer)
    assert session is not Session.of(other)
    session.attach()
    session.attach()
    session.detach()
    assert not session.jobs.worker.stopped
    session.detach()
    assert session.jobs.worker.stopped
    assert Session.find(viewer) is None
    assert Session.find(other) is not None
    Session.of(other).detach()


@pytest.mark.parametrize(
    ("busy", "window_is_gone", "told"), [(True, False, 1), (False, False, 0), (True, True, 0)]
)
def test_closing_the_widget_in_the_middle_of_work_is_told(
    session, monkeypatch, *, busy, window_is_gone, told
):
    sentences: list[str] = []
    monkeypatch.setattr("napari_scsam.gui.session.show_info", sentences.append)
    monkeypatch.setattr(
        session.jobs.worker, "busy", lambda kind=None: busy and kind == Job.SEGMENT_SLICES
    )
    session.attach()
    session.detach(window_is_gone=window_is_gone)
    assert len(sentences) == told


def test_napari_has_its_units_before_the_worker_thread_needs_them():
    code = """
import numpy as np
import pint
from threading import Thread
from napari.components import ViewerModel
from napari_scsam.gui.layers.class_table import preload_labels
units = pint.get_application_registry()
before = type(units.get()).__name__
worker = Thread(target=preload_labels)
worker.start()
ViewerModel().add_image(np.eye(4), units=("nm", "nm"))
worker.join()
print(before, type(units.get()).__name__)
"""
    told = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    assert told.split()[0] == "LazyRegistry", (
        "napari makes them later than it used to; then this test says nothing"
    )
    assert told.split()[1] != "LazyRegistry"
