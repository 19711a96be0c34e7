from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import zarr
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.utils.key_bindings import coerce_keybinding
from napari.utils.notifications import notification_manager

from napari_scsam.config import ClassSpec
from napari_scsam.gui.layers import write_edit as edit_writing
from napari_scsam.gui.layers.class_table import NOT_KEPT_KEY, class_table, classes_of
from napari_scsam.gui.layers.locks import locked_labels
from napari_scsam.gui.layers.pointing import labels_layer
from napari_scsam.gui.layers.strokes import REDO, UNDO
from napari_scsam.gui.object_tools import BY_NAME, OBJECT_TOOLS, ObjectTool
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.correction import correct_work as object_work
from napari_scsam.gui.tools.correction.correct import COMMANDS, Correcting
from napari_scsam.gui.tools.correction.lock_labels import Locking
from napari_scsam.io.saved.saved_array import SavedArray
from napari_scsam.objects.tools import delete

WHERE = {"scale": (40, 8, 8), "translate": (100, -50, 30), "units": ("nm",) * 3}
CLASSES = (ClassSpec(1, "mitochondrion"), ClassSpec(2, "vesicle"), ClassSpec(3, "membrane"))
A, B, C, SPECK = (6, 30, 20), (6, 30, 38), (6, 12, 70), (6, 55, 5)


def balls(values=(1, 1, 2)) -> np.ndarray:
    """Two balls that touch, one apart, and a speck."""
    z, y, x = np.ogrid[:12, :60, :90]
    data = np.zeros((12, 60, 90), np.uint16)
    for (_, cy, cx), value in zip((A, B, C), values, strict=True):
        data[(5 * (z - 6)) ** 2 + (y - cy) ** 2 + (x - cx) ** 2 <= 100] = value
    data[6, 55, 4:7] = values[2]
    return data


def stored(labels: np.ndarray, kind: str):
    if kind == "none":
        return labels
    if kind == "numpy":
        return labels.copy()
    array = zarr.create_array(
        store=zarr.storage.MemoryStore(), shape=labels.shape, chunks=(4, 32, 32), dtype=labels.dtype
    )
    array[...] = labels
    return array


@pytest.fixture
def desk(qtbot, fake_engine, wait):
    """A viewer without a window, a labels layer, and the tools; `point` moves the mouse."""
    made = []

    def make(labels=None, *, classes=False, kind="numpy", order=None, where=WHERE, **options):
        viewer = ViewerModel()
        data = stored(balls() if labels is None else labels, kind)
        layer = viewer.add_labels(
            data, **where, **(class_table(CLASSES) if classes else {}), **options
        )
        if order:
            viewer.dims.order = order
        session = Session(viewer, fake_engine)
        session.attach()
        correcting = session.part(Correcting)
        made.append((viewer, session))
        said = []
        correcting.status.connect(said.append)
        session.status.connect(said.append)
        unsaid = []
        session.status_withdrawn.connect(unsaid.append)

        def point(voxel):
            axis = viewer.dims.order[0]
            viewer.dims.set_point(axis, layer.data_to_world(voxel)[axis])
            viewer.cursor.position = tuple(layer.data_to_world(voxel))

        def use(name, *voxels):
            for voxel in voxels or (None,):
                if voxel is not None:
                    point(voxel)
                correcting.use(name)
            work = correcting._work
            wait(lambda: not (work.worker.busy() or work.worker._small or work._waiting))
            return np.array(layer.data[...])

        return SimpleNamespace(
            viewer=viewer,
            layer=layer,
            session=session,
            tools=correcting,
            point=point,
            use=use,
            said=said,
            unsaid=unsaid,
        )

    yield make
    for _, session in made:
        session.detach()


STEPS = (
    ("fill_holes", (A,)),
    ("split", (A, B)),
    ("merge", (A, B)),
    ("grow", (A,)),
    ("shrink", (A,)),
    ("smooth", (A,)),
    ("keep_largest", (C,)),
    ("delete_small", ()),
    ("relabel", (B,)),
    ("delete", (A,)),
)


