from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_scsam.gui.layers.locks import lock
from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.tools.review import Reviewing
from napari_scsam.gui.tools.segment import Segmenting

pytestmark = pytest.mark.gui

SIZE, ORIGIN = (40.0, 8.0, 8.0), (400.0, 80.0, 16.0)


@pytest.fixture
def begun(window, stack, tmp_path, wait):
    """A window with a project, on slice 2."""
    one = window(Image(stack, scale=SIZE, translate=ORIGIN, units="nm"))
    one.finish()
    one.keeper, one.reviewing = one.session.part(ProjectKeeper), one.session.part(Reviewing)
    one.keeper.new(str(tmp_path / "mine"))
    one.finish()
    wait(lambda: one.keeper.project is not None)
    one.viewer.dims.set_point(0, ORIGIN[0] + 2 * SIZE[0])
    one.finish()
    return one


def test_a_key_marks_the_slice_and_takes_it_back(begun):
    canvas = begun.viewer.window._qt_viewer.canvas.native
    QTest.keyClick(canvas, Qt.Key.Key_R, Qt.KeyboardModifier.ShiftModifier)
    mask = np.asarray(begun.keeper.project.reviewed)
    assert mask[2].all()
    assert mask.sum() == mask[2].size
    shown = begun.reviewing.slices[begun.reviewing.position]
    assert shown.reviewed == shown.size
    QTest.keyClick(canvas, Qt.Key.Key_R, Qt.KeyboardModifier.ShiftModifier)
    assert not np.asarray(begun.keeper.project.reviewed).any()
    begun.keeper.saver.save()
    assert [entry["what"] for entry in begun.keeper.project.record.history[-2:]] == [
        "reviewed",
        "took review back",
    ]


def test_the_model_leaves_reviewed_pixels_alone(begun):
    begun.session.part(Segmenting).segment()
    begun.finish()
    before = np.asarray(begun.keeper.labels.data)[2].copy()
    begun.keeper.project.reviewed[2, :40] = 1
    begun.session.choices.set_replace_edits(True)
    begun.keeper.labels.data_setitem((np.full(9, 2), np.arange(35, 44), np.full(9, 7)), 0)
    begun.session.choices.image.data = 255 - begun.session.choices.image.data
    begun.session.choices.choose_image(begun.session.choices.image)
    begun.session.part(Segmenting).segment()
    begun.finish()
    after = np.asarray(begun.keeper.labels.data)[2]
    assert (after[35:40, 7] == 0).all()
    before[35:40, 7] = 0
    np.testing.assert_array_equal(after[:40], before[:40])
    assert (after[40:] != before[40:]).any()


def test_the_sentence_names_the_review_and_the_lock_that_kept_pixels(begun):
    said = []
    begun.session.status.connect(said.append)
    begun.keeper.project.reviewed[2, :48] = 1
    lock(begun.keeper.labels, 2, locked=True)
    rows, columns = (index.ravel() for index in np.mgrid[:72, :128])
    begun.keeper.labels.data_setitem(
        (np.full(rows.size, 2), rows, columns), np.where(rows < 48, 1, 2)
    )
    begun.session.part(Segmenting).choose_classes(begun.session.choices.classes[2:])
    found = begun.session.choices.image.data[2] >= np.quantile(
        begun.session.choices.image.data[2], 2 / 3
    )
    for replace in (False, True):
        begun.session.choices.set_replace_edits(replace)
        begun.session.part(Segmenting).segment()
        begun.finish()
        reviewed, locked = (
            f"{found[rows].sum() / found.size:.1%}".replace("%", " %")
            for rows in (slice(48), slice(48, 72))
        )
        assert said[-1].endswith(
            f"; {locked} are locked and stay; {reviewed} are reviewed and stay."
        ), said[-1]


def test_a_selected_rectangle_is_marked_on_the_slice_shown(begun):
    box = np.array([[2, 10, 20], [2, 10, 59.6], [2, 29.7, 59.6], [2, 29.7, 20]])
    world = box * SIZE + ORIGIN
    shapes = begun.viewer.add_shapes([world], shape_type="rectangle", units="nm")
    shapes.selected_data = {0}
    begun.reviewing.mark_rectangle()
    mask = np.asarray(begun.keeper.project.reviewed)
    assert mask[2, 10:30, 20:60].all()
    assert mask.sum() == 20 * 40
    begun.reviewing.mark_rectangle()
    assert not np.asarray(begun.keeper.project.reviewed).any()


