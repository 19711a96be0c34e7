"""Teaching classes by strokes: each stroke is learned, and nothing is left half made."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from at_once import AtOnce
from discs import DISCS, MIDDLE, PLACE, labels_of
from napari.components import ViewerModel
from napari.layers import Image

from napari_scsam.config import UserError
from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.jobs.worker import Worker
from napari_scsam.gui.layers.class_table import classes_of
from napari_scsam.gui.layers.locks import lock, protect_locked
from napari_scsam.gui.project.strokes import StrokeStore
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.accept import Accepting
from napari_scsam.gui.tools.one_object import Prompting
from napari_scsam.gui.tools.segment import Segmenting
from napari_scsam.gui.tools.teach import Teaching
from napari_scsam.project.strokes import BESIDE, ON

DISC = DISCS[MIDDLE] > 100


@pytest.fixture
def classes(predictor):
    return predictor.classes


@pytest.fixture
def info(info, classes):
    return replace(info, classes=classes)


@pytest.fixture
def begin(fake_engine, predictor, info):
    """Open a viewer without a window, where everything happens at once."""

    def start(image=None, make_worker=AtOnce):
        viewer = ViewerModel()
        session = Session(viewer, fake_engine, make_worker)
        fake_engine.predictor = predictor
        one = SimpleNamespace(viewer=viewer, session=session, said=[], predictor=predictor)
        one.teaching = session.part(Teaching)
        one.store = session.part(StrokeStore)
        session.status.connect(one.said.append)
        session.choices.choose_checkpoint(info)
        session.choices.choose_image(viewer.add_layer(image or new_image()))
        if viewer.layers[0].ndim == 3:
            viewer.dims.set_current_step(0, MIDDLE)
        return one

    return start


@pytest.fixture
def one(begin):
    return begin()


def new_image() -> Image:
    return Image(DISCS, name="cell", **PLACE)


def stroke(one, row: int = 60, columns: tuple[int, int] = (85, 105), z: int = MIDDLE) -> None:
    """Paint a short line, as the brush does from press to release."""
    layer = one.teaching.strokes.layer
    with layer.block_history():
        for column in range(*columns, 5):
            layer.paint((z, row, column), layer.selected_label)


def names(one) -> list[str]:
    return [known.spec.name for known in one.session.choices.taught]


def in_network(one) -> list[str]:
    own = {spec.name for spec in one.predictor.own_classes}
    return [spec.name for spec in one.predictor.classes if spec.name not in own]


def jobs_of(one, kind: Job) -> int:
    return one.session.jobs.worker.kinds.count(kind)


def test_a_stroke_teaches_a_class_and_shows_it_on_its_slice(one, classes):
    one.teaching.toggle(" granule ")
    layer = one.teaching.strokes.layer
    assert one.viewer.layers.selection.active is layer
    assert (layer.name, str(layer.mode), layer.selected_label) == ("strokes: granule", "paint", ON)
    assert names(one) == [], "pressing Teach teaches nothing"
    stroke(one)
    granule = one.session.choices.classes[-1]
    assert [spec.name for spec in one.session.choices.classes] == [
        *(spec.name for spec in classes),
        "granule",
    ]
    np.testing.assert_array_equal(labels_of(one).data[MIDDLE] == granule.id, DISC)
    assert not labels_of(one).data[:MIDDLE].any()
    assert one.viewer.layers.selection.active is layer, "the brush stays"
    assert one.viewer.layers[-1] is layer, "and its strokes are seen"
    assert one.session.choices.chosen == (granule,)
    assert one.session.part(Accepting).target == granule
    assert one.said[-1].startswith(
        f"granule on slice {MIDDLE}: {DISC.sum():,} pixels".replace(",", " ")[:30]
    )


def test_strokes_search_for_no_object(one):
    one.teaching.toggle("granule")
    stroke(one)
    assert jobs_of(one, Job.PROMPT) == 0
    assert not one.session.part(Prompting).active
    one.session.part(Prompting).start()
    one.session.part(Prompting).layers.points.add((MIDDLE, 60, 95))
    assert one.teaching.strokes is None, "one tool at a time"
    assert jobs_of(one, Job.TEACH) == 1, "and points teach nothing"


def test_strokes_of_one_turn_are_learned_together(one):
    one.teaching.toggle("granule")
    session = one.session
    later = []
    session.jobs.worker.run_in_event_loop = lambda steps, **_: later.append(steps)
    stroke(one)
    stroke(one, 62)
    assert len(later) == 1
    later.pop().send(None)
    assert jobs_of(one, Job.TEACH) == 1


def test_both_sides_of_a_slice_are_learned_at_once(one, monkeypatch):
    seen = []
    teach = type(one.predictor).teach

    def watched(self, spec, on, beside, **options):
        seen.append((on.sum(), beside.sum()))
        return teach(self, spec, on, beside, **options)

    monkeypatch.setattr(type(one.predictor), "teach", watched)
    one.teaching.toggle("granule")
    stroke(one)
    one.teaching.switch_side()
    assert one.teaching.strokes.layer.selected_label == BESIDE
    assert not one.teaching.state.on_class
    stroke(one, 5)
    (first, nothing), (again, beside) = seen
    assert first == again > 0
    assert nothing == 0
    assert beside > 0


def test_strokes_beside_alone_wait_for_one_on_the_class(one):
    one.teaching.toggle("granule")
    one.teaching.set_side(on_class=False)
    stroke(one, 5)
    assert names(one) == in_network(one) == []
    assert one.said[-1].startswith("Now paint on granule too")
    one.teaching.set_side(on_class=True)
    stroke(one)
    assert names(one) == ["granule"]


def test_undo_takes_the_last_stroke_back_and_teaches_again(one):
    one.teaching.toggle("granule")
    stroke(one)
    stroke(one, 30, (35, 45))
    drawn = one.teaching.strokes.layer.data
    both = np.count_nonzero(np.asarray(drawn))
    assert one.teaching.strokes.undo()
    assert 0 < np.count_nonzero(np.asarray(drawn)) < both
    assert jobs_of(one, Job.TEACH) == 3
    assert one.teaching.strokes.undo()
    assert not np.asarray(drawn).any()
    assert names(one) == in_network(one) == [], "nothing marks it any more"
    assert not labels_of(one).data.any()
    assert not one.teaching.strokes.undo()
    assert one.teaching.strokes.redo()
    assert names(one) == ["granule"]


def test_an_undo_on_another_slice_teaches_that_slice(one):
    one.teaching.toggle("granule")
    stroke(one)
    stroke(one, z=MIDDLE + 1)
    one.viewer.dims.set_current_step(0, 0)
    one.teaching.strokes.undo()
    assert one.store.planes("granule") == [replace(one.store.planes("granule")[0], position=MIDDLE)]
    assert jobs_of(one, Job.TEACH) == 3
    assert names(one) == ["granule"]


def test_erased_strokes_teach_no_more(one):
    one.teaching.toggle("granule")
    stroke(one)
    one.teaching.strokes.layer.mode = "erase"
    assert one.teaching.strokes is not None, "erasing belongs to the tool"
    layer = one.teaching.strokes.layer
    with layer.block_history():
        layer.data_setitem(np.nonzero(np.asarray(layer.data)), 0)
    assert names(one) == []


def test_strokes_come_back_with_the_brush_and_for_their_class_only(one):
    one.teaching.toggle("granule")
    stroke(one)
    one.teaching.choose("droplet")
    assert one.teaching.strokes.spec.name == "droplet"
    assert not np.asarray(one.teaching.strokes.layer.data).any()
    one.teaching.stop()
    assert [layer.name for layer in one.viewer.layers] == ["cell", "cell organelles"]
    one.teaching.toggle("Granule")
    assert one.teaching.strokes.spec.name == "granule", "capital letters make no other class"
    assert np.asarray(one.teaching.strokes.layer.data)[MIDDLE].any()


def test_a_class_without_a_name_is_asked_for(one):
    one.teaching.toggle("  ")
    assert one.teaching.strokes is None
    assert "has no name" in one.said[-1]


def test_a_class_of_the_network_can_be_taught(one, classes):
    one.session.part(Segmenting).choose_classes(classes[:1])
    one.teaching.toggle()
    assert one.teaching.strokes.spec == classes[0]
    stroke(one)
    assert names(one) == ["mitochondrion"]
    assert one.session.choices.classes == classes
    one.teaching.forget("mitochondrion")
    assert one.session.choices.classes == classes
    assert one.session.choices.taught == ()
    assert one.said[-1] == "Mitochondrion was reset to the saved version; its pixels keep it."


def test_a_forgotten_class_keeps_its_pixels_and_its_id(one, classes):
    one.teaching.toggle("granule")
    stroke(one)
    granule = one.session.choices.taught[0].spec
    layer = labels_of(one)
    one.teaching.forget("granule")
    assert one.session.choices.classes == (*classes, granule), "it has pixels, and can be painted"
    assert in_network(one) == []
    pixels = int(DISC.sum())
    assert one.said[-1] == f"Granule is forgotten; its {pixels} pixels keep it in the list."
    assert (layer.data[MIDDLE] == granule.id).sum() == DISC.sum()
    assert granule in classes_of(layer)
    assert one.teaching.strokes is None
    assert one.store.names() == ()
    one.teaching.toggle("droplet")
    stroke(one)
    assert labels_of(one) is layer, "the id of one class does not come to mean another"
    assert one.session.choices.taught[0].spec.id not in {spec.id for spec in (*classes, granule)}
    one.teaching.choose("granule")
    stroke(one)
    assert one.session.choices.taught[-1].spec == granule


def test_a_late_answer_of_a_forgotten_class_is_not_written(one):
    one.teaching.toggle("granule")
    stroke(one)
    labels_of(one).data[:] = 0
    worker = one.session.jobs.worker
    worker.held = {Job.SEGMENT}
    one.session.part(Segmenting).segment()
    segment = worker._kept.pop()[1]
    answer = list(drain(segment()))[-1]
    one.teaching.forget("granule")
    one.session.part(Segmenting)._on_segmented(answer)
    assert not labels_of(one).data.any()


def drain(steps):
    """Yield the result of long work."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            yield end.value
            return


