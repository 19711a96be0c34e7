from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import zarr
from napari.layers import Image, Labels
from napari.utils.notifications import notification_manager

from napari_scsam.config import ClassSpec
from napari_scsam.gui.layers.class_table import NOT_KEPT_KEY, classes_of, show_classes
from napari_scsam.gui.layers.files import read_layers
from napari_scsam.gui.layers.locks import lock, locked_labels
from napari_scsam.gui.layers.plane import camera_of
from napari_scsam.gui.panels.project import ProjectPanel
from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.tools.correction.correct import Correcting
from napari_scsam.gui.tools.one_object import Prompting
from napari_scsam.gui.tools.segment import Segmenting
from napari_scsam.gui.words import as_sentence
from napari_scsam.project.image import copy_image
from napari_scsam.project.project import Project

pytestmark = pytest.mark.gui

SIZE, ORIGIN = (40.0, 8.0, 8.0), (400.0, 80.0, 16.0)


@pytest.fixture
def file(tmp_path: Path, stack) -> Path:
    list(copy_image(tmp_path / "cell.zarr", stack, SIZE, ORIGIN))
    return tmp_path / "cell.zarr"


@pytest.fixture
def begun(window, file, tmp_path, wait):
    """A window with a project for an anisotropic image that does not lie at the origin."""

    def begin():
        data, state, _ = read_layers(str(file))[0]
        one = window(Image(data, **state))
        one.finish()
        one.keeper = one.session.part(ProjectKeeper)
        one.keeper.new(str(tmp_path / "mine"))
        one.finish()
        wait(lambda: one.keeper.project is not None)
        one.path = tmp_path / "mine.scsam.zarr"
        return one

    return begin


def opened(one, path, wait):
    one.keeper = one.session.part(ProjectKeeper)
    one.keeper.open(str(path))
    wait(lambda: one.keeper.project is not None, 60_000)
    one.finish()
    return one


def on_disk(path: Path, name: str = "classes") -> np.ndarray:
    return zarr.open_group(path, mode="r")[f"labels/{name}/0"][...]


def test_a_stroke_is_on_disk_within_a_second(begun, wait):
    one = begun()
    layer = one.keeper.labels
    layer.mode, layer.brush_size = "paint", 9
    one.viewer.dims.set_point(0, ORIGIN[0] + 2 * SIZE[0])
    layer.paint((2, 20, 30), 3)
    start = time.monotonic()
    wait(lambda: (on_disk(one.path)[2] == 3).sum() > 40)
    assert time.monotonic() - start < 1.0
    np.testing.assert_array_equal(on_disk(one.path), np.asarray(layer.data))
    layer.undo()
    wait(lambda: not on_disk(one.path).any())
    layer.redo()
    wait(lambda: on_disk(one.path).any())


def test_it_opens_as_it_was_left(begun, window, wait):
    one = begun()
    viewer, layer = one.viewer, one.keeper.labels
    one.session.part(Segmenting).segment()
    one.finish()
    layer.data_setitem((np.array([2, 2]), np.array([5, 6]), np.array([7, 7])), np.array([2, 1]))
    show_classes(layer, [ClassSpec(9, "granule", "#123456")])
    layer.opacity, layer.selected_label, layer.contour = 0.25, 2, 1
    lock(layer, 2, locked=True)
    one.session.choices.image.contrast_limits = (11, 99)
    one.session.choices.type_voxel_size((50.0, 9.0, 9.0))
    points = viewer.add_points([[400.0, 100.0, 120.0]], name="prompts", size=5)
    viewer.add_labels(
        np.arange(layer.data.size).reshape(layer.data.shape) % 300,
        name="cells!",
        scale=SIZE,
        translate=ORIGIN,
        units="nm",
    )
    viewer.layers.selection.active = layer
    viewer.dims.set_point(0, ORIGIN[0] + 2 * SIZE[0])
    camera = camera_of(viewer)
    camera.center = (0, 333.0, 444.0)
    camera.zoom = 0.77
    one.keeper.saver.save()
    before = {name: np.asarray(viewer.layers[name].data) for name in (layer.name, "cells!")}
    one.keeper.close()
    two = opened(window(), one.path, wait)
    for name, values in before.items():
        np.testing.assert_array_equal(np.asarray(two.viewer.layers[name].data), values)
    again = two.keeper.labels
    np.testing.assert_allclose((again.scale, again.translate), (SIZE, ORIGIN))
    assert [str(unit) for unit in again.units] == ["nanometer"] * 3
    assert classes_of(again) == classes_of(layer)
    assert (again.opacity, again.selected_label, again.contour) == (0.25, 2, 1)
    assert locked_labels(again) == (2,)
    assert tuple(two.session.choices.image.contrast_limits) == (11, 99)
    assert two.session.choices.voxel_size == (50.0, 9.0, 9.0)
    np.testing.assert_array_equal(two.viewer.layers["prompts"].data, points.data)
    np.testing.assert_allclose(two.viewer.dims.point, viewer.dims.point)
    np.testing.assert_allclose(camera_of(two.viewer).center, camera.center)
    assert camera_of(two.viewer).zoom == pytest.approx(0.77)
    assert two.viewer.layers.selection.active is again
    kept, again_kept = (
        [layer.name for layer in v.layers if NOT_KEPT_KEY not in layer.metadata]
        for v in (viewer, two.viewer)
    )
    assert again_kept == kept, "the outlines of what is reviewed are made anew, on top"


