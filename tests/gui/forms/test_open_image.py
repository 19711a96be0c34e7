from __future__ import annotations

import numpy as np
import pytest
import zarr
from faulty_server import FolderServer
from loopback import listening

from napari_scsam.gui.forms.open_image import open_image_form, open_image_in_viewer
from napari_scsam.gui.session import Session

pytestmark = pytest.mark.gui

STACK = np.random.default_rng(0).integers(1, 255, (4, 20, 30), np.uint8)


def test_an_address_is_opened_from_the_form(make_napari_viewer, tmp_path, wait, monkeypatch):
    monkeypatch.setenv("NAPARI_SCSAM_CACHE", str(tmp_path / "cache"))
    zarr.create_array(tmp_path / "cell.zarr", data=STACK, chunks=(1, 10, 10))
    viewer = make_napari_viewer()
    form = open_image_form()
    viewer.window.add_dock_widget(form, name="Open an image")
    with listening(FolderServer(tmp_path)) as server:
        form.image.value = f" {server.url}/cell.zarr"
        form.call_button.native.click()
        wait(lambda: len(viewer.layers) == 1)
        np.testing.assert_array_equal(np.asarray(viewer.layers[0].data[2]), STACK[2])


def test_what_cannot_be_opened_is_said(make_napari_viewer, tmp_path, wait, monkeypatch):
    told = []
    monkeypatch.setattr(Session, "report_error", lambda _self, error: told.append(str(error)))
    viewer = make_napari_viewer()
    open_image_in_viewer(viewer, str(tmp_path / "cell.czi"))
    wait(lambda: len(told) == 1)
    open_image_in_viewer(viewer, "  ")
    assert "does not exist" in told[0]
    assert told[1].startswith("no image is named")
    assert len(viewer.layers) == 0