@pytest.mark.parametrize(
    ("kind", "axis"), [("numpy", 0), ("numpy", 1), ("numpy", 2), ("zarr", 0), ("zarr", 1)]
)
@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("whole", [False, True])
def test_each_tool_is_one_undo_step_and_all_come_back_voxel_by_voxel(
    desk, kind, classes, whole, axis
):
    labels = balls()
    labels[6, 29:32, 16:18] = 0
    labels[6, 50, 50:54] = 3
    one = desk(
        np.moveaxis(labels, 0, axis),
        classes=classes,
        kind=kind,
        order=(axis, *(a for a in range(3) if a != axis)),
    )
    one.viewer.dims.set_current_step(axis, 6)
    one.tools.settings.whole = whole
    one.layer.selected_label = 3
    states = [np.array(one.layer.data[...])]
    steps = [step for step in STEPS if not (classes and step[0] == "keep_largest")]
    for name, voxels in steps:
        states.append(one.use(name, *(np.insert(v[1:], axis, v[0]) for v in voxels)))
        assert len(one.layer._undo_history) == len(states) - 1, (name, one.said[-1])
        touched = np.flatnonzero(
            (states[-1] != states[-2]).any(axis=tuple(a for a in range(3) if a != axis))
        )
        assert len(touched) if whole else touched.tolist() == [6], name
    for state in reversed(states[:-1]):
        one.layer.undo()
        np.testing.assert_array_equal(np.asarray(one.layer.data[...]), state)
    for state in states[1:]:
        one.layer.redo()
        np.testing.assert_array_equal(np.asarray(one.layer.data[...]), state)


def test_a_zarr_array_is_edited_in_memory_and_gets_every_edit(desk):
    one = desk(balls((1, 4, 2)), kind="zarr")
    array = one.layer.data
    one.layer.data_setitem((np.array([6]), np.array([50]), np.array([80])), 9)
    one.tools.settings.whole = True
    edited = one.use("merge", A, B)
    assert isinstance(one.layer.data, SavedArray)
    for act, expected in (
        (lambda: None, edited),
        (one.layer.undo, balls((1, 4, 2))),
        (one.layer.redo, edited),
    ):
        act()
        one.layer.data.flush()
        found = array[...]
        assert found[6, 50, 80] == 9
        found[6, 50, 80] = expected[6, 50, 80]
        np.testing.assert_array_equal(found, expected)
    one.layer.undo()
    one.layer.undo()
    np.testing.assert_array_equal(one.layer.data[...], balls((1, 4, 2)))


def test_a_disk_that_takes_nothing_more_is_told(desk, monkeypatch):
    one = desk(balls((1, 4, 2)), kind="zarr")
    one.use("delete", A)
    monkeypatch.setattr(one.layer.data._memory, "trouble", OSError("No space left on device"))
    before = one.use("delete", B)
    assert "No space left on device" in one.said[-1]
    assert (before[6] == 4).any()


def test_an_array_that_cannot_be_written_is_left_as_it_is(desk, tmp_path):
    stored = zarr.create_array(tmp_path / "a", data=balls((1, 4, 2)), chunks=(4, 32, 32))
    one = desk(kind="none", labels=zarr.open_array(tmp_path / "a", mode="r"))
    one.use("delete", A)
    assert "read-only" in one.said[-1].lower()
    np.testing.assert_array_equal(stored[...], balls((1, 4, 2)))


def test_delete_takes_the_object_under_the_mouse_in_the_slice_or_in_all(desk):
    one = desk(balls((1, 4, 2)))
    after = one.use("delete", A)
    assert not (after[6] == 1).any()
    np.testing.assert_array_equal(after[5], balls((1, 4, 2))[5])
    one.use("toggle_whole")
    after = one.use("delete", B)
    assert set(np.unique(after)) == {0, 1, 2}
    assert "Deleted object 4" in one.said[-1]


