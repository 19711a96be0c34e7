from __future__ import annotations

import numpy as np
import pytest
from listed import click_row
from napari.layers import Surface

from napari_scsam.gui.tools.objects.view_3d import Viewing3D
from napari_scsam.gui.tools.review import Reviewing
from napari_scsam.project.review import Outlines

pytestmark = pytest.mark.gui


def surfaces(one) -> list[Surface]:
    return [layer for layer in one.viewer.layers if isinstance(layer, Surface)]


def test_in_3d_there_are_surfaces_of_the_selected_and_nothing_that_covers_them(
    listed, wait, tmp_path
):
    listed.widget.desk.keeper.new(str(tmp_path / "mine"))
    wait(lambda: listed.widget.desk.keeper.project is not None)
    listed.finish()
    listed.session.part(Reviewing).mark_slice()
    reviewed = next(x for x in listed.viewer.layers if isinstance(x.data, Outlines))
    image = listed.session.choices.image
    click_row(listed, 1)
    listed.viewer.dims.ndisplay = 3
    assert [layer.visible for layer in (reviewed, image, listed.store.layer)] == [
        False,
        False,
        True,
    ]
    wait(lambda: len(surfaces(listed)) == 1)
    vertices = surfaces(listed)[0].data[0]
    assert np.all(np.abs(vertices.min(axis=0) - (1, 50, 20)) < 1.5)
    assert np.all(np.abs(vertices.max(axis=0) - (3, 59, 49)) < 1.5)
    np.testing.assert_allclose(surfaces(listed)[0].scale, listed.store.layer.scale)
    listed.viewer.dims.ndisplay = 2
    wait(lambda: not surfaces(listed))
    assert reviewed.visible
    assert image.visible
    assert not listed.labels.visible, "it was hidden before"
    listed.widget.desk.keeper.close()


def test_without_a_window_what_was_shown_in_3d_stays_shown(found):
    image = found.session.choices.image
    found.session.part(Viewing3D)
    found.viewer.dims.ndisplay = 3
    assert not image.visible
    image.visible = True
    found.viewer.dims.ndisplay = 2
    assert image.visible
