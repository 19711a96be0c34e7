"""A whole day's work in a real window, on real electron microscopy, with the shipped network."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import day
import numpy as np
import pytest
from day import MEMBRANE, MITO, NAMES, SLICES, Day
from desk import CTRL, SHIFT, Desk
from qtpy.QtCore import Qt
from real_em import ORIGIN, SIZE, Predict, library, write_real_em

from napari_scsam.gui.layers.locks import locked_labels
from napari_scsam.gui.tools.segment import Segmenting
from napari_scsam.io.volumes import open_labels
from napari_scsam.train.recipe import read_recipe

pytestmark = [pytest.mark.gui, pytest.mark.emdata, pytest.mark.slow]


@pytest.fixture
def image(emdata, tmp_path) -> Path:
    return write_real_em(emdata, tmp_path)


@pytest.fixture(scope="module")
def predict(emdata, tmp_path_factory) -> Predict:
    return library(write_real_em(emdata, tmp_path_factory.mktemp("library")))


@pytest.fixture
def sit_down(make_napari_viewer):
    """Open a window, large enough to point at single voxels."""

    def begin() -> Desk:
        viewer = make_napari_viewer(show=True)
        viewer.window.resize(1400, 900)
        return Desk(viewer)

    return begin


def test_a_days_work(image, predict, sit_down, tmp_path):
    path, desk = tmp_path / "day.scsam.zarr", sit_down()
    desk.session.part(Segmenting).set_prefetch(False)

    desk.open_image(image)
    layer = desk.session.choices.image
    np.testing.assert_allclose((layer.scale, layer.translate), (SIZE, ORIGIN))
    desk.new_project(path)
    today = Day(desk)
    today.do(day.segment(desk, predict))
    assert np.unique(np.nonzero(desk.labels())[0]).tolist() == list(SLICES)
    today.do(chain(day.brush(desk), day.parts(desk), day.shapes(desk)))
    today.do(day.back_and_forth(desk, today.states))
    today.do(chain(day.lock(desk, predict), day.review(desk), day.propagate(desk)))

    left, reviewed = desk.labels(), np.asarray(desk.keeper.project.reviewed)
    desk.wait(lambda: desk.keeper.saver.state == "All is saved.")
    desk.viewer.close()
    again = sit_down()
    again.open_project(path)
    np.testing.assert_array_equal(again.labels(), left)
    np.testing.assert_array_equal(np.asarray(again.keeper.project.reviewed), reviewed)
    assert locked_labels(again.layer) == (MEMBRANE,)
    for layer in (again.session.choices.image, again.layer):
        np.testing.assert_allclose((layer.scale, layer.translate), (SIZE, ORIGIN))

    again.exporting.export(str(tmp_path / "set"), "ome-zarr")
    again.exporting.into_image()
    again.finish()
    written = open_labels(image / "labels" / "organelles")
    np.testing.assert_array_equal(written.data[...], left)
    assert (written.voxel_size, written.origin) == (SIZE, ORIGIN)
    exported = open_labels(read_recipe(tmp_path / "set").sources[0].labels).data[...]
    np.testing.assert_array_equal(exported[reviewed > 0], left[reviewed > 0])
    assert (exported[reviewed == 0] != left[reviewed == 0]).any(), "what nobody reviewed is unknown"


def test_two_viewers_ask_the_network_at_once(image, predict, sit_down):
    desks = sit_down(), sit_down()
    asked = ((MITO, SLICES[0]), (MEMBRANE, SLICES[1]))
    for desk in desks:
        desk.open_image(image)
    for desk, (value, z) in zip(desks, asked, strict=True):
        desk.show(z)
        desk.session.part(Segmenting).choose_classes(
            [spec for spec in desk.session.choices.classes if spec.id == value]
        )
        desk.press(Qt.Key.Key_S, SHIFT)
    for desk, (value, z) in zip(desks, asked, strict=True):
        desk.finish()
        found = desk.session.labels.data
        np.testing.assert_array_equal(found[z], predict(z, NAMES[value]))
        assert not np.delete(found, z, axis=0).any()
    desks[0].viewer.close()
    desks[1].press(Qt.Key.Key_Z, CTRL)
    desks[1].finish()
    assert not desks[1].session.labels.data.any()
