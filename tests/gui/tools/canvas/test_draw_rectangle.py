from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from at_once import AtOnce
from napari.components import ViewerModel
from napari.layers import Shapes

from napari_scsam.gui.layers.class_table import NOT_KEPT_KEY
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.canvas.active_tool import ActiveTool
from napari_scsam.gui.tools.canvas.draw_rectangle import RectangleTool

CORNERS = np.array([(1, 4, 5), (1, 4, 25), (1, 30, 25), (1, 30, 5)], float)
WHERE = {"scale": (40, 8, 16), "translate": (100, -50, 30)}


@pytest.fixture
def one(qtbot, fake_engine, stack):  # the active tool has a timer
    viewer = ViewerModel()
    session = Session(viewer, fake_engine, AtOnce)
    session.attach()
    image = viewer.add_image(stack, **WHERE)
    session.choices.choose_image(image)
    drawn: list[np.ndarray] = []
    said: list[str] = []
    session.status.connect(said.append)
    made = SimpleNamespace(
        viewer=viewer, session=session, image=image, drawn=drawn, said=said, tool=None
    )
    made.tool = RectangleTool(session)
    yield made
    session.detach()


def ask(one, name="part") -> Shapes | None:
    one.tool.ask(name, "drag a rectangle", one.drawn.append)
    return next((layer for layer in one.viewer.layers if isinstance(layer, Shapes)), None)


def test_it_is_drawn_on_the_image_in_a_layer_that_is_not_kept(one):
    layer = ask(one)
    assert layer.mode == "add_rectangle"
    assert layer.metadata[NOT_KEPT_KEY]
    assert one.viewer.layers.selection.active is layer
    assert one.said[-1] == "drag a rectangle"
    np.testing.assert_allclose(layer.data_to_world((1, 2, 3)), one.image.data_to_world((1, 2, 3)))


def test_its_corners_are_passed_on_and_the_layer_is_removed(one):
    one.viewer.layers.selection.active = one.image
    layer = ask(one)
    layer.add(CORNERS, shape_type="rectangle")
    np.testing.assert_array_equal(one.drawn, [CORNERS])
    assert list(one.viewer.layers) == [one.image]
    assert one.viewer.layers.selection.active is one.image
    assert one.session.part(ActiveTool).name == ""


def test_a_click_is_removed_and_the_tool_goes_on_asking(one):
    layer = ask(one)
    layer.add(CORNERS[:1] + np.zeros((4, 1)), shape_type="rectangle")
    assert one.drawn == []
    assert len(layer.data) == 0
    assert layer in one.viewer.layers
    layer.add(CORNERS, shape_type="rectangle")
    assert len(one.drawn) == 1


def test_a_rectangle_that_is_still_being_drawn_does_not_count(one):
    layer = ask(one)
    layer._is_creating = True
    layer.add(CORNERS, shape_type="rectangle")
    assert one.drawn == []
    layer._is_creating = False


def test_asking_again_cancels_and_asking_for_another_replaces(one):
    ask(one)
    assert ask(one) is None
    ask(one)
    other = ask(one, "another")
    assert other.name == "another"
    assert one.session.part(ActiveTool).name == "another"
    assert len(one.viewer.layers) == 2
    one.tool.cancel()
    assert list(one.viewer.layers) == [one.image]
    assert one.drawn == []


def test_cancelling_leaves_another_tool_alone(one):
    ended = []
    ask(one)
    one.session.part(ActiveTool).activate("grow", lambda: ended.append(1))
    one.tool.cancel()
    assert ended == []
    assert one.session.part(ActiveTool).name == "grow"


def test_a_layer_selected_meanwhile_stays_selected(one):
    ask(one)
    points = one.viewer.add_points(ndim=3)
    one.tool.cancel()
    assert one.viewer.layers.selection.active is points


def test_without_an_image_nothing_is_asked(one):
    one.session.choices.choose_image(None)
    assert ask(one) is None
    assert one.session.part(ActiveTool).name == ""


def test_closing_the_dock_removes_the_layer(one):
    ask(one)
    one.session.ended.emit()
    assert list(one.viewer.layers) == [one.image]