def test_what_she_painted_or_locked_is_not_touched(one):
    one.session.protect("locked", protect_locked)
    one.session.part(Segmenting).choose_classes(one.session.choices.classes[1:2])
    one.session.part(Segmenting).segment()
    labels = labels_of(one)
    labels.data_setitem(np.nonzero(DISCS * (np.arange(96) < 58)[:, None]), 3)  # by hand
    lock(labels, 3, locked=True)
    before = np.array(labels.data[MIDDLE])
    one.teaching.toggle("granule")
    stroke(one)
    after = np.asarray(labels.data[MIDDLE])
    np.testing.assert_array_equal(after[before == 3], 3)
    assert (after[before == 2] == one.session.choices.taught[0].spec.id).all()
    taken = int((before == 2).sum())
    assert f"{taken} taken from membrane" in one.said[-1]


def test_pixels_that_a_class_leaves_go_back_to_the_class_before(one, monkeypatch):
    one.session.part(Segmenting).choose_classes(one.session.choices.classes[1:2])
    one.session.part(Segmenting).segment()
    before = np.array(labels_of(one).data[MIDDLE])
    assert (before == 2).sum() == DISC.sum()
    one.teaching.toggle("granule")
    stroke(one)
    assert not (labels_of(one).data[MIDDLE] == 2).any()
    one.teaching.strokes.undo()
    np.testing.assert_array_equal(labels_of(one).data[MIDDLE], before)