@pytest.mark.parametrize(
    ("show", "count"),
    [
        (lambda session: session.part(Prompting).start(), 3),
        (lambda session: session.part(Correcting).use("cut"), 1),
    ],
    ids=["prompts", "line to cut along"],
)
def test_what_the_plugin_shows_for_a_while_is_not_kept(begun, window, stack, wait, show, count):
    one = begun()
    show(one.session)
    one.finish()
    assert len(one.viewer.layers) == 3 + count
    one.keeper.saver.save()
    one.keeper.close()
    two = window(Image(stack, scale=SIZE, translate=ORIGIN, units="nm"))
    two.finish()
    two.session.part(Prompting).start()
    opened(two, one.path, wait)
    assert len(two.viewer.layers) == 4, "two images, the labels, the outlines of what is reviewed"


def test_the_model_knows_its_own_pixels_after_reopening(begun, window, wait):
    one = begun()
    one.session.part(Segmenting).choose_classes(one.session.choices.checkpoint.classes[:1])
    one.session.part(Segmenting).segment()
    one.finish()
    z = one.session.request().plane.position
    first = np.asarray(one.keeper.labels.data)[z].copy()
    one.keeper.labels.data_setitem((np.array([z]), np.array([0]), np.array([0])), np.array([3]))
    one.keeper.close()
    two = opened(window(), one.path, wait)
    two.session.part(Segmenting).choose_classes(two.session.choices.checkpoint.classes[1:2])
    two.session.part(Segmenting).segment()
    two.finish()
    after = np.asarray(two.keeper.labels.data)[z]
    assert after[0, 0] == 3, "what the user painted stays"
    assert (after == 2).sum() > 100
    assert (after[first == 1] == 1).all()


def test_an_accepted_object_stays_the_users_after_reopening(window, tmp_path, predictor, wait):
    y, x = np.mgrid[:96, :128]
    discs = np.repeat(
        np.where(np.hypot(y - 30, x % 60 - 30) < 12, 220, 20).astype(np.uint8)[None], 3, axis=0
    )
    one = window(Image(discs, scale=SIZE, translate=ORIGIN, units="nm"))
    one.engine.predictor = predictor
    one.finish()
    one.session.part(ProjectKeeper).new(str(tmp_path / "mine"))
    wait(lambda: one.session.part(ProjectKeeper).project is not None)
    one.viewer.dims.set_point(0, ORIGIN[0] + SIZE[0])
    one.session.part(Segmenting).choose_classes(one.session.choices.classes[:1])
    one.session.part(Segmenting).segment()
    one.finish()
    prompting = one.session.part(Prompting)
    prompting.start()
    prompting.layers.points.add((1, 30, 30))
    wait(lambda: prompting.found is not None)
    prompting.accept()
    one.finish()
    one.viewer.close()
    two = opened(window(), tmp_path / "mine.scsam.zarr", wait)
    two.engine.predictor = predictor
    two.session.part(Segmenting).choose_classes(two.session.choices.classes[:1])
    two.session.choices.threshold_offsets["mitochondrion"] = 9.0  # now the network finds nothing
    two.session.part(Segmenting).segment()
    two.finish()
    labels = np.asarray(two.keeper.labels.data)
    np.testing.assert_array_equal(
        labels > 0, (discs > 100) & (x < 60) & (np.arange(3) == 1)[:, None, None]
    )


def test_a_labels_layer_that_is_added_goes_into_the_project_before_the_next_look(begun, wait):
    one = begun()
    one.keeper.saver._timer.stop()
    layer = one.viewer.add_labels(
        np.zeros(one.keeper.labels.data.shape, np.uint16),
        name="cells",
        scale=SIZE,
        translate=ORIGIN,
        units="nm",
    )
    one.finish()
    layer.data_setitem((np.array([2]), np.array([5]), np.array([7])), 300)
    wait(lambda: on_disk(one.path, "cells")[2, 5, 7] == 300)


def test_labels_that_are_there_go_into_a_new_project_with_their_undo(
    window, stack, file, tmp_path, wait
):
    (data, state, _) = read_layers(str(file))[0]
    one = window(Image(data, **state))
    one.finish()
    one.session.part(Segmenting).segment()
    one.finish()
    layer = one.session.labels
    before = layer.data.copy()
    keeper = one.session.part(ProjectKeeper)
    keeper.new(str(tmp_path / "late"))
    one.finish()
    wait(lambda: keeper.project is not None)
    assert keeper.labels is layer
    np.testing.assert_array_equal(np.asarray(layer.data), before)
    layer.undo()
    assert not np.asarray(layer.data).any()
    layer.redo()
    keeper.project.flush()
    np.testing.assert_array_equal(on_disk(tmp_path / "late.scsam.zarr"), before)