def test_the_slider_counts_and_not_where_the_mouse_once_was(desk):
    one = desk(balls((1, 4, 2)))
    one.point(A)
    one.viewer.dims.set_current_step(0, 5)
    after = one.use("delete")
    assert not (after[5] == 1).any()
    assert (after[6] == 1).any()


def test_merge_and_split_of_instances(desk):
    one = desk(balls((1, 4, 2)))
    one.tools.settings.whole = True
    merged = one.use("merge", A, B)
    assert set(np.unique(merged)) == {0, 1, 2}
    parted = one.use("split", A, B)
    assert (parted[A], parted[B]) == (1, 5)  # 4 is where an undo may bring it back
    np.testing.assert_array_equal(parted > 0, merged > 0)


def test_a_new_label_is_free_even_of_what_an_undo_can_bring_back(desk):
    one = desk(balls((1, 4, 2)))
    one.tools.settings.whole = True
    one.use("delete", B)
    assert (one.use("split", A, (6, 30, 12)) == 5).any()
    one.layer.undo()
    one.layer.undo()
    np.testing.assert_array_equal(one.layer.data, balls((1, 4, 2)))


def test_an_object_that_was_painted_on_is_whole_again_found(desk):
    one = desk(balls((1, 4, 2)))
    one.tools.settings.whole = True
    one.use("next")
    one.layer.n_edit_dimensions = 2
    one.layer.paint((6, 50, 80), 4)
    one.layer.data_setitem((np.array([0]), np.array([0]), np.array([0])), 4)
    assert not (one.use("delete", B) == 4).any()
    one.layer.undo()
    one.layer.undo()
    one.layer.undo()
    assert not (one.use("delete", B) == 4).any()


def test_an_array_that_was_changed_behind_our_back_is_looked_through_anew(desk):
    one = desk(balls((1, 4, 2)))
    one.tools.settings.whole = True
    one.use("next")
    one.layer.data[0:2, 50:60, 80:90] = 4
    assert not (one.use("delete", (1, 55, 85)) == 4).any()
    one.layer.data = balls((9, 9, 2))
    assert not (one.use("delete", A) == 9).any()


def test_large_layers_and_objects_go_to_a_thread_and_the_tool_waits(desk, monkeypatch):
    monkeypatch.setattr(object_work, "MAX_SYNC_WORK", 100)
    monkeypatch.setattr(edit_writing, "EDIT_BATCH", 50)
    monkeypatch.setattr(object_work, "EDIT_BATCH", 50)
    monkeypatch.setattr("napari_scsam.gui.tools.correction.label_index.MAX_SYNC_VOXELS", 100)
    one = desk(balls((1, 4, 2)), kind="zarr")
    one.tools.settings.whole = True
    after = one.use("delete", A)
    assert "Searching the layer" in one.said[0]
    assert set(np.unique(after)) == {0, 2, 4}
    one.layer.undo()
    np.testing.assert_array_equal(one.layer.data[...], balls((1, 4, 2)))


def test_pressing_again_while_one_is_worked_on_and_cancel(desk, monkeypatch):
    monkeypatch.setattr(object_work, "MAX_SYNC_WORK", 100)
    one = desk(classes=True)
    one.point(A)
    one.tools.use("grow")
    one.tools.use("grow")
    assert "still being worked on" in one.said[-1]
    one.tools.cancel()
    one.use("next")
    np.testing.assert_array_equal(one.layer.data, balls())


def test_what_the_user_painted_meanwhile_stays(desk, monkeypatch):
    monkeypatch.setattr(object_work, "MAX_SYNC_WORK", 100)
    one = desk(classes=True)
    one.point(A)
    one.tools.use("delete")
    one.layer.data_setitem((np.array([6]), np.array([30]), np.array([22])), 3)
    after = one.use("next")
    assert after[6, 30, 22] == 3
    assert not after[A]