def test_labels_of_a_slice_that_was_left_are_written_there(one):
    one.teaching.toggle("granule")
    one.session.jobs.worker.held = {Job.TEACH}
    stroke(one)
    one.viewer.dims.set_current_step(0, 0)
    one.session.jobs.worker.release()
    assert labels_of(one).data[MIDDLE].any()
    assert not labels_of(one).data[0].any()


def test_an_error_of_the_network_leaves_nothing_half_made(one, monkeypatch):
    def fail(self, name, *_strokes, **_options):
        self.model.add_class(name, self.model.class_prompt.prototypes[0])
        raise UserError("the device is out of memory; close other programs")

    monkeypatch.setattr(type(one.predictor), "teach", fail)
    one.teaching.toggle("granule")
    stroke(one)
    assert any("out of memory" in said for said in one.said)
    assert names(one) == in_network(one) == []
    monkeypatch.undo()
    stroke(one, 62)
    assert names(one) == in_network(one) == ["granule"]


def test_another_checkpoint_is_taught_again_on_every_slice(one, info, monkeypatch):
    one.teaching.toggle("granule")
    stroke(one)
    stroke(one, z=MIDDLE + 2)
    one.teaching.choose("Droplet")
    stroke(one, 30, (35, 45))
    taught = []
    teach = type(one.predictor).teach

    def watched(self, spec, on, beside, **options):
        (position,) = re.findall(r"position=(\d+)", repr(one.predictor.slice.key))
        taught.append((spec.name, int(position)))
        return teach(self, spec, on, beside, **options)

    monkeypatch.setattr(type(one.predictor), "teach", watched)
    before = np.array(labels_of(one).data)
    one.session.choices.choose_checkpoint(
        replace(info, name="other", path=Path("other.safetensors"))
    )
    assert sorted(taught) == [("Droplet", MIDDLE), ("granule", MIDDLE), ("granule", MIDDLE + 2)]
    assert sorted(names(one)) == sorted(in_network(one)) == ["Droplet", "granule"]
    np.testing.assert_array_equal(labels_of(one).data, before), "labels are not written unasked"
    assert "has learned" in "".join(one.said[-3:])


def test_another_image_has_strokes_of_its_own(one):
    one.teaching.toggle("granule")
    stroke(one)
    first = one.session.choices.image
    one.session.choices.choose_image(one.viewer.add_layer(new_image()))
    assert one.teaching.strokes is None
    assert one.store.names() == ()
    one.session.choices.choose_image(first)
    assert one.store.names() == ("granule",)