def test_without_a_selected_rectangle_one_is_drawn_and_marked(begun):
    active = begun.viewer.layers.selection.active
    begun.viewer.dims.set_point(0, ORIGIN[0] + 2 * SIZE[0])
    begun.reviewing.mark_rectangle()
    drawn = begun.viewer.layers["rectangle to mark"]
    assert begun.viewer.layers.selection.active is drawn
    drawn.add_rectangles(np.array([[2, -5, 20], [2, -5, 59.6], [2, 29.7, 59.6], [2, 29.7, 20]]))
    begun.finish()
    mask = np.asarray(begun.keeper.project.reviewed)
    assert mask[2, :30, 20:60].all()
    assert mask.sum() == 30 * 40
    assert drawn not in begun.viewer.layers
    assert begun.viewer.layers.selection.active is active
    begun.reviewing.mark_rectangle()
    begun.viewer.layers["rectangle to mark"].add_rectangles(
        np.array([[2, 990, 20], [2, 990, 30], [2, 999, 30], [2, 999, 20]])
    )
    begun.finish()
    assert "outside the image" in notification_manager.records[-1].message


def test_a_slice_along_another_axis_is_marked(begun, wait):
    begun.viewer.dims.order = (1, 0, 2)
    begun.viewer.dims.set_point(1, ORIGIN[1] + 5 * SIZE[1])
    begun.reviewing.mark_slice()
    mask = np.asarray(begun.keeper.project.reviewed)
    assert mask[:, 5].all()
    assert mask.sum() == mask[:, 5].size
    wait(lambda: set(begun.reviewing.slices) == {0, 1, 2, 3})


def test_outlines_are_shown_and_are_not_kept(begun):
    begun.reviewing.mark_slice()
    outlines = begun.viewer.layers["reviewed"]
    assert outlines._slice.image.raw[0].all()
    assert not outlines._slice.image.raw[5:-5, 5:-5].any()
    assert not outlines.editable
    begun.keeper.saver.save()
    assert begun.keeper.project.label_names == ("classes",)
    assert begun.session.labels is begun.keeper.labels


def test_progress_is_shown_by_class_and_slice(begun, wait):
    panel = begun.widget.desk.review
    begun.keeper.labels.data_setitem((np.full(20, 2), np.arange(20), np.full(20, 3)), 2)
    begun.reviewing.mark_slice()
    wait(lambda: "1 of 4 slices" in panel.note.text())
    row = [panel.table.item(1, column).text() for column in range(4)]
    assert row == ["membrane", "20", "20", "1"]
    assert "Unmark slice" in panel.mark.text()
    begun.widget.desk.strip.picked.emit(3)
    assert begun.reviewing.position == 3
    assert "Mark slice as reviewed" in panel.mark.text(), "at once: the next click means this slice"
    begun.widget.desk.strip.picked.emit(2)
    assert "Unmark slice" in panel.mark.text()
    assert begun.widget.desk.strip._shares == {2: 1.0}


def test_a_click_on_the_strip_goes_to_the_slice(begun, wait):
    strip = begun.widget.desk.strip
    QTest.mouseClick(
        strip, Qt.MouseButton.LeftButton, pos=QPoint(round(strip.width() * 0.6), 5)
    )  # the third of four
    wait(lambda: begun.reviewing.position == 2)
    QTest.mouseClick(strip, Qt.MouseButton.LeftButton, pos=QPoint(1, 5))
    wait(lambda: begun.reviewing.position == 0)


def test_no_timer_outlives_the_widget(begun):
    timer = begun.reviewing._timer
    begun.viewer.dims.set_current_step(0, 1)
    assert timer.is_active()
    begun.widget.setParent(None)
    assert not timer.is_active(), (
        "Qt warns when it is freed by another thread, or at the end of the process"
    )
    begun.viewer.dims.set_current_step(0, 0)
    assert not timer.is_active()


def test_without_the_image_of_the_project_the_panel_says_why_and_goes_on_when_it_is_there_again(
    begun, stack, wait, tmp_path
):
    panel, image = begun.widget.desk.review, begun.session.choices.image
    begun.reviewing.mark_slice()
    assert panel.mark.isEnabled()
    second = begun.viewer.add_image(255 - stack, name="second")
    begun.session.choices.choose_image(second)
    begun.finish()
    assert not panel.mark.isEnabled()
    assert panel.note.text().startswith(
        f"'second' is not the image of this project; choose '{image.name}'"
    )
    begun.viewer.layers.remove(second)
    begun.session.choices.choose_image(image)
    assert panel.mark.isEnabled()
    begun.viewer.layers.remove(image)
    begun.finish()
    assert not any(
        part.isEnabled()
        for part in (panel.mark, panel.rectangle, begun.widget.desk.strip, panel.table)
    )
    assert (
        panel.note.text()
        == "The image of this project is not in the window; open it again to review it."
    )
    notification_manager.records.clear()
    begun.reviewing.mark_slice()
    assert notification_manager.records[-1].message == panel.note.text(), "the key says the same"
    assert begun.widget.desk.export.export.isEnabled()
    begun.widget.desk.export.export_asked.emit(str(tmp_path / "set"), "ome-zarr", False)
    begun.finish()
    assert (tmp_path / "set" / "provenance.json").is_file(), (
        "what is reviewed lies on the disk, and so does the image"
    )
    begun.viewer.add_image(stack, scale=SIZE, translate=ORIGIN, units="nm")
    begun.finish()
    assert panel.mark.isEnabled()
    assert panel.note.text() == "1 of 4 slices reviewed."