def test_a_project_is_named_as_its_file_is(window, stack, tmp_path, wait):
    one, said = window(Image(stack)), []
    one.finish()
    one.session.status.connect(said.append)
    keeper = one.session.part(ProjectKeeper)
    keeper.new(str(tmp_path / "my brain.scsam"))
    one.finish()
    wait(lambda: keeper.project is not None)
    assert (
        as_sentence(said[-1])
        == "'my brain.scsam.zarr' is ready; what you paint is saved as you paint it."
    )
    assert (tmp_path / "my brain.scsam.zarr").is_dir()


def test_an_image_in_memory_goes_into_the_project(window, stack, tmp_path, wait):
    one = window(Image(stack, scale=SIZE, translate=ORIGIN, units="nm"))
    one.finish()
    keeper = one.session.part(ProjectKeeper)
    keeper.new(str(tmp_path / "own"))
    one.finish()
    wait(lambda: keeper.project is not None)
    keeper.close()
    shutil.move(tmp_path / "own.scsam.zarr", tmp_path / "moved.scsam.zarr")
    two = opened(window(), tmp_path / "moved.scsam.zarr", wait)
    np.testing.assert_array_equal(np.asarray(two.session.choices.image.data), stack)
    np.testing.assert_allclose(two.session.choices.image.translate, ORIGIN)


def test_an_image_that_moved_is_asked_for(begun, window, file, wait, monkeypatch):
    one, asked = begun(), []
    one.keeper.close()
    shutil.move(file, file.with_name("moved.zarr"))

    def answer(panel, path, question):
        """Stand in for the box that waits for the user."""
        asked.append(question)
        panel.image_shown.emit(str(path), str(file.with_name("moved.zarr")))

    monkeypatch.setattr(ProjectPanel, "ask_for_image", answer)
    keeper = window().session.part(ProjectKeeper)
    keeper.open(str(one.path))
    wait(lambda: keeper.project is not None)
    assert "show where it is now" in asked[0]
    keeper.close()
    Project(one.path).close()


def test_closing_the_window_lets_others_open_it(begun, wait):
    one = begun()
    one.keeper.labels.data_setitem((np.array([0]), np.array([0]), np.array([0])), 2)
    one.viewer.close()
    again = Project(one.path)
    assert again.array("classes")[0, 0, 0] == 2
    assert again.record.view["layers"], "the view outlives the layers"
    again.close()


def test_two_windows_do_not_write_into_one_project(begun, window, wait):
    one = begun()
    two = window()
    notification_manager.records.clear()
    two.session.part(ProjectKeeper).open(str(one.path))
    wait(lambda: notification_manager.records)
    assert "another window" in notification_manager.records[-1].message


def test_without_an_image_there_is_no_project(window):
    one = window()
    one.finish()
    notification_manager.records.clear()
    one.session.part(ProjectKeeper).new("x")
    assert "There is no image" in notification_manager.records[-1].message


def test_save_as_goes_on_in_the_copy(begun, tmp_path, wait):
    one = begun()
    one.keeper.save_as(str(tmp_path / "second"))
    wait(lambda: one.keeper.project.path.name == "second.scsam.zarr")
    one.keeper.labels.data_setitem((np.array([1]), np.array([1]), np.array([1])), 2)
    wait(lambda: on_disk(tmp_path / "second.scsam.zarr")[1, 1, 1] == 2)
    assert not on_disk(one.path).any()
    assert isinstance(one.keeper.labels, Labels)


@pytest.mark.parametrize("there", ["mine", "folder.scsam.zarr", "mine.scsam.zarr/labels/copy"])
def test_save_as_overwrites_nothing_and_goes_on_where_it_was(begun, tmp_path, wait, there):
    one = begun()
    (tmp_path / "folder.scsam.zarr").mkdir()
    (tmp_path / "folder.scsam.zarr" / "notes.txt").write_text("mine")
    names = sorted(path.name for path in tmp_path.iterdir())
    notification_manager.records.clear()
    one.keeper.save_as(str(tmp_path / there))
    wait(lambda: notification_manager.records)
    (told,) = notification_manager.records
    assert str(told.severity) == "warning"
    assert (
        "already exists, and nothing is overwritten" in told.message
        or "would be inside the project" in told.message
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert (tmp_path / "folder.scsam.zarr" / "notes.txt").read_text() == "mine"
    assert one.keeper.project.path == one.path
    one.keeper.labels.data_setitem((np.array([1]), np.array([1]), np.array([1])), 2)
    wait(lambda: on_disk(one.path)[1, 1, 1] == 2)
