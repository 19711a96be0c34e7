from __future__ import annotations

import threading
from importlib.resources import files

import numpy as np
import pytest
from napari.layers import Image, Labels
from napari.utils.notifications import notification_manager

from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.canvas.active_tool import ActiveTool
from napari_scsam.gui.tools.segment import Segmenting
from napari_scsam.gui.tools.shortcuts import CORRECT as CORRECT_KEYS
from napari_scsam.gui.tools.shortcuts import OTHER_SIDE, PROMPT, SEGMENT
from napari_scsam.gui.tools.shortcuts import TEACH as TEACH_KEY
from napari_scsam.gui.tools.teach import Teaching
from napari_scsam.gui.widget import CORRECT_TAB, OBJECT_TAB, SEGMENT_TAB, TEACH_TAB, ScSAMWidget
from napari_scsam.project.project import Project

pytestmark = pytest.mark.gui


def inference_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("scsam")]


@pytest.fixture(autouse=True)
def no_thread_stays(wait):
    yield
    wait(lambda: not inference_threads())


def labels_of(viewer) -> Labels:
    (found,) = [layer for layer in viewer.layers if isinstance(layer, Labels)]
    return found


def test_pick_a_class_segment_undo_redo_and_pick_another(window, stack):
    one = window(Image(stack, name="cell", scale=(5, 7.68, 10.24), units=("nm",) * 3))
    one.finish()
    assert one.widget.volume.layers.currentText() == "cell"
    assert [field.text() for field in one.widget.volume.sizes] == ["5", "7.68", "10.24"]
    one.widget.class_bar.classes.setCurrentIndex(0)
    one.widget.class_bar.classes.activated.emit(0)
    needs_labels = (*one.widget.correct.buttons.values(), one.widget.objects.search)
    assert not any(part.isEnabled() for part in needs_labels)
    one.widget.segment.segment.click()
    one.finish()
    assert all(part.isEnabled() for part in needs_labels)
    needs_slice = (one.widget.segment.segment, one.widget.prompt.start, one.widget.teach.start)
    for number, offered in ((3, False), (2, True)):
        one.viewer.dims.ndisplay = number
        assert all(part.isEnabled() == offered for part in needs_slice)
        assert ("3-D" in needs_slice[0].toolTip()) != offered
    labels = labels_of(one.viewer)
    z = one.viewer.dims.current_step[0]
    first = np.array(labels.data[z])
    assert set(np.unique(first)) == {0, 1}
    assert not one.widget.work.bar.isVisible()
    assert "Mitochondrion on slice" in one.widget.work.status.text()
    labels.undo()
    assert not labels.data.any()
    labels.redo()
    np.testing.assert_array_equal(labels.data[z], first)
    one.widget.class_bar.classes.activated.emit(2)
    one.finish()
    assert set(np.unique(labels.data[z])) == {0, 1}, "choosing shows, and pressing writes"
    one.widget.segment.segment.click()
    one.finish()
    assert set(np.unique(labels.data[z])) == {0, 1, 3}


def test_a_careful_look_is_asked_of_the_network_for_one_slice_and_for_many(window, stack):
    one = window(Image(stack))
    one.finish()
    one.widget.segment.tta.click()
    one.widget.segment.segment.click()
    one.finish()
    assert one.engine.predictor.tta
    one.widget.segment.tta.click()
    one.widget.segment.scope.picked.emit("volume")
    one.widget.segment.segment.click()
    one.finish()
    assert not one.engine.predictor.tta
    assert not one.widget.segment.tta.isChecked()


def test_cancel_in_the_middle_of_a_long_run(window, stack, wait):
    one = window(Image(stack))
    one.finish()
    one.engine.predictor.count = 10_000
    one.widget.segment.segment.click()
    wait(lambda: one.widget.work.bar.value() > 1)
    wait(one.widget.work.cancel.isVisible)
    one.widget.work.cancel.click()
    wait(lambda: one.engine.predictor.closed == 1)
    assert len(one.viewer.layers) == 1
    assert "Cancelled" in one.widget.work.status.text()
    one.engine.predictor.count = 2
    one.widget.segment.segment.click()
    one.finish()
    assert labels_of(one.viewer).data.any()


def test_two_widgets_share_a_session_and_two_viewers_do_not(window, stack):
    one = window(Image(stack))
    again = window(viewer=one.viewer)
    other = window(Image(stack))
    assert again.session is one.session
    assert other.session is not one.session
    assert again.widget.segment.all_classes.isChecked()
    assert again.widget.class_bar.classes.currentText() == "mitochondrion"
    one.widget.class_bar.classes.activated.emit(1)
    assert again.widget.class_bar.classes.currentText() == "membrane"
    assert again.widget.segment.one_class.isChecked()
    one.widget.segment.all_classes.click()
    assert again.widget.segment.all_classes.isChecked()
    assert again.widget.class_bar.classes.currentText() == "membrane", "it is still worked on"
    assert again.session.choices.chosen == again.session.choices.classes
    one.session.choices.choose_image(None)
    assert again.widget.volume.layers.currentIndex() == -1
    one.viewer.window.remove_dock_widget(one.widget)
    assert Session.find(one.viewer) is one.session
    again.viewer.window.remove_dock_widget(again.widget)
    assert Session.find(one.viewer) is None