def test_without_a_project_it_says_what_to_do(window, stack):
    one = window(Image(stack))
    one.finish()
    one.session.part(Reviewing).mark_slice()
    assert "There is no project" in notification_manager.records[-1].message
    assert not one.widget.desk.review.mark.isEnabled()


def numbers(begun, z: int) -> list[int]:
    return np.unique(np.asarray(begun.keeper.project.reviewed)[z]).tolist()


def test_a_slice_is_reviewed_for_the_classes_asked_for_and_those_painted(begun, wait):
    said = []
    begun.session.status.connect(said.append)
    panel = begun.widget.desk.review
    begun.session.choices.choose_classes(begun.session.choices.classes[:1])
    assert "Will be reviewed for: mitochondrion" in panel.reviewed_for.text()
    begun.keeper.labels.data_setitem((np.full(20, 2), np.arange(20), np.full(20, 3)), 3)
    both = "Will be reviewed for: mitochondrion and vesicle"
    wait(lambda: both in panel.reviewed_for.text())
    begun.reviewing.mark_slice()
    project = begun.keeper.project
    assert said[-1].startswith("Marked slice 2 as reviewed for mitochondrion and vesicle: ")
    assert dict(project.record.reviewed_classes) == {"1": (1, 3)}
    assert "Reviewed for: mitochondrion and vesicle" in panel.reviewed_for.text()
    begun.keeper.saver.save()
    assert project.record.history[-1]["classes"] == [1, 3]
    strip = begun.widget.desk.strip
    middle = round(strip.width() * 0.6)
    assert strip.tip_at(middle).startswith(
        "Slice 2: reviewed for mitochondrion and vesicle.\nAll slices"
    )
    assert strip.tip_at(1).startswith("All slices")
    assert panel.table.item(0, 0).toolTip() == "mitochondrion: slices reviewed for it: 1"
    assert panel.table.item(1, 0).toolTip() == "membrane: slices reviewed for it: 0"


def test_each_rectangle_keeps_its_classes(begun, wait):
    classes = begun.session.choices.classes
    world = [np.array([[2, 0, 0], [2, 0, 39], [2, 19, 39], [2, 19, 0]]) * SIZE + ORIGIN]
    shapes = begun.viewer.add_shapes(world, shape_type="rectangle", units="nm")
    shapes.selected_data = {0}
    begun.session.choices.choose_classes(classes[:1])
    begun.reviewing.mark_rectangle()
    shapes.data = [shapes.data[0] + np.array([0, 30, 0]) * SIZE]
    shapes.selected_data = {0}
    begun.session.choices.choose_classes(classes)
    begun.reviewing.mark_rectangle()
    mask = np.asarray(begun.keeper.project.reviewed)[2]
    assert (mask[:20, :40] == 1).all()
    assert (mask[30:50, :40] == 2).all()
    assert dict(begun.keeper.project.record.reviewed_classes) == {"1": (1,), "2": (1, 2, 3)}
    assert begun.reviewing.classes_shown == (1,), "what all of it was reviewed for"
    assert "in part for" in begun.widget.desk.strip._notes[2]


def test_what_a_slice_was_reviewed_for_can_be_changed(begun):
    panel = begun.widget.desk.review
    classes = begun.session.choices.classes
    begun.reviewing.mark_slice()
    assert "Reviewed for: all classes" in panel.reviewed_for.text()
    before = numbers(begun, 2)
    panel.classes_picked.emit(classes[1:2])
    assert numbers(begun, 2) != before
    assert begun.reviewing.classes_shown == (2,)
    assert "Reviewed for: membrane" in panel.reviewed_for.text()
    begun.viewer.dims.set_point(0, ORIGIN[0])
    begun.finish()
    begun.reviewing.count_shown()
    panel.classes_picked.emit(classes[:2])
    assert begun.reviewing.asked == (1, 2)
    assert not np.asarray(begun.keeper.project.reviewed)[0].any()
    begun.reviewing.mark_slice()
    assert begun.reviewing.classes_shown == (1, 2)
    begun.session.choices.choose_classes(classes[:1])
    assert begun.reviewing.asked is None, "she asks for another class now"


def test_an_old_review_counts_for_every_class(begun):
    begun.keeper.project.reviewed[2] = 1
    begun.reviewing.count_shown()
    assert begun.reviewing.classes_shown == (1, 2, 3)
    begun.session.choices.choose_classes(begun.session.choices.classes[:1])
    begun.viewer.dims.set_point(0, ORIGIN[0])
    begun.finish()
    begun.reviewing.mark_slice()
    assert dict(begun.keeper.project.record.reviewed_classes) == {"1": (1, 2, 3), "2": (1,)}
    assert numbers(begun, 0) == [2]
