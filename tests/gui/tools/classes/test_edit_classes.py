"""Classes that are added, renamed, recoloured, ordered and deleted by hand."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from at_once import AtOnce
from napari.components import ViewerModel

from napari_scsam.config import ClassSpec, TaughtClass
from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.layers.class_table import classes_of
from napari_scsam.gui.layers.locks import lock
from napari_scsam.gui.own_classes import as_asked
from napari_scsam.gui.project import model as project_model
from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.project.model import ProjectModel
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.accept import Accepting
from napari_scsam.gui.tools.classes.edit_classes import EditingClasses
from napari_scsam.gui.tools.files.export import Exporting
from napari_scsam.gui.tools.segment import Segmenting
from napari_scsam.gui.tools.undo import Undoing
from napari_scsam.project.recipe_text import Start, recipe_text

SHOWN = 1
"""The slice that a viewer of four slices shows at first."""


@pytest.fixture
def infos(info, tmp_path):
    made = [
        replace(info, name=name, path=tmp_path / f"{name}.safetensors")
        for name in ("tiny", "other")
    ]
    for one in made:
        one.path.write_text(one.name)
    return made


@pytest.fixture
def begin(fake_engine, infos, monkeypatch):
    """A session without a window, where everything happens at once."""
    monkeypatch.setattr(project_model, "list_checkpoints", lambda: infos)

    def start(image=None):
        viewer = ViewerModel()
        session = Session(viewer, fake_engine, AtOnce)
        one = SimpleNamespace(
            viewer=viewer,
            session=session,
            choices=session.choices,
            keeper=session.part(ProjectKeeper),
            editing=session.part(EditingClasses),
            segmenting=session.part(Segmenting),
            said=[],
            refused=[],
            asked=[],
        )
        session.part(ProjectModel)
        session.part(Accepting)
        session.status.connect(one.said.append)
        one.editing.refused.connect(one.refused.append)
        one.editing.deletion_asked.connect(lambda *what: one.asked.append(what))
        one.choices.choose_checkpoint(infos[0])
        if image is not None:
            one.choices.choose_image(viewer.add_image(image))
        return one

    return start


@pytest.fixture
def one(begin, stack):
    return begin(stack)


@pytest.fixture
def path(one, tmp_path):
    """The folder of a project of the image."""
    one.keeper.new(str(tmp_path / "mine"))
    return one.keeper.project.path


def reopen(one, begin, path):
    one.keeper.close()
    two = begin()
    two.keeper.open(str(path))
    assert two.keeper.project is not None
    return two


def named(one, name: str) -> ClassSpec:
    return next(spec for spec in one.choices.classes if spec.name == name)


def paint(one, spec: ClassSpec, rows: slice = slice(0, 4), z: int = 0) -> int:
    """Paint some pixels as a brush does; return how many."""
    layer = one.session.labels
    where = np.nonzero(np.ones((4, 5)))
    layer.data_setitem((np.full_like(where[0], z), where[0] + rows.start, where[1]), spec.id)
    return 20


def test_an_added_class_can_be_painted_and_is_not_segmented(one, classes):
    one.editing.add(" granule ")
    granule = named(one, "granule")
    assert granule.id == 4
    assert one.choices.active == granule
    assert classes_of(one.session.labels) == (*classes, granule)
    assert one.session.labels.selected_label == 4, "it is painted with"
    paint(one, granule, z=SHOWN)
    one.segmenting.choose_classes((granule,))
    one.segmenting.segment()
    assert one.said[-1] == (
        "the network does not know granule; paint it, or teach it by strokes under Teach"
    )
    one.segmenting.choose_classes(one.choices.classes)
    one.segmenting.segment()
    labels = np.asarray(one.session.labels.data[SHOWN])
    assert set(np.unique(labels)) == {1, 2, 3, 4}, "the others are segmented beside it"
    assert (labels[:4, :5] == 4).all()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "needs a name"),
        ("   ", "needs a name"),
        ("vesicle", "already names a class"),
        (" VESICLE ", "already names a class"),
    ],
)
def test_a_name_that_says_nothing_new_is_refused(one, classes, name, why):
    one.editing.add(name)
    assert why in one.refused[-1]
    one.editing.rename(classes[0], name)
    if name.strip():
        assert why in one.refused[-1]
    assert one.choices.classes == classes
    assert one.session.labels is None, "nothing is written"


def test_a_renamed_class_keeps_its_value_its_threshold_and_its_network(one, classes):
    one.segmenting.choose_classes(classes[:1])
    one.segmenting.set_threshold_offset(0.5)
    one.segmenting.segment()
    before = np.asarray(one.session.labels.data).copy()
    one.editing.rename(classes[0], "mito")
    mito = named(one, "mito")
    assert (mito.id, mito.known_as) == (1, "mitochondrion")
    assert one.choices.chosen == (mito,)
    assert one.choices.active == mito
    assert one.segmenting.threshold_offset == 0.5
    np.testing.assert_array_equal(one.session.labels.data, before)
    one.segmenting.set_threshold_offset(0.0)
    one.segmenting.segment()
    assert one.said[-1].startswith("mito on")
    assert {spec.name for spec in classes_of(one.session.labels)} == {"mito"}
    assert list(one.session.labels.features["class"]) == ["background", "mito"]
    one.editing.add("mitochondrion")
    assert "the network calls 'mito' 'mitochondrion'" in one.refused[-1]
    one.editing.rename(mito, "mitochondrion")
    assert named(one, "mitochondrion").renamed_from == ""


def test_another_case_of_its_own_name_is_another_name(one, classes):
    one.editing.rename(classes[0], "Mitochondrion")
    assert one.refused[-1] == ""
    assert named(one, "Mitochondrion").id == 1


def test_colours_and_descriptions_are_there_at_once(one, classes):
    one.segmenting.segment()
    one.editing.recolour(classes[2], "#102030")
    one.editing.describe(named(one, "vesicle"), "A droplet of fat")
    vesicle = named(one, "vesicle")
    assert (vesicle.colour, vesicle.description) == ("#102030", "A droplet of fat")
    found = tuple(round(255 * part) for part in one.session.labels.get_color(3)[:3])
    assert found == (16, 32, 48)
    assert vesicle in classes_of(one.session.labels)


def test_the_order_holds_in_the_list_and_after_another_change(one, classes):
    one.editing.move(classes[2], -2)
    assert [spec.name for spec in one.choices.classes] == ["vesicle", "mitochondrion", "membrane"]
    one.editing.rename(classes[2], "droplet")
    one.editing.add("granule")
    assert [spec.id for spec in one.choices.classes] == [3, 1, 2, 4]
    one.editing.move(named(one, "droplet"), -1)
    one.editing.move(named(one, "granule"), 1)
    assert [spec.id for spec in one.choices.classes] == [3, 1, 2, 4], "nothing is beyond the ends"


def test_everything_comes_back_with_the_project(one, path, begin, classes):
    one.editing.add("granule")
    one.editing.rename(classes[0], "mito")
    one.editing.recolour(named(one, "granule"), "#0a0b0c")
    one.editing.move(named(one, "granule"), -3)
    one.segmenting.choose_classes((named(one, "mito"),))
    one.choices.work_on(named(one, "granule"))
    listed = one.choices.classes
    active = one.choices.active
    one.keeper.saver.save()
    two = reopen(one, begin, path)
    assert two.choices.classes == listed
    assert two.choices.active == active
    assert classes_of(two.keeper.labels) == tuple(sorted(listed, key=lambda spec: spec.id))


def test_the_class_worked_on_comes_back_beside_several_chosen_ones(one, path, begin, classes):
    one.segmenting.choose_classes(classes[:2])
    one.choices.work_on(classes[2])
    one.keeper.saver.save()
    two = reopen(one, begin, path)
    assert two.choices.chosen == classes[:2]
    assert two.choices.active == classes[2]


def test_another_network_keeps_added_and_renamed_classes(one, path, infos, classes):
    one.editing.add("granule")
    one.editing.rename(classes[0], "mito")
    other = replace(infos[1], classes=(ClassSpec(1, "mitochondrion"), ClassSpec(4, "nucleus")))
    one.choices.choose_checkpoint(other)
    assert (named(one, "mito").id, named(one, "granule").id) == (1, 4)
    nucleus = named(one, "nucleus")
    assert nucleus.id not in {1, 2, 3, 4}, "an id of the labels keeps its meaning"
    assert one.choices.can_segment(nucleus)
    assert not one.choices.can_segment(named(one, "granule"))
    one.choices.choose_checkpoint(infos[0])
    assert named(one, "nucleus") == nucleus


def test_answers_get_the_ids_of_the_labels():
    known = (ClassSpec(1, "mito"), ClassSpec(4, "nucleus"))
    asked = (ClassSpec(5, "kernel", renamed_from="Nucleus"), ClassSpec(1, "mito"))
    labels = np.array([[0, 1], [4, 4]], np.uint8)
    np.testing.assert_array_equal(as_asked(labels, known, asked), [[0, 1], [5, 5]])
    swapped = (ClassSpec(4, "mito"), ClassSpec(1, "nucleus"))
    np.testing.assert_array_equal(as_asked(labels, known, swapped), [[0, 4], [1, 1]])


def test_a_class_without_pixels_is_deleted_at_once(one, path, begin):
    one.editing.add("granule")
    one.editing.ask_to_delete(named(one, "granule"))
    assert one.asked == []
    assert one.said[-1] == "Granule is deleted."
    one.keeper.saver.save()
    two = reopen(one, begin, path)
    assert "granule" not in {spec.name for spec in two.choices.classes}
    two.editing.add("droplet")
    assert named(two, "droplet").id == 5, "the id meant another class in earlier reviews"


def test_a_class_with_pixels_is_deleted_after_a_question_and_comes_back_by_undo(one, path):
    one.editing.add("granule")
    granule = named(one, "granule")
    pixels = paint(one, granule)
    one.editing.ask_to_delete(granule)
    assert one.asked == [(granule, pixels)]
    assert granule in one.choices.classes
    one.editing.delete(granule)
    assert not np.asarray(one.session.labels.data).any()
    assert granule not in one.choices.classes
    assert f"{pixels} pixels" in one.said[-1]
    one.session.part(Undoing).undo(one.session.labels)
    assert (np.asarray(one.session.labels.data) == granule.id).sum() == pixels
    assert granule in one.choices.classes
    assert granule in classes_of(one.session.labels)


def test_what_the_network_knows_or_is_locked_is_not_deleted(one, classes):
    one.editing.ask_to_delete(classes[0])
    assert "the network knows mitochondrion" in one.refused[-1]
    one.editing.add("granule")
    lock(one.session.labels, 4, locked=True)
    one.editing.ask_to_delete(named(one, "granule"))
    assert "is locked" in one.refused[-1]


def test_a_class_that_is_renamed_while_it_is_segmented_is_written_as_it_is_called_now(one, classes):
    one.segmenting.choose_classes(classes[:1])
    worker = one.session.jobs.worker
    worker.held.add(Job.SEGMENT)
    one.segmenting.segment()
    one.editing.rename(classes[0], "mito")
    one.editing.recolour(named(one, "mito"), "#010203")
    worker.release()
    assert classes_of(one.session.labels) == (named(one, "mito"),)
    assert named(one, "mito").colour == "#010203"
    assert (np.asarray(one.session.labels.data) == 1).any()


def test_a_value_that_was_painted_without_a_class_is_no_free_id(one):
    one.segmenting.segment()
    one.session.labels.data_setitem(tuple(np.zeros((3, 1), int)), 4)
    one.editing.add("granule")
    assert named(one, "granule").id == 5


def test_earlier_reviews_say_nothing_of_a_new_class(one, path, classes):
    project = one.keeper.project
    project.reviewed[0] = 1
    one.editing.add("granule")
    assert project.record.reviewed_classes == {"1": (1, 2, 3)}
    project.update(reviewed_classes={"1": (1, 2, 3), "2": (1, 4)})
    one.editing.delete(named(one, "granule"))
    assert project.record.reviewed_classes == {"1": (1, 2, 3), "2": (1,)}


def test_a_training_set_names_classes_as_the_network_does(one, path, classes, tmp_path):
    one.editing.rename(classes[0], "mito")
    one.keeper.saver.save()
    text = recipe_text(one.keeper.project, tmp_path, "labels", Start(), [])
    assert 'name = "mitochondrion"' in text
    one.keeper.project.reviewed[0] = 1
    one.session.part(Exporting).export(str(tmp_path / "set"), "tiff")
    assert "numbers classes differently" not in one.said[-1]


def test_a_name_that_was_typed_wrong_is_corrected_everywhere(one):
    one.editing.add("grnule")
    one.editing.rename(named(one, "grnule"), "granule")
    granule = named(one, "granule")
    assert granule.renamed_from == "", "nothing else knows the wrong name"
    assert one.choices.active == granule


def test_a_forgotten_class_leaves_the_list_unless_it_has_pixels(one, path, begin, classes):
    from napari_scsam.gui.tools.teach import Teaching

    teaching = one.session.part(Teaching)
    taught = TaughtClass(ClassSpec(4, "granule"), (0.5, 0.5))
    for pixels in (False, True):
        one.choices.add_taught(taught)
        one.session.outputs.for_image(one.viewer, one.choices.image, one.choices.classes)
        if pixels:
            paint(one, taught.spec)
        teaching.forget("granule")
        assert (taught.spec in classes_of(one.keeper.labels)) == pixels
        assert (taught.spec in one.choices.classes) == pixels
        if not pixels:
            assert one.said[-1] == "Granule is forgotten."
    assert one.said[-1] == "Granule is forgotten; its 20 pixels keep it in the list."
    one.keeper.saver.save()
    two = reopen(one, begin, path)
    assert named(two, "granule").id == 4
    assert not two.choices.can_segment(named(two, "granule"))
