"""What a tuned model gained and lost, computed by hand."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_scsam.config import ClassSpec
from napari_scsam.model import ScSAM
from napari_scsam.model.tuned_path import TunedPath
from napari_scsam.train.finetune.held_out import HeldOutRegion
from napari_scsam.train.finetune.known_labels import UNKNOWN, KnownClass
from napari_scsam.train.finetune.levels import LEVELS, ClassLevels
from napari_scsam.train.finetune.review_crops import CropMemory
from napari_scsam.train.finetune.tuned_weights import take_path
from napari_scsam.train.finetune.validation import (
    BATCH,
    Judge,
    OverlapCounter,
    Validation,
    covering,
    decoded,
    found_rows,
    parent_logits,
    shifted,
    with_levels,
)


def test_the_score_is_the_mean_over_classes() -> None:
    found = Validation({"a": 0.5, "b": 0.9}, {"c": 0.8, "d": 1.0})
    assert found.score == pytest.approx(0.7)
    assert found.held == pytest.approx(0.9)


def test_without_classes_nothing_is_scored_and_all_is_held() -> None:
    empty = Validation({}, {})
    assert empty.score == 0
    assert empty.held == 1


def test_overlap_is_counted_over_all_that_is_added() -> None:
    overlap = OverlapCounter(2)
    overlap.add(np.array([1, 1, 2, 0]), np.array([1, 2, 2, 0]))
    overlap.add(np.array([1, 0]), np.array([1, 1]))
    # Class 1: found 3, true 3, both 2; class 2: found 1, true 2, both 1.
    assert overlap.by_name(["one", "two"]) == pytest.approx({"one": 4 / 6, "two": 2 / 3})


def test_unknown_pixels_do_not_count() -> None:
    overlap = OverlapCounter(1)
    overlap.add(np.array([1, 1, 1]), np.array([1, UNKNOWN, UNKNOWN]))
    assert overlap.by_name(["one"]) == {"one": 1.0}


def test_a_class_that_the_truth_lacks_is_not_judged() -> None:
    overlap = OverlapCounter(2)
    overlap.add(np.array([1, 2, 2]), np.array([1, 1, 0]))
    assert overlap.by_name(["one", "two"]).keys() == {"one"}


def test_a_class_may_have_to_occur_often() -> None:
    overlap = OverlapCounter(2)
    truth = np.array([1] * 3 + [2] * 10 + [0] * 87)
    overlap.add(truth, truth)
    names = ["one", "two"]
    assert overlap.by_name(names, 0.05).keys() == {"two"}
    assert overlap.by_name(names, 0.03).keys() == {"one", "two"}
    assert overlap.by_name(names, 0.11) == {}


CLASSES = (ClassSpec(7, "a", smallest=9.0), ClassSpec(3, "b"), ClassSpec(9, "c", part_of="a"))


def test_rows_are_those_that_segmenting_finds() -> None:
    """Regions that segmenting removes do not count against a model, nor for it."""
    logits = torch.full((1, 3, 6, 6), -1.0)
    logits[0, 0, 0:3, 0:3] = 2.0
    logits[0, 0, 5, 5] = 2.0
    logits[0, 1, 5, 0] = 2.0
    thresholds = torch.zeros(3)
    anywhere = found_rows(logits, thresholds, CLASSES, None)
    assert (anywhere[0, 0, 0], anywhere[0, 5, 5], anywhere[0, 5, 0]) == (1, 1, 2)
    sized = found_rows(logits, thresholds, CLASSES, (1.0, 1.0))
    assert (sized[0, 0, 0], sized[0, 5, 5], sized[0, 5, 0]) == (1, 0, 2)
    assert not found_rows(logits, thresholds + 3, CLASSES, None).any()


def test_rows_are_covered_by_labelled_classes() -> None:
    known = (KnownClass("a", (0, 2)), KnownClass("b", (3,)))
    rows = np.array([[0, 1, 2], [3, 4, 5]])
    assert covering(rows, known, 5).tolist() == [[0, 1, 0], [1, 2, 0]]


def test_only_the_levels_of_a_class_and_its_parts_change() -> None:
    thresholds = torch.tensor([0.5, 1.0, -0.5])
    known = (KnownClass("a", (0, 2)),)
    moved = shifted(thresholds, known, [ClassLevels(shift=0.25)])
    assert moved.tolist() == [0.75, 1.0, -0.25]
    assert torch.equal(shifted(thresholds, known, []), thresholds)
    changed = with_levels(CLASSES, known, [ClassLevels(least_mean=1.0)])
    assert [spec.least_mean for spec in changed] == [1.0, 0.0, 0.0]
    again = with_levels(changed, known, [ClassLevels(least_mean=0.5)])
    assert again[0].least_mean == 1.0, "what was chosen before stays"


@pytest.fixture
def memory(model: ScSAM) -> CropMemory:
    """Five crops, more than one batch, whose targets are the model's own answer of class 1."""
    memory = CropMemory(model)
    for seed in range(BATCH + 1):
        image = torch.rand(1, 64, 64, generator=torch.Generator().manual_seed(seed))
        memory.add(image)
        logits = parent_logits(memory.batch([seed]), model)
        rows = found_rows(logits, model.thresholds, model.classes, None)
        crop = memory.crops[seed]
        memory.crops[seed] = crop._replace(targets=torch.from_numpy((rows == 1).astype(np.uint8)))
    return memory


