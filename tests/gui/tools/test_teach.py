"""Teaching a class from strokes on one slice."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from discs import DISCS, MIDDLE, labels_of
from napari.utils.notifications import notification_manager

from napari_scsam.gui.layers.class_table import classes_of
from napari_scsam.gui.tools.save_model import TaughtModel
from napari_scsam.gui.tools.segment import Segmenting
from napari_scsam.gui.tools.teach import ONE_SIDED, Teaching


@pytest.fixture
def one(prompted):
    return prompted


def test_a_class_is_taught_from_scribbles(one, classes):
    one.prompting.use("scribble")
    one.session.part(Teaching).teach("granule")
    assert "nothing marks 'granule'" in one.said[-1]
    one.prompting.layers.strokes.add_paths(np.array([[MIDDLE, 60, 85], [MIDDLE, 60, 105]]))
    one.session.part(Teaching).teach(" granule ")
    assert [spec.name for spec in one.session.choices.classes] == [
        "mitochondrion",
        "membrane",
        "vesicle",
        "granule",
    ]
    assert one.session.choices.chosen == one.session.choices.classes[-1:]
    assert one.prompting.state.target.name == "granule"
    one.session.part(Segmenting).segment()
    assert (labels_of(one).data[MIDDLE] == one.session.choices.classes[-1].id).sum() == (
        DISCS[MIDDLE] > 100
    ).sum()


def test_what_the_checkpoint_was_trained_on_is_not_taught_over(one, classes):
    one.prompting.layers.points.add((MIDDLE, 60, 95))
    one.session.part(Teaching).teach("Mitochondrion")
    assert (
        one.said[-1]
        == "'Mitochondrion' is a trained class of the checkpoint and would be lost; choose another name"
    )
    assert "teach" not in one.session.jobs.worker.kinds
    assert one.session.choices.classes == classes


def test_what_a_checkpoint_was_saved_with_can_be_taught_again(one, info, monkeypatch):
    predictor = one.session.engine.predictor
    classes = predictor.classes
    found = partial(
        predictor.model.add_class, prototype=torch.ones(256), overrides=["mitochondrion"]
    )
    monkeypatch.setattr(predictor, "teach", lambda spec, *_: found(spec))
    saved = replace(
        info, classes=classes, training={"taught": {"classes": [classes[2].name], "from": "tiny"}}
    )
    one.session.choices.choose_checkpoint(saved)
    teach(one, classes[2].name.upper())
    (taught,) = one.session.choices.taught
    assert taught.spec == classes[2]
    assert one.session.choices.classes == classes
    assert one.session.choices.classes[2].overrides == ("mitochondrion",)
    one.session.part(TaughtModel).forget(taught)
    assert one.session.choices.classes == classes
    assert one.session.choices.taught == ()


def teach(one, name: str) -> None:
    one.prompting.layers.points.add((MIDDLE, 60, 95))
    one.session.part(Teaching).teach(name)


def test_a_taught_class_is_forgotten_and_its_labels_stay(one, classes):
    one.session.part(Segmenting).segment()
    teach(one, "granule")
    granule = one.session.choices.taught[0]
    layer = labels_of(one)
    layer.data[MIDDLE] = granule.spec.id
    one.session.part(TaughtModel).forget(granule)
    assert one.session.choices.classes == one.session.choices.chosen == classes
    assert [spec.name for spec in one.session.engine.predictor.classes] == [
        spec.name for spec in one.session.engine.predictor.own_classes
    ]
    assert one.said[-1] == "Granule is forgotten; its pixels keep it."
    assert (layer.data[MIDDLE] == granule.spec.id).all()
    assert granule.spec in classes_of(layer)
    teach(one, "droplet")
    one.session.part(Segmenting).segment()
    assert labels_of(one) is layer, "the id of one class does not come to mean another"
    assert one.session.choices.taught[0].spec.id not in {
        spec.id for spec in (*classes, granule.spec)
    }
    teach(one, "granule")
    assert one.session.choices.taught[-1].spec == granule.spec


def test_teaching_without_outside_is_advised_against(one):
    notification_manager.records.clear()
    teach(one, "granule")
    assert "mark similar things as Outside and teach the class again" in ONE_SIDED
    assert [record.message for record in notification_manager.records] == [ONE_SIDED], (
        "it outlasts what is found"
    )
    one.prompting.switch_side()
    one.prompting.layers.points.add((MIDDLE, 5, 5))
    one.prompting.switch_side()
    teach(one, "droplet")
    assert len(notification_manager.records) == 1


def test_what_was_taught_is_shown_at_once_on_its_slice(one, classes):
    teach(one, "granule")
    granule = one.session.choices.classes[-1]
    assert (labels_of(one).data[MIDDLE] == granule.id).sum() == (DISCS[MIDDLE] > 100).sum()
    assert not labels_of(one).data[:MIDDLE].any()
    assert one.session.viewer.layers.selection.active is one.prompting.layers.points, (
        "the tool stays active"
    )


def test_what_a_taught_class_overrides_is_shown(one, monkeypatch):
    predictor = one.session.engine.predictor
    found = partial(
        predictor.model.add_class,
        prototype=torch.ones(256),
        overrides=["mitochondrion", "membrane"],
    )
    monkeypatch.setattr(predictor, "teach", lambda spec, *_: found(spec))
    notification_manager.records.clear()
    teach(one, "granule")
    (said,) = [
        record.message for record in notification_manager.records if record.message != ONE_SIDED
    ]
    assert (
        said
        == "granule takes precedence over mitochondrion and membrane, which the network found under its strokes."
    )


def test_a_taught_class_takes_what_is_written_of_those_it_overrides(one, classes, monkeypatch):
    one.session.part(Segmenting).choose_classes(classes[:1])
    one.session.part(Segmenting).segment()
    labels, disc = labels_of(one), DISCS[MIDDLE] > 100
    assert (labels.data[MIDDLE] == 1).sum() == disc.sum()
    labels.data[MIDDLE, 90:] = (
        1  # far from the discs: what is not found to be of the new class stays
    )
    predictor = one.session.engine.predictor
    found = partial(
        predictor.model.add_class, prototype=torch.ones(256), overrides=["mitochondrion"]
    )
    monkeypatch.setattr(predictor, "teach", lambda spec, *_: found(spec))
    teach(one, "granule")
    granule = one.session.choices.classes[-1]
    np.testing.assert_array_equal(labels.data[MIDDLE] == granule.id, disc)
    assert (labels.data[MIDDLE, 90:] == 1).all()


def test_more_strokes_may_all_lie_outside(one):
    teach(one, "granule")
    notification_manager.records.clear()
    one.said.clear()
    one.prompting.switch_side()
    one.prompting.layers.points.add((MIDDLE, 5, 5))
    one.session.part(Teaching).teach("Granule")
    assert [taught.spec.name for taught in one.session.choices.taught] == ["granule"]
    assert any("strokes add up" in said for said in one.said)
    assert notification_manager.records == []
    one.prompting.layers.points.add((MIDDLE, 5, 5))
    one.session.part(Teaching).teach("droplet")
    assert one.said[-1].startswith("nothing marks 'droplet'")


def test_a_taught_class_takes_nothing_from_another(one, classes):
    one.session.part(Segmenting).choose_classes(classes[:1])
    one.session.part(Segmenting).segment()
    labels = labels_of(one)
    found = labels.data[MIDDLE] == 1
    assert found.any()
    one.prompting.layers.points.add((MIDDLE, 60, 95))
    one.session.choices.threshold_offsets["granule"] = -9.0  # everywhere
    one.session.part(Teaching).teach("granule")
    one.session.part(Segmenting).segment()
    assert np.array_equal(labels.data[MIDDLE] == 1, found)
    assert (labels.data[MIDDLE][~found] == one.session.choices.classes[-1].id).all()
    assert one.said[-1].endswith(
        f"; {found.mean():.1%} left unchanged (other classes or your edits).".replace("%", " %")
    ), "and the panel says so"