def test_locked_labels_are_safe_from_tools_and_model(desk):
    one = desk(classes=True)
    one.use("toggle_lock", C)
    assert locked_labels(one.layer) == (2,)
    assert (2, "vesicle", True) in one.session.part(Locking).locks
    before = np.array(one.layer.data)
    for name, voxels in (("delete", (C,)), ("grow", (C,)), ("merge", (A, C))):
        one.use(name, *voxels)
        assert "vesicle is locked" in one.said[-1].lower()
    one.layer.selected_label = 2
    one.use("relabel", A)
    assert "locked" in one.said[-1]
    np.testing.assert_array_equal(one.layer.data, before)
    from napari_scsam.gui.layers.plane import Plane

    (protect,) = one.session.protections.values()
    np.testing.assert_array_equal(
        protect(one.layer, Plane(0, 6), slice(0, 60), before[6]), before[6] == 2
    )
    one.use("toggle_lock", C)
    assert (one.use("delete", C)[6] == 2).sum() == 3


def test_going_from_object_to_object_moves_the_view_and_the_aim(desk):
    one = desk(balls((1, 4, 2)))
    seen = []
    one.layer.selected_label = 1
    for _ in range(2):
        one.use("next")
        seen.append(int(one.layer.selected_label))
        center = one.viewer.scene.camera.center[1:]
        np.testing.assert_allclose(center, one.viewer.cursor.position[1:])
        assert one.viewer.dims.current_step[0] == 6
    assert seen == [2, 4]
    one.use("next")
    assert "last object" in one.said[-1]
    after = one.use("delete")  # what was gone to is what is aimed at
    assert not (after[6] == 4).any()


def test_going_through_a_class_layer(desk):
    labels = np.zeros((4, 20, 20), np.uint8)
    labels[1, 2:4, 2:4] = labels[1, 10:12, 2:4] = labels[3, 5:8, 5:8] = 2
    one = desk(labels, classes=True)
    one.viewer.dims.set_current_step(0, 0)
    one.layer.selected_label = 2
    where = []
    for _ in range(3):
        one.use("next")
        where.append(one.tools._browser._at)
    assert [at[0] for at in where] == [1, 1, 3]
    one.use("previous")
    assert one.tools._browser._at == where[1]
    one.use("previous")
    one.use("previous")
    assert "first object" in one.said[-1]


@pytest.mark.parametrize(
    ("whole", "axis", "area"), [(False, 0, 8 * 8), (False, 1, 40 * 8), (True, 0, 40 * 8 * 8 / 1000)]
)
def test_small_in_square_and_cubic_micrometres(desk, whole, axis, area):
    labels = np.zeros((6, 20, 20), np.uint8)
    labels[3, 3, 0:4] = 1
    labels[3, 3, 8:13] = 2
    one = desk(labels, order=(axis, *(a for a in range(3) if a != axis)))
    one.tools.settings.whole = whole
    one.tools.set_unit(in_micrometres=True)
    one.tools.settings.set_smallest(4.5 * area / 1e6)
    one.viewer.dims.set_current_step(axis, 3)
    after = one.use("delete_small")
    assert set(np.unique(after)) == {0, 2}


@pytest.mark.parametrize(
    ("whole", "in_micrometres", "smallest", "words"),
    [
        (False, True, 0.0039, "0.0039 µm²"),
        (True, True, 2e-6, "0.000002 µm³"),
        (False, False, 4, "4 pixels"),
        (True, False, 4, "4 voxels"),
    ],
)
def test_that_nothing_is_so_small_is_said_in_the_unit_that_was_chosen(
    desk, whole, in_micrometres, smallest, words
):
    one = desk(np.full((4, 20, 20), 3, np.uint8))
    one.tools.settings.whole = whole
    one.tools.set_unit(in_micrometres=in_micrometres)
    one.tools.settings.set_smallest(smallest)
    one.use("delete_small")
    assert one.said[-1] == f"No object here is smaller than {words}."


