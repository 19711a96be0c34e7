from __future__ import annotations

import shlex
from dataclasses import replace

import numpy as np
import pytest
from napari.layers import Image, Labels
from napari.utils.notifications import notification_manager

from napari_scsam.checkpoints.find import checkpoint_info
from napari_scsam.config import ClassSpec, TaughtClass
from napari_scsam.gui.layers.class_table import NOT_KEPT_KEY
from napari_scsam.gui.layers.files import read_layers
from napari_scsam.gui.panels.parts.class_map_dialog import ClassMapDialog
from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.tools.files.export import Exporting, numbers_otherwise, start_of
from napari_scsam.gui.tools.files.label_import import guess_map
from napari_scsam.gui.tools.review import Reviewing
from napari_scsam.io.labels import write_labels
from napari_scsam.io.volumes import open_labels
from napari_scsam.project.image import copy_image
from napari_scsam.train.recipe import read_recipe

pytestmark = pytest.mark.gui

SIZE, ORIGIN = (40.0, 8.0, 8.0), (400.0, 80.0, 16.0)


@pytest.fixture
def begun(window, stack, tmp_path, wait):
    list(copy_image(tmp_path / "cell.zarr", stack, SIZE, ORIGIN))
    data, state, _ = read_layers(str(tmp_path / "cell.zarr"))[0]
    one = window(Image(data, **state))
    one.finish()
    one.keeper, one.exporting = one.session.part(ProjectKeeper), one.session.part(Exporting)
    one.keeper.new(str(tmp_path / "mine"))
    one.finish()
    wait(lambda: one.keeper.project is not None)
    one.layer = one.keeper.labels
    one.answers = []
    one.exporting.map_asked.disconnect()
    one.exporting.map_asked.connect(lambda values, guess: one.answers.append((values, guess)))
    return one


def test_a_training_set_is_written_from_the_panel(begun, tmp_path):
    begun.layer.data_setitem((np.zeros(9, int), np.arange(9), np.arange(9)), 3)
    begun.session.part(Reviewing).mark_slice()
    begun.widget.desk.export.export_asked.emit(str(tmp_path / "set"), "ome-zarr", False)
    begun.finish()
    recipe = read_recipe(tmp_path / "set")
    z = begun.session.part(Reviewing).position
    assert (open_labels(recipe.sources[0].labels).data[z] == begun.layer.data[z]).all()
    begun.widget.desk.export.export_asked.emit(str(tmp_path / "set"), "ome-zarr", False)
    begun.finish()
    assert "already exists" in notification_manager.records[-1].message


def test_the_command_is_named_that_reads_a_set_and_can_be_copied(begun, tmp_path):
    begun.session.part(Reviewing).mark_slice()
    export, status = begun.widget.desk.export, begun.widget.work.status
    for layout, ours in (("ome-zarr", True), ("nnunet", False)):
        export.export_asked.emit(str(tmp_path / f"Dataset001_{layout}"), layout, False)
        begun.finish()
        assert ("scsam train" in status.text()) == ours
    export.export_asked.emit(str(tmp_path / "ts plain"), "tiff", False)
    begun.finish()
    command = ["scsam", "train", str(tmp_path / "ts plain"), "-o", "mine.safetensors"]
    assert shlex.split(status.text().splitlines()[-1]) == command


def test_nnunet_s_name_for_a_folder_is_hinted_at(begun, tmp_path):
    begun.session.part(Reviewing).mark_slice()
    for name, hinted in (("nn_other", True), ("Dataset12_x", True), ("Dataset012_x", False)):
        begun.widget.desk.export.export_asked.emit(str(tmp_path / name), "nnunet", False)
        begun.finish()
        hint = (
            f", which needs a folder called DatasetNNN_Name; rename it, e.g. to Dataset001_{name}"
            if hinted
            else ""
        )
        said = f"'{name}' is written in {tmp_path}. It is for training nnU-Net{hint}."
        assert begun.widget.work.status.text() == said


def test_training_starts_from_the_checkpoint_in_use(checkpoint):
    info = checkpoint_info(checkpoint)
    assert start_of(info) == checkpoint
    assert start_of(checkpoint_info()) == "scsam_tiny"
    assert start_of(None) is None
    assert not numbers_otherwise(info, (*info.classes, ClassSpec(7, "granule")))
    assert numbers_otherwise(info, (ClassSpec(1, "granule"),))


def test_it_says_that_the_checkpoint_numbers_classes_otherwise(begun, checkpoint, tmp_path):
    begun.session.choices.checkpoint = replace(
        checkpoint_info(checkpoint), classes=(ClassSpec(1, "granule"),)
    )
    begun.layer.data_setitem((np.zeros(9, int), np.arange(9), np.arange(9)), 3)
    begun.session.part(Reviewing).mark_slice()
    said = []
    begun.session.status.connect(said.append)
    begun.widget.desk.export.export_asked.emit(str(tmp_path / "set"), "ome-zarr", False)
    begun.finish()
    assert read_recipe(tmp_path / "set").renumber
    assert (
        "numbers classes differently, so the trained network will know the classes of this project only"
        in said[-1]
    )
    assert said[-1].endswith(" -o mine.safetensors")


