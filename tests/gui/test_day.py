"""A whole day's work in a real window, on real electron microscopy, with the shipped network."""

from __future__ import annotations

from itertools import chain

import day
import numpy as np
import pytest
from day import MEMBRANE, ORIGIN, SIZE, SLICES, Day
from desk import Desk

from napari_scsam.data.volumes import open_labels
from napari_scsam.gui.locks import locked_labels
from napari_scsam.train.recipe import read_recipe

pytestmark = [pytest.mark.gui, pytest.mark.emdata, pytest.mark.slow]


@pytest.fixture
def sit_down(make_napari_viewer):
    """Open a window, large enough to point at single voxels."""

    def begin() -> Desk:
        viewer = make_napari_viewer(show=True)
        viewer.window.resize(1400, 900)
        return Desk(viewer)

    return begin


def test_a_days_work(emdata, sit_down, tmp_path):
    image, path = day.real_em(emdata, tmp_path), tmp_path / "day.scsam.zarr"
    predict = day.library(image)
    desk = sit_down()
    desk.session.embed_neighbours_too(False)

    desk.open_image(image)
    layer = desk.session.image
    np.testing.assert_allclose((layer.scale, layer.translate), (SIZE, ORIGIN))
    desk.new_project(path)
    today = Day(desk)
    today.do(day.segment(desk, predict))
    assert np.unique(np.nonzero(desk.labels())[0]).tolist() == list(SLICES)
    today.do(chain(day.brush(desk), day.parts(desk), day.shapes(desk)))
    today.do(day.back_and_forth(desk, today.states))
    today.do(chain(day.lock(desk, predict), day.review(desk), day.propagate(desk)))

    left, reviewed = desk.labels(), np.asarray(desk.keeper.project.reviewed)
    desk.wait(lambda: desk.keeper.state == "All is saved.")
    desk.viewer.close()
    again = sit_down()
    again.open_project(path)
    np.testing.assert_array_equal(again.labels(), left)
    np.testing.assert_array_equal(np.asarray(again.keeper.project.reviewed), reviewed)
    assert locked_labels(again.layer) == (MEMBRANE,)
    for layer in (again.session.image, again.layer):
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
