from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from at_once import AtOnce
from napari.components import ViewerModel

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.gui.layers.class_table import class_table
from napari_scsam.gui.layers.plane import camera_of
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.correction.correct_work import ObjectWork
from napari_scsam.gui.tools.correction.object_browser import ObjectBrowser

CLASSES = (ClassSpec(1, "mitochondrion"), ClassSpec(2, "vesicle"))


def instances() -> np.ndarray:
    data = np.zeros((5, 20, 30), np.uint8)
    data[1, 4:7, 4:7] = 2
    data[3, 10:15, 20:25] = 2  # most of it
    data[4, 2:5, 8:11] = 5
    data[0, 16:19, 16:19] = 9
    return data


@pytest.fixture
def desk(fake_engine, qapp):  # timers need an application
    made = []

    def make(data, *, classes=False, selected=0):
        viewer = ViewerModel()
        layer = viewer.add_labels(data, **(class_table(CLASSES) if classes else {}))
        viewer.dims.set_current_step(0, 0)
        layer.selected_label = selected
        session = Session(viewer, fake_engine, AtOnce)
        session.attach()
        made.append((viewer, session))
        said: list[str] = []
        session.part(ObjectWork).status.connect(said.append)
        browser = session.part(ObjectBrowser)
        return SimpleNamespace(viewer=viewer, layer=layer, browser=browser, said=said)

    yield make
    for _, session in made:
        session.detach()


def place(one) -> tuple:
    """The slice shown and the pixel in the middle of the canvas."""
    center = camera_of(one.viewer).center
    return one.viewer.dims.current_step[0], *(int(i) for i in center[-2:])


def test_objects_come_in_the_order_of_their_labels_each_where_most_of_it_is(desk):
    one = desk(instances())
    seen = []
    for _ in range(3):
        one.browser.step(one.viewer, 1)
        seen.append((one.layer.selected_label, place(one)))
    assert seen == [(2, (3, 12, 22)), (5, (4, 3, 9)), (9, (0, 17, 17))]
    assert one.said == [
        "Object 2, 1 of 3, slice 3.",
        "Object 5, 2 of 3, slice 4.",
        "Object 9, 3 of 3, slice 0.",
    ]
    with pytest.raises(UserError, match="last object"):
        one.browser.step(one.viewer, 1)
    assert one.layer.selected_label == 9
    one.browser.step(one.viewer, -1)
    assert one.layer.selected_label == 5


def test_deleted_and_painted_objects_are_counted_as_they_are(desk):
    one = desk(instances())
    one.browser.step(one.viewer, 1)
    one.layer.data_setitem(np.nonzero(np.asarray(one.layer.data) == 5), 0)
    one.layer.data_setitem((np.array([0]), np.array([0]), np.array([0])), 7)
    one.browser.step(one.viewer, 1)
    assert one.said[-1] == "Object 7, 2 of 3, slice 0."
    one.layer.undo()
    one.layer.undo()
    one.browser.step(one.viewer, -1)
    assert one.said[-1] == "Object 5, 2 of 3, slice 4."


def test_the_selected_label_need_not_be_an_object(desk):
    one = desk(instances(), selected=7)
    one.browser.step(one.viewer, -1)
    assert one.layer.selected_label == 5
    one.layer.selected_label = 200
    one.browser.step(one.viewer, -1)
    assert one.layer.selected_label == 9


def components() -> np.ndarray:
    """Vesicles: two on slice 0, one on slice 2; a mitochondrion between."""
    data = np.zeros((4, 20, 30), np.uint8)
    data[0, 2:5, 2:5] = 2
    data[0, 10:13, 20:23] = 2
    data[1, 2:9, 2:9] = 1
    data[2, 5:8, 11:14] = 2
    return data


def test_components_of_the_selected_class_come_slice_by_slice(desk):
    one = desk(components(), classes=True, selected=2)
    seen = []
    for _ in range(3):
        one.browser.step(one.viewer, 1)
        seen.append(place(one))
    assert seen == [(0, 3, 3), (0, 11, 21), (2, 6, 12)]
    assert one.said == [
        "Vesicle, 1 of 2 on slice 0.",
        "Vesicle, 2 of 2 on slice 0.",
        "Vesicle, 1 of 1 on slice 2.",
    ]
    with pytest.raises(UserError, match="last object of this class"):
        one.browser.step(one.viewer, 1)
    one.browser.step(one.viewer, -1)
    assert place(one) == (0, 11, 21)


def test_after_the_slider_moved_it_starts_from_the_slice_shown(desk):
    one = desk(components(), classes=True, selected=2)
    one.browser.step(one.viewer, 1)
    one.viewer.dims.set_current_step(0, 3)
    one.browser.step(one.viewer, -1)
    assert place(one) == (2, 6, 12)
    one.viewer.dims.set_current_step(0, 0)
    one.browser.step(one.viewer, -1)
    assert place(one) == (0, 11, 21), "backwards begins at the end of the slice"


def test_an_object_that_was_deleted_is_not_where_it_starts(desk):
    one = desk(components(), classes=True, selected=2)
    for _ in range(2):
        one.browser.step(one.viewer, 1)
    one.layer.data_setitem(tuple(np.nonzero(one.layer.data[:1] == 2)), 0)
    one.browser.step(one.viewer, 1)
    assert place(one) == (2, 6, 12)


def test_another_class_starts_at_the_beginning_of_the_slice(desk):
    one = desk(components(), classes=True, selected=2)
    one.browser.step(one.viewer, 1)
    one.layer.selected_label = 1
    one.browser.step(one.viewer, 1)
    assert place(one) == (1, 5, 5)


def test_a_layer_of_another_size_is_no_error(desk):
    one = desk(components(), classes=True, selected=2)
    for _ in range(3):
        one.browser.step(one.viewer, 1)
    one.layer.data = components()[:1, :8, :8]
    one.browser.step(one.viewer, 1)
    assert place(one) == (0, 3, 3)


@pytest.mark.parametrize("classes", [False, True])
def test_an_empty_layer_is_told(desk, classes):
    one = desk(np.zeros((2, 8, 8), np.uint8), classes=classes, selected=1)
    with pytest.raises(UserError, match="there is no object"):
        one.browser.step(one.viewer, 1)
    assert one.said == []


def outline_layers(one) -> list:
    return [layer for layer in one.viewer.layers if layer.name == "object gone to"]


def test_the_object_gone_to_is_outlined_alone_for_a_while(desk):
    data = np.zeros((3, 40, 40), np.uint8)
    data[0, 5:15, 5:15] = 1
    data[0, 20:30, 20:35] = 1
    one = desk(data, classes=True, selected=1)
    for corner, size in (((5, 5), (10, 10)), ((20, 20), (10, 15))):
        one.browser.step(one.viewer, 1)
        (shown,) = outline_layers(one)
        found = np.argwhere(shown.data[0, :, :])
        assert tuple(found.min(0)) == corner
        assert tuple(np.ptp(found, axis=0) + 1) == size
        assert 0 < len(found) < size[0] * size[1]
        assert not shown.data[1, :, :].any()
        assert one.viewer.layers.selection.active is one.layer
    one.browser.remove_outline()
    assert not outline_layers(one)