def test_what_strokes_taught_goes_along(begun, checkpoint, tmp_path):
    granule = TaughtClass(ClassSpec(7, "granule"), (0.5,) * 256)
    begun.session.choices.checkpoint, begun.session.choices.taught = (
        checkpoint_info(checkpoint),
        (granule,),
    )
    begun.layer.data_setitem((np.zeros(9, int), np.arange(9), np.arange(9)), 3)
    begun.session.part(Reviewing).mark_slice()
    begun.widget.desk.export.export_asked.emit(str(tmp_path / "set"), "ome-zarr", False)
    begun.finish()
    assert read_recipe(tmp_path / "set").taught == (granule,)


def test_labels_go_into_the_image_and_are_asked_about(begun, tmp_path, wait):
    begun.layer.data_setitem((np.zeros(9, int), np.arange(9), np.arange(9)), 3)
    begun.exporting.into_image()
    begun.finish()
    written = open_labels(tmp_path / "cell.zarr" / "labels" / "organelles")
    np.testing.assert_array_equal(written.data[...], np.asarray(begun.layer.data))
    asked = []
    begun.exporting.replace_asked.disconnect()
    begun.exporting.replace_asked.connect(asked.append)
    begun.exporting.into_image()
    wait(lambda: asked)


def test_labels_of_others_come_in_with_a_class_map_as_one_undo_step(begun, tmp_path, wait):
    theirs = np.zeros(begun.layer.data.shape, np.uint16)
    theirs[1, 5:20, 5:30], theirs[2, 40:50, 10:90] = 700, 3
    table = [ClassSpec(700, "Vesicle"), ClassSpec(3, "odd")]
    begun.layer.data_setitem((np.array([1]), np.array([0]), np.array([0])), 2)
    before = np.asarray(begun.layer.data)
    expected = before.copy()
    expected[1, 5:20, 5:30] = 3
    for suffix in ("tif", "zarr"):
        begun.answers.clear()
        write_labels(tmp_path / f"theirs.{suffix}", theirs, SIZE, table, origin=ORIGIN)
        begun.exporting.bring(str(tmp_path / f"theirs.{suffix}"))
        wait(lambda: begun.answers)
        assert begun.answers == [([3, 700], {3: 0, 700: 3})], "by name, where there are names"
        begun.exporting.import_as({700: 3})
        begun.finish()
        np.testing.assert_array_equal(np.asarray(begun.layer.data), expected)
        begun.layer.undo()
        np.testing.assert_array_equal(np.asarray(begun.layer.data), before)


def test_labels_come_in_from_the_selected_layer(begun, wait):
    begun.exporting.bring("")
    assert "Select a labels layer" in notification_manager.records[-1].message
    values = np.zeros(begun.layer.data.shape, np.int32)
    values[3, 1:4, 1:4] = 2
    begun.viewer.layers.selection.active = begun.viewer.add_layer(Labels(values))
    begun.exporting.bring("")
    wait(lambda: begun.answers)
    begun.exporting.import_as(begun.answers[0][1])
    begun.finish()
    np.testing.assert_array_equal(np.asarray(begun.layer.data), values)


def test_labels_come_into_a_layer_that_was_removed_unless_the_image_is_gone_too(begun, wait):
    begun.viewer.layers.remove(begun.layer)
    values = np.full(begun.layer.data.shape, 2, np.uint8)
    begun.viewer.layers.selection.active = begun.viewer.add_layer(
        Labels(values, metadata={NOT_KEPT_KEY: True})
    )
    begun.exporting.bring("")
    wait(lambda: begun.answers)
    begun.exporting.import_as({2: 2})
    begun.finish()
    assert (np.asarray(begun.keeper.labels.data) == 2).all()
    begun.viewer.layers.clear()
    begun.exporting.bring("")
    assert (
        notification_manager.records[-1].message
        == "The image of this project is not in the window; open it again to import labels."
    )


def test_labels_of_another_image_are_refused(begun, tmp_path, wait):
    write_labels(tmp_path / "small.tif", np.ones((2, 5, 5), np.uint8), None, ())
    begun.exporting.bring(str(tmp_path / "small.tif"))
    wait(
        lambda: (
            notification_manager.records
            and "have shape" in notification_manager.records[-1].message
        )
    )


def test_the_dialog_gives_what_was_chosen(qtbot):
    ours = (ClassSpec(1, "mitochondrion"), ClassSpec(2, "ER"))
    dialog = ClassMapDialog([1, 2, 9], guess_map([1, 2, 9], (), ours), ours)
    qtbot.addWidget(dialog)
    assert dialog.mapping == {1: 1, 2: 2}
    dialog.choices[9].show_choice(1)
    dialog.choices[1].show_choice(0)
    assert dialog.mapping == {2: 2, 9: 1}


def test_training_takes_the_sam_of_a_network_without_classes(begun, tmp_path):
    begun.session.choices.checkpoint = replace(
        begun.session.choices.checkpoint, config={"sam": "vit_b", "prompts_only": True}
    )
    begun.layer.data_setitem((np.zeros(9, int), np.arange(9), np.arange(9)), 3)
    begun.session.part(Reviewing).mark_slice()
    begun.widget.desk.export.export_asked.emit(str(tmp_path / "set"), "ome-zarr", False)
    begun.finish()
    recipe = read_recipe(tmp_path / "set")
    assert (recipe.start, recipe.model.sam) == (None, "vit_b")
    assert recipe.sam_weights.name == begun.session.choices.checkpoint.path.name
