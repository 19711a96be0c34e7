from __future__ import annotations

import numpy as np
from listed import CLASSES, class_labels
from napari.layers import Image

from napari_scsam.gui.layers.class_table import new_labels
from napari_scsam.gui.layers.instance_layer import SelectedView
from napari_scsam.gui.tools.objects.edit import EditingObjects
from napari_scsam.gui.tools.objects.find import FindingObjects
from napari_scsam.gui.tools.objects.select import SelectingObjects
from napari_scsam.gui.tools.objects.store import ObjectStore


def test_objects_of_all_classes_are_found_and_a_boundary_belongs_to_its_mitochondrion(found):
    truth = class_labels()
    table = found.store.table
    assert table["class"].tolist() == ["mitochondrion"] * 2 + ["vesicle"] * 3
    assert table["voxels"].tolist() == [2 * 12 * 20, 3 * 10 * 30, 2 * 4 * 4, 25, 25]
    np.testing.assert_allclose(table["volume_um3"], table["voxels"] * 20 * 8 * 8 / 1e9)
    assert table["touches_border"].tolist() == [False, True, False, False, True]
    np.testing.assert_array_equal(found.store.layer.data != 0, truth != 0)
    np.testing.assert_array_equal(found.labels.data, truth)
    assert "2 × mitochondrion and 3 × vesicle" in found.said[-1]


def test_found_again_objects_replace_those_that_nobody_touched_and_only_those(found):
    first = found.store.layer
    found.labels.data[2, 70:75, 80:85] = 0
    found.finding.find()
    assert found.store.layer is first
    assert len(found.store.table) == 4
    found.selecting.select([1])
    found.editing.delete()
    found.finding.find()
    assert found.store.layer is not first
    assert len(found.store.table) == 4
    assert not (np.asarray(first.data) == 1).any(), "the edited objects stay as they are"


def test_objects_of_another_image_of_the_same_size_are_left_alone(found):
    first = found.store.layer
    before = np.array(first.data)
    session = found.session
    assert not found.finding.is_of_another(first)
    image = session.viewer.add_layer(Image(np.zeros(before.shape, np.uint8), name="other"))
    session.choices.choose_image(image)
    assert found.finding.is_of_another(first)
    labels = new_labels(image, CLASSES)
    labels.data[2, 10:20, 10:20] = 1
    session.viewer.add_layer(labels)
    session.outputs.use(image, labels)
    found.finding.find()
    np.testing.assert_array_equal(first.data, before)
    assert first.visible, "it is hidden only by a new search in its own labels"
    assert found.store.layer is not first
    assert len(found.store.table) == 1


def test_without_labels_a_sentence_says_what_to_do(session, said):
    session.part(FindingObjects).find()
    assert "segment some slices first" in said[-1]


def test_empty_labels_have_no_object(found):
    found.labels.data[...] = 0
    found.finding.find()
    assert "no object" in found.said[-1]


def test_class_labels_are_shown_again_when_they_are_written(found):
    assert not found.labels.visible
    found.session.about_to_write.emit(found.session.choices.image)
    assert found.labels.visible


def test_a_single_image_has_areas(session, qapp):
    image = session.viewer.add_layer(
        Image(np.zeros((96, 128), np.uint8), name="slice", scale=(8, 8), units=("nm",) * 2)
    )
    session.choices.choose_image(image)
    labels = new_labels(image, CLASSES)
    labels.data[...] = class_labels()[2]
    session.viewer.add_layer(labels)
    session.outputs.use(image, labels)
    session.part(FindingObjects).find()
    store = session.part(ObjectStore)
    assert store.table["voxels"].tolist() == [12 * 20, 10 * 30, 16, 25]
    np.testing.assert_allclose(store.table["area_um2"], store.table["voxels"] * 64e-6)
    selecting = session.part(SelectingObjects)
    selecting.select([4])
    selecting.go_to_row(3)
    outline = next(x for x in session.viewer.layers if isinstance(x.data, SelectedView))
    assert outline.data[:, :][70, 80] == 4
    session.part(EditingObjects).delete()
    store.catch_up()
    assert len(store.table) == 3


def test_a_layer_of_another_program_is_measured_when_it_is_chosen(session, stack, qapp):
    from napari.layers import Labels

    session.choices.choose_image(session.viewer.add_layer(Image(stack, name="cell")))
    foreign = session.viewer.add_layer(Labels((class_labels() == 1).astype(np.uint8), name="ER"))
    store = session.part(ObjectStore)
    assert store.layer is None
    store.list_layer(foreign)
    assert store.table["class"].tolist() == ["ER"]