KNOWN = (KnownClass("mitochondrion", (0,)),)


def untrained(model: ScSAM) -> TunedPath:
    return take_path(model, KNOWN)


def test_crops_are_decoded_batch_by_batch(model: ScSAM, memory: CropMemory) -> None:
    batches = list(decoded(model, untrained(model), memory))
    assert [len(logits) for _, logits in batches] == [BATCH, 1]
    assert all(logits.shape[1:] == (3, 64, 64) for _, logits in batches)
    for crops, logits in batches:
        torch.testing.assert_close(logits, parent_logits(crops, model), atol=0.1, rtol=0.05)


def test_logits_of_the_parent_are_calibrated_and_of_its_own_classes(
    model: ScSAM, memory: CropMemory
) -> None:
    crops = memory.batch([0])
    model.temperature = torch.tensor(2.0)
    torch.testing.assert_close(parent_logits(crops, model), crops.parent / 2)


PIECES = [HeldOutRegion(0, (slice(n, n + 1), slice(0, 1))) for n in range(BATCH + 1)]


@pytest.fixture
def judge(model: ScSAM, memory: CropMemory) -> Judge:
    return Judge(model, model, memory, PIECES, memory, KNOWN)


def test_a_model_agrees_with_itself(model: ScSAM, judge: Judge) -> None:
    found = judge.validate(untrained(model))
    assert found.dice.keys() <= {"mitochondrion"}
    assert found.score > 0.97
    assert found.held > 0.97
    assert found.agreement.keys() <= {"membrane", "vesicle"}, "a labelled class is meant to change"
    assert found.levels == ()
    assert judge.before().score == 1


def test_a_class_is_judged_as_when_it_is_asked_for_alone(model: ScSAM, memory: CropMemory) -> None:
    """Its part counts as it, within its own outline if it has one."""
    whole, part, other = model.classes
    model.classes = (whole, replace(part, part_of=whole.name), other)
    child = copy.deepcopy(model)
    child.classes = (replace(whole, own_outline=True), *model.classes[1:])
    apart = (KnownClass(whole.name, (0,), apart=(1,)),)
    judge = Judge(child, model, memory, PIECES, memory, apart)
    assert (
        judge.before().counts.found.sum()
        == Judge(model, model, memory, PIECES, memory, (KnownClass(whole.name, (0, 1)),))
        .before()
        .counts.found.sum()
    ), "the parent has no such outline"
    logits = torch.tensor([[2.0, 1, -1], [1, 2, 2], [-1, -1, -1]])[None, :, None]
    model.thresholds.zero_()
    child.thresholds.zero_()
    assert judge.answers([logits]).tolist() == [[[1, 1, 0]]]
    assert replace(judge, model=model).answers([logits]).tolist() == [[[1, 1, 1]]]


def test_places_on_several_slices_are_one_region(model: ScSAM, judge: Judge) -> None:
    twice = [replace(PIECES[0], place=place) for place in range(BATCH + 1)]
    assert judge.before().counts.regions == BATCH + 1
    assert replace(judge, pieces=twice).before().counts.regions == 1


def test_a_threshold_that_is_off_is_brought_back(model: ScSAM, judge: Judge) -> None:
    model.thresholds = model.thresholds + torch.tensor([0.5, 0.0, 0.0])
    found = judge.fit_levels(untrained(model))
    assert found.levels == (ClassLevels(shift=-0.5),)
    assert found.score > judge.validate(untrained(model)).score


def test_a_threshold_that_is_right_stays(model: ScSAM, judge: Judge) -> None:
    assert judge.fit_levels(untrained(model)).levels == (LEVELS[0],)


def test_a_class_that_the_parent_lacks_had_no_dice(model: ScSAM, memory: CropMemory) -> None:
    child = copy.deepcopy(model)
    child.add_class("granule", torch.ones(256))
    judge = Judge(child, model, memory, PIECES, memory, (KnownClass("granule", (3,)),))
    assert judge.before().dice == {"granule": 0.0}