def test_layers_that_come_go_and_change_their_name(window, stack):
    one = window()
    assert not one.widget.volume.layers.isEnabled()
    image = one.viewer.add_image(stack, name="cell")
    assert one.session.choices.image is image
    image.name = "nucleus"
    assert one.widget.volume.layers.currentText() == "nucleus"
    one.viewer.add_labels(stack, name="not an image")
    assert one.widget.volume.layers.count() == 1
    one.viewer.layers.remove(image)
    assert one.session.choices.image is None
    assert one.widget.volume.layers.count() == 0


def test_a_typed_voxel_size_is_used(window, stack):
    one = window(Image(stack))
    one.finish()
    assert "unknown" in one.widget.volume.note.text()
    for field, text in zip(one.widget.volume.sizes, ("40", "10", "10"), strict=True):
        field.setText(text)
    one.widget.volume.sizes[0].editingFinished.emit()
    one.widget.segment.segment.click()
    one.finish()
    assert one.engine.predictor.asked[-1][1] == (40.0, 10.0, 10.0)


def test_a_dock_closed_in_the_middle_of_a_run_leaves_no_thread(window, stack, wait):
    one = window(Image(stack))
    one.finish()
    one.engine.predictor.count = 10_000
    one.widget.segment.segment.click()
    wait(lambda: one.widget.work.bar.value() > 1)
    one.viewer.window.remove_dock_widget(one.widget)
    wait(lambda: not inference_threads())
    assert one.engine.predictor.closed == 1
    one.viewer.add_image(stack)


def test_a_viewer_closed_in_the_middle_of_a_run_leaves_no_thread(window, stack, wait):
    one = window(Image(stack))
    one.finish()
    predictor, bar = one.engine.predictor, one.widget.work.bar
    predictor.count = 10_000
    one.widget.segment.segment.click()
    wait(lambda: bar.value() > 1)
    one.viewer.close()
    wait(lambda: not inference_threads())
    assert predictor.closed == 1


def test_a_wrong_checkpoint_file_is_told(window, tmp_path):
    one = window()
    notification_manager.records.clear()
    (tmp_path / "model.safetensors").write_bytes(b"not a checkpoint")
    one.widget.model.file_asked.emit(str(tmp_path / "model.safetensors"))
    assert len(notification_manager.records) == 1
    assert one.session.choices.checkpoint.name == "tiny"


def test_without_any_checkpoint_the_panel_says_so(make_napari_viewer, monkeypatch):
    from napari_scsam.gui import widget

    monkeypatch.setattr(widget, "list_checkpoints", tuple)
    viewer = make_napari_viewer()
    panel = ScSAMWidget(viewer)
    viewer.window.add_dock_widget(panel)
    assert "No checkpoint found" in panel.model.note.text()
    starts = (panel.segment.segment, panel.prompt.start, panel.teach.start, panel.teach.name)
    files = (panel.desk.project.new, panel.desk.project.labels)
    assert not any(part.isEnabled() for part in (*starts, *files))
    SEGMENT.run(viewer)
    assert "no image" in panel.work.status.text()
    viewer.add_image(np.zeros((2, 8, 8), np.uint8))
    assert all(part.isEnabled() for part in (*starts, panel.desk.project.new))
    assert "Open an image" not in panel.desk.project.note.text()
    assert not panel.desk.project.labels.isEnabled(), "there are no labels yet"


def test_it_fits_a_small_screen_and_both_themes(window, stack, wait):
    one = window(Image(stack, name="a very long name of an image layer that somebody gave it"))
    one.viewer.window.resize(800, 500)
    grow = one.widget.correct.buttons["grow"]
    colours = set()
    for theme in ("light", "dark"):
        one.viewer.theme = theme
        panels = (one.widget.volume, one.widget.model, one.widget.segment, one.widget.class_bar)
        wait(lambda: all(panel.minimumSizeHint().width() <= panel.width() for panel in panels))  # noqa: B023  # waited for at once
        for page in one.widget.tabs.pages.values():
            one.widget.tabs.setCurrentWidget(page)
            body, viewport = page.widget(), page.viewport()
            wait(lambda: body.minimumSizeHint().width() <= body.width() <= viewport.width())  # noqa: B023  # waited for at once
        for in_use in (False, True):
            grow.setChecked(in_use)
            colours.add((in_use, grow.grab().toImage().pixelColor(3, 3).name()))
    assert len({colour for _, colour in colours}) == 4, "a tool in use looks like no other"
    wait(lambda: one.widget.width() < 400)