@pytest.mark.parametrize("classes", [False, True])
def test_where_there_is_no_object_none_was_the_last(desk, classes):
    one = desk(np.zeros((4, 20, 20), np.uint8), classes=classes)
    for name in ("next", "previous"):
        one.use(name)
        assert one.said[-1] == (
            "There is no object of this class yet."
            if classes
            else "There is no object in this layer yet."
        )


def test_the_smallest_size_stays_the_same_when_its_unit_changes(desk):
    one = desk()
    one.tools.set_unit(in_micrometres=True)
    assert one.tools.settings.smallest == pytest.approx(50 * 8 * 8 / 1e6)
    one.tools.set_unit(in_micrometres=True)
    one.tools.set_unit(in_micrometres=False)
    assert one.tools.settings.smallest == pytest.approx(50)
    one.layer.units = ("pixel",) * 3
    one.tools.set_unit(in_micrometres=True)
    assert one.tools.settings.smallest == pytest.approx(50)


def let_go(line) -> None:
    """Let the mouse go after a drag in the layer of the line to cut along."""
    for _ in line.mouse_drag_callbacks[-1](line, SimpleNamespace(type="mouse_release")):
        pass


def test_a_line_cuts_the_slice_it_is_drawn_on(desk, wait):
    one = desk()
    one.point((6, 30, 20))
    one.tools.use("cut")
    one.point((7, 30, 20))
    line = one.viewer.layers.selection.active
    line.add_lines(np.array([[7, 15, 15], [7, 45, 15]]))
    let_go(line)
    wait(lambda: len(one.viewer.layers) == 1)
    np.testing.assert_array_equal(one.layer.data[6], balls()[6])
    assert not np.array_equal(one.layer.data[7], balls()[7])


def escape(layer) -> None:
    """Press Esc in a layer."""
    layer.keymap[coerce_keybinding("Escape")](layer)


def test_esc_leaves_the_line_to_cut_along(desk):
    one = desk()
    one.tools.use("cut")
    line = one.viewer.layers.selection.active
    escape(line)
    assert list(one.viewer.layers) == [one.layer]
    assert one.unsaid[-1] == one.said[-1] == "Drag a line across the object; Esc cancels."


def test_undo_reaches_the_labels_while_the_line_to_cut_along_is_drawn(desk):
    one = desk()
    told = []
    one.session.status.connect(told.append)
    one.use("delete", C)
    one.tools.use("cut")
    line = one.viewer.layers.selection.active
    line.keymap[coerce_keybinding(UNDO)](line)
    assert one.layer.data[C] == 2
    assert told[-1] == "Undone on slice 6."
    line.keymap[coerce_keybinding(REDO)](line)
    assert not one.layer.data[C]
    line.keymap[coerce_keybinding(REDO)](line)
    assert told[-1] == "There is nothing to redo."
    assert one.viewer.layers.selection.active is line, "the tool stays active"


def test_closing_the_dock_takes_the_line_to_cut_along_away(desk):
    one = desk()
    one.tools.use("cut")
    one.session.detach()
    assert list(one.viewer.layers) == [one.layer]
    one.session.attach()


def test_background_is_called_so(desk):
    one = desk(classes=True)
    one.layer.selected_label = 0
    one.tools.use("delete_small")
    assert "selected label is the background" in one.said[-1]
    one.use("relabel", C)
    assert one.said[-1].startswith("Made background of vesicle")