def test_rolled_axes_end_the_strokes_of_this_axis(one):
    one.teaching.toggle("granule")
    one.viewer.dims.order = (2, 0, 1)
    assert one.teaching.strokes is None
    one.teaching.toggle("granule")
    assert not np.asarray(one.teaching.strokes.layer.data).any()


def test_a_flat_image_is_taught_too(begin):
    one = begin(Image(DISCS[MIDDLE], name="flat", scale=(7, 7), units=("nm",) * 2))
    one.teaching.toggle("granule")
    with one.teaching.strokes.layer.block_history():
        one.teaching.strokes.layer.paint((60, 95), ON)
    assert names(one) == ["granule"], one.said
    assert (labels_of(one).data > 0).sum() == DISC.sum()


def test_napari_s_ways_to_choose_labels_keep_to_the_two(one):
    one.teaching.toggle("granule")
    layer = one.teaching.strokes.layer
    layer.selected_label = BESIDE
    assert not one.teaching.state.on_class
    layer.selected_label = 7
    assert layer.selected_label == ON
    assert one.teaching.state.on_class
    layer.n_edit_dimensions = 3
    assert layer.n_edit_dimensions == 2


def test_without_an_image_nothing_begins(fake_engine, info):
    session = Session(ViewerModel(), fake_engine, AtOnce)
    session.choices.choose_checkpoint(info)
    session.part(Teaching).toggle("granule")
    assert not session.part(Teaching).state.active


def verbs(one) -> dict:
    """What a user may do at any moment, whatever runs."""
    teaching = one.teaching

    def paint(name: str, row: int) -> None:
        if teaching.strokes is None or teaching.strokes.spec.name != name:
            teaching.start(name)
        stroke(one, row)

    def remove() -> None:
        if teaching.strokes is not None:
            one.viewer.layers.remove(teaching.strokes.layer)
            teaching.stop()  # as a moment later in a window

    def undo() -> None:
        if teaching.strokes is not None:
            teaching.strokes.undo()

    return {
        "paint": lambda: paint("granule", 60),
        "paint another": lambda: paint("droplet", 62),
        "forget": lambda: teaching.forget("granule"),
        "forget another": lambda: teaching.forget("droplet"),
        "undo": undo,
        "toggle": lambda: teaching.toggle("granule"),
        "switch": teaching.switch_side,
        "segment": lambda: one.session.part(Segmenting).segment(),
        "cancel": lambda: one.session.part(Segmenting).cancel(),
        "remove strokes": remove,
        "next slice": lambda: one.viewer.dims.set_current_step(0, MIDDLE + 1),
    }


VERBS = list(verbs(SimpleNamespace(teaching=SimpleNamespace(switch_side=None), session=None)))


def check(one) -> None:
    """What choices and network know is the same, and each class taught has strokes."""
    assert sorted(names(one)) == sorted(in_network(one))
    assert set(names(one)) <= set(one.store.names())
    known = (
        {0, *(spec.id for spec in classes_of(labels_of(one)) or ())} if one.session.labels else {0}
    )
    if one.session.labels is not None:
        assert set(np.unique(one.session.labels.data)) <= known


@pytest.mark.parametrize("first", VERBS)
def test_every_verb_while_every_other_runs(one, first):
    acts = verbs(one)
    for second in VERBS:
        acts["paint"]()
        one.session.jobs.worker.held = {Job.TEACH, Job.LOAD, Job.SEGMENT, Job.PREPARE}
        acts[first]()
        acts[second]()
        one.session.jobs.worker.release()
        check(one)
        if second == "forget":
            assert "granule" not in [*names(one), *one.store.names()]


@pytest.mark.parametrize("first", VERBS)
def test_every_verb_while_every_other_runs_on_the_thread(begin, wait, qtbot, first):
    one = begin(make_worker=Worker)
    worker = one.session.jobs.worker
    learn = one.predictor.teach

    def slowly(*strokes, **options):
        time.sleep(0.03)
        return learn(*strokes, **options)

    def finish() -> None:
        wait(lambda: not (worker._small or any(not r.idle for r in worker._open)))

    one.predictor.teach = slowly
    acts = verbs(one)
    for second in VERBS:
        acts["paint"]()
        qtbot.wait(15)
        acts[first]()
        qtbot.wait(15)
        acts[second]()
        finish()
        check(one)
        if second == "forget":
            assert "granule" not in names(one), first
    worker.stop()


def test_the_labels_are_selected_when_the_brush_is_put_away(one):
    one.teaching.toggle("granule")
    stroke(one)
    one.teaching.stop()
    assert one.viewer.layers.selection.active is labels_of(one), "object tools work on them"