def test_what_starts_a_tool_shows_its_tab(window, stack, wait):
    one = window(Image(stack))
    one.finish()
    tabs = one.widget.tabs
    assert tabs.shown() == SEGMENT_TAB
    assert not one.widget.prompt.start.isVisible()
    PROMPT.run(one.viewer)
    wait(one.widget.prompt.body.isVisible)
    assert tabs.shown() == OBJECT_TAB
    tabs.show_page(SEGMENT_TAB)
    OTHER_SIDE.run(one.viewer)
    assert tabs.shown() == SEGMENT_TAB, "only the start of a tool changes the tab"
    TEACH_KEY.run(one.viewer)
    wait(one.widget.teach.body.isVisible)
    assert tabs.shown() == TEACH_TAB
    one.session.part(ActiveTool).deactivate()
    tabs.show_page(SEGMENT_TAB)
    one.viewer.add_labels(np.zeros(stack.shape, np.uint8))
    CORRECT_KEYS["cut"].run(one.viewer)
    wait(one.widget.correct.isVisible)
    assert tabs.shown() == CORRECT_TAB


def test_one_class_is_worked_on_under_every_tab(window, stack, classes):
    one = window(Image(stack))
    one.finish()
    one.session.part(Segmenting).segment()
    one.finish()
    labels = labels_of(one.viewer)
    one.widget.class_bar.classes.activated.emit(1)
    one.finish()
    assert one.session.choices.chosen == classes[1:2]
    assert labels.selected_label == classes[1].id, "it is painted with"
    assert "Accept as membrane" in one.widget.prompt.accept.text()
    assert one.widget.teach.start.text().startswith("Teach membrane")
    TEACH_KEY.run(one.viewer)
    assert one.session.part(Teaching).strokes.spec == classes[1]
    one.widget.class_bar.classes.activated.emit(2)
    assert one.session.part(Teaching).strokes.spec == classes[2]
    one.widget.teach.name.setText("granule")
    one.widget.teach.name.returnPressed.emit()
    assert one.session.part(Teaching).strokes.spec.name == "granule"
    assert one.widget.class_bar.classes.currentText() == "granule"
    one.session.part(ActiveTool).deactivate()
    assert one.widget.class_bar.classes.currentText() == "vesicle", "it was not painted"


def test_a_dock_closed_and_opened_again_goes_on_with_the_project(window, stack, tmp_path, wait):
    one = window(Image(stack, name="cell"))
    one.finish()
    one.widget.desk.keeper.new(str(tmp_path / "mine"))
    wait(lambda: one.widget.desk.keeper.project is not None)
    one.finish()
    assert not one.widget.card.isVisible(), "who has a project is no newcomer"
    one.viewer.add_image(stack[:2, :40], name="another")
    before = [*one.viewer.layers]
    one.viewer.window.remove_dock_widget(one.widget)
    wait(lambda: Session.find(one.viewer) is None)
    again = window(viewer=one.viewer)
    again.finish()
    assert "mine.scsam.zarr" in again.widget.desk.project.note.text()
    assert again.widget.volume.layers.currentText() == "cell"
    assert [*again.viewer.layers] == before
    again.viewer.close()
    Project(tmp_path / "mine.scsam.zarr").close()


def test_a_status_of_the_image_before_is_removed(window, stack):
    one = window(Image(stack, name="before"))
    one.finish()
    one.session.status.emit("Membrane on slice 1: nothing found.")
    image = one.viewer.add_image(stack, name="after")
    assert one.widget.work.status.text() == "Membrane on slice 1: nothing found."
    one.session.choices.choose_image(image)
    assert one.widget.work.status.text() == ""
    one.session.status.emit("It is open.")
    one.session.choices.take_contrast_as_shown(True)
    assert one.widget.work.status.text() == "It is open.", "it is the same image"


def test_the_card_for_a_newcomer_goes_with_the_first_labels(window, stack):
    one = window(Image(stack))
    one.finish()
    assert one.widget.card.isVisible()
    one.widget.segment.segment.click()
    one.finish()
    assert not one.widget.card.isVisible()


def test_the_menu_names_what_the_panel_does():
    manifest = files("napari_scsam") / "napari.yaml"
    text = manifest.read_text(encoding="utf-8")
    widgets = text.split("widgets:")[1].split("readers:")[0]
    assert "display_name: Segment organelles" in widgets
    assert "display_name: ScSAM" not in widgets, "napari shows it as 'ScSAM (ScSAM)'"