def test_every_mistake_is_one_sentence(desk):
    one = desk(classes=True)
    cases = [
        ("delete", [(0, 0, 0)], "no object under the mouse"),
        ("relabel", [A], "already mitochondrion"),
        ("merge", [A, A], "Both points are on one object"),
        ("split", [A, C], "different objects"),
        ("keep_largest", [A], "one piece"),
        ("fill_holes", [A], "no hole"),
    ]
    one.layer.selected_label = 1
    for name, voxels, sentence in cases:
        notification_manager.records.clear()
        one.use(name, *voxels)
        assert sentence in one.said[-1], name
        assert sentence in notification_manager.records[-1].message
    one.viewer.cursor.position = (0, -9999, 0)
    one.tools.use("delete")
    assert "outside" in one.said[-1]
    one.viewer.dims.ndisplay = 3
    one.tools.use("delete")
    assert "switch to 2-D" in one.said[-1]
    one.viewer.dims.ndisplay = 2
    one.tools.set_unit(in_micrometres=True)
    one.layer.units = ("pixel",) * 3
    one.tools.use("delete_small")
    assert "how large its pixels are" in one.said[-1]
    one.layer.editable = False
    one.use("delete", A)
    assert "cannot be edited" in one.said[-1]
    one.viewer.layers.clear()
    one.tools.use("delete")
    assert "no labels layer" in one.said[-1]
    assert one.session.part(Locking).locks == ()


def test_a_first_click_is_forgotten_for_another_tool_and_another_layer(desk):
    one = desk(balls((1, 4, 2)))
    one.use("merge", A)
    one.use("grow", A)
    one.use("merge", B)
    assert "now point at" in one.said[-1]
    other = one.viewer.add_labels(balls((1, 4, 2)), **WHERE)
    before = np.array(other.data)
    one.use("merge", A)
    assert "now point at" in one.said[-1]
    np.testing.assert_array_equal(other.data, before)


def test_layers_beside_the_labels_and_units_of_their_own(desk):
    one = desk(balls((1, 4, 2)), where={"scale": (0.04, 0.008, 0.008), "units": ("um",) * 3})
    one.viewer.add_image(np.zeros((12, 60, 90)), scale=(40, 8, 8), units=("nm",) * 3)
    one.viewer.layers.selection.active = one.viewer.layers[-1]
    factor = [float((1 * there).to("um").magnitude) for there in one.viewer.dims.units]
    one.viewer.dims.set_point(0, 6 * 0.04 / factor[0])
    one.viewer.cursor.position = tuple(np.array(A) * (0.04, 0.008, 0.008) / factor)
    assert not (one.use("delete")[6] == 1).any()


def test_what_the_plugin_shows_is_not_corrected(desk):
    one = desk(balls((1, 4, 2)))
    shown = one.viewer.add_labels(balls((9, 9, 9)), **WHERE, metadata={NOT_KEPT_KEY: True})
    for active in (shown, None):
        one.viewer.layers.selection.active = active
        assert not (one.use("delete", A)[6] == 1).any()
        one.layer.undo()
    np.testing.assert_array_equal(shown.data, balls((9, 9, 9)))


def test_a_flat_image(desk):
    one = desk(balls((1, 4, 2))[6], classes=False, where={"scale": (8, 8)})
    one.viewer.cursor.position = (30 * 8, 20 * 8)
    for whole in (False, True):
        one.tools.settings.whole = whole
        assert not (one.use("delete") == 1).any()
        one.layer.undo()
    assert one.use("split", (30, 15), (30, 26)).max() == 5


@pytest.mark.gui
def test_keys_clicks_and_a_drawn_line_in_a_window(window, stack, wait, qtbot):
    from qtpy.QtCore import QPoint, Qt
    from qtpy.QtTest import QTest

    one = window(Image(stack, scale=(40, 8, 8), units=("nm",) * 3))
    labels = np.zeros(stack.shape, np.uint8)
    labels[:, 30:60, 30:100] = 7
    layer = one.viewer.add_layer(Labels(labels, scale=(40, 8, 8), units=("nm",) * 3))
    one.finish()
    canvas = one.viewer.window._qt_viewer.canvas.native
    one.viewer.reset_view()
    qtbot.wait(100)

    def at(row, column) -> QPoint:
        x, y = one.viewer.window._qt_viewer.canvas._scene_canvas.size
        zoom, (_, cy, cx) = one.viewer.scene.camera.zoom, one.viewer.scene.camera.center
        return QPoint(round(x / 2 + (column * 8 - cx) * zoom), round(y / 2 + (row * 8 - cy) * zoom))

    z = one.viewer.dims.current_step[0]
    QTest.mouseMove(canvas, at(40, 50))
    qtbot.wait(50)
    QTest.keyClick(canvas, Qt.Key.Key_D, Qt.KeyboardModifier.ShiftModifier)
    assert not layer.data[z].any()
    assert layer.data[z - 1].any()
    QTest.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    np.testing.assert_array_equal(layer.data, labels)
    one.widget.correct.buttons["delete"].click()
    assert one.widget.correct.buttons["delete"].isChecked()
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=at(40, 50))
    assert not layer.data[z].any()
    assert not one.widget.correct.buttons["delete"].isChecked()
    assert "Deleted object 7" in one.widget.work.status.text()
    layer.undo()
    one.widget.correct.buttons["cut"].click()
    assert len(one.viewer.layers) == 3
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=at(20, 60))
    for row in range(24, 70, 4):
        QTest.mouseMove(canvas, at(row, 60))
        qtbot.wait(10)
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=at(68, 60))
    wait(lambda: len(one.viewer.layers) == 2)
    assert set(np.unique(layer.data[z])) == {0, 7, 8}
    assert one.viewer.layers.selection.active is layer


def test_outlines_on_top_are_not_what_is_corrected(desk):
    one = desk(classes=True)
    outlines = one.viewer.add_labels(np.zeros(one.layer.data.shape, np.uint8), name="reviewed")
    outlines.editable = False
    for active in (outlines, None):
        one.viewer.layers.selection.active = active
        assert labels_layer(one.viewer) is one.layer


PSD = ClassSpec(4, "PSD", "#ffcc00")


def test_a_class_that_was_not_segmented_yet_is_shown_when_an_object_becomes_one(desk, info):
    one = desk(classes=True)
    one.session.choices.checkpoint = replace(info, classes=(*CLASSES, PSD))
    one.layer.selected_label = 4
    one.use("relabel", B)
    assert one.said[-1].startswith("Made PSD of mitochondrion")
    assert classes_of(one.layer) == (*CLASSES, PSD)
    assert one.layer.features["class"].tolist()[-1] == "PSD"
    np.testing.assert_allclose(one.layer.get_color(4), (1, 0.8, 0, 1), atol=0.01)
    assert one.layer.selected_label == 4


@pytest.mark.parametrize("other", [(PSD, ClassSpec(1, "golgi")), (ClassSpec(4, "Vesicle"),)])
def test_a_network_whose_classes_mean_something_else_gives_no_name(desk, info, other):
    one = desk(classes=True)
    one.session.choices.checkpoint = replace(info, classes=other)
    one.layer.selected_label = 4
    one.use("relabel", B)
    assert one.said[-1].startswith("Made label 4 of")
    assert classes_of(one.layer) == CLASSES


def test_every_tool_has_work_to_do():
    commands = {tool.name for tool in OBJECT_TOOLS if tool.run is None}
    assert commands == set(COMMANDS)
    assert len({tool.key for tool in OBJECT_TOOLS}) == len(OBJECT_TOOLS)


def test_a_new_tool_is_one_function_and_one_row(desk, monkeypatch):
    row = ObjectTool(
        "clear",
        "Clear",
        "Shift-Q",
        "",
        "",
        run=lambda p, at: delete(p, at.seed),
        done="Gone: {object}",
    )
    monkeypatch.setitem(BY_NAME, "clear", row)
    one = desk(balls((1, 4, 2)))
    assert not (one.use("clear", B)[6] == 4).any()
    assert one.said[-1].startswith("Gone: object 4: ")
