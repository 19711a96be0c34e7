"""What a tuned model gained and lost, computed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from napari_scsam.model import ScSAM
from napari_scsam.model.tuned_path import TunedPath
from napari_scsam.train.finetune.known_labels import UNKNOWN, KnownClass
from napari_scsam.train.finetune.review_crops import CropMemory
from napari_scsam.train.finetune.tuned_weights import take_path
from napari_scsam.train.finetune.validation import (
    BATCH,
    Judge,
    OverlapCounter,
    Validation,
    above,
    covering,
    decoded,
    found_rows,
    parent_logits,
    shifted,
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
    overlap.add(torch.tensor([1, 1, 2, 0]), torch.tensor([1, 2, 2, 0]))
    overlap.add(torch.tensor([1, 0]), torch.tensor([1, 1]))
    # Class 1: found 3, true 3, both 2; class 2: found 1, true 2, both 1.
    assert overlap.by_name(["one", "two"]) == pytest.approx({"one": 4 / 6, "two": 2 / 3})


def test_unknown_pixels_do_not_count() -> None:
    overlap = OverlapCounter(1)
    overlap.add(torch.tensor([1, 1, 1]), torch.tensor([1, UNKNOWN, UNKNOWN]))
    assert overlap.by_name(["one"]) == {"one": 1.0}


def test_a_class_that_the_truth_lacks_is_not_judged() -> None:
    overlap = OverlapCounter(2)
    overlap.add(torch.tensor([1, 2, 2]), torch.tensor([1, 1, 0]))
    assert overlap.by_name(["one", "two"]).keys() == {"one"}


def test_a_class_may_have_to_occur_often() -> None:
    overlap = OverlapCounter(2)
    truth = torch.tensor([1] * 3 + [2] * 10 + [0] * 87)
    overlap.add(truth, truth)
    names = ["one", "two"]
    assert overlap.by_name(names, 0.05).keys() == {"two"}
    assert overlap.by_name(names, 0.03).keys() == {"one", "two"}
    assert overlap.by_name(names, 0.11) == {}


def test_the_likeliest_class_wins_by_how_far_it_passes_its_threshold() -> None:
    logits = torch.tensor([[2.0, 1.0, -1.0, 0.5], [1.5, 3.0, -2.0, 0.4]]).view(1, 2, 1, 4)
    assert above(logits, torch.zeros(2))[1].flatten().tolist() == [1, 2, 0, 1]
    assert above(logits, torch.tensor([1.0, 0.0]))[1].flatten().tolist() == [2, 2, 0, 2]
    margins, rows = above(logits, torch.tensor([0.5, 0.4]))
    assert rows.flatten().tolist() == [1, 2, 0, 0]
    torch.testing.assert_close(margins, (logits - torch.tensor([0.5, 0.4])[:, None, None]).amax(1))
    assert torch.equal(
        found_rows(logits, torch.zeros(2), KNOWN, [0.0]), above(logits, torch.zeros(2))[1]
    )


def test_rows_are_covered_by_labelled_classes() -> None:
    known = (KnownClass("a", (0, 2)), KnownClass("b", (3,)))
    rows = torch.tensor([[0, 1, 2], [3, 4, 5]])
    assert covering(rows, known, 5).tolist() == [[0, 1, 0], [1, 2, 0]]


def test_only_the_thresholds_of_a_class_and_its_parts_are_shifted() -> None:
    thresholds = torch.tensor([0.5, 1.0, -0.5])
    moved = shifted(thresholds, KnownClass("a", (0, 2)), 0.25)
    assert moved.tolist() == [0.75, 1.0, -0.25]
    assert thresholds.tolist() == [0.5, 1.0, -0.5]


@pytest.fixture
def memory(model: ScSAM) -> CropMemory:
    """Five crops, more than one batch, whose targets are the model's own answer of class 1."""
    memory = CropMemory(model)
    for seed in range(BATCH + 1):
        image = torch.rand(1, 64, 64, generator=torch.Generator().manual_seed(seed))
        memory.add(image)
        _, rows = above(parent_logits(memory.batch([seed]), model), model.thresholds)
        crop = memory.crops[seed]
        memory.crops[seed] = crop._replace(targets=(rows == 1).to(torch.uint8))
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


@pytest.fixture
def judge(model: ScSAM, memory: CropMemory) -> Judge:
    return Judge(model, model, memory, memory, KNOWN, model.thresholds.clone())


def test_a_model_agrees_with_itself(model: ScSAM, judge: Judge) -> None:
    found = judge.validate(untrained(model))
    assert found.dice.keys() <= {"mitochondrion"}
    assert found.score > 0.97
    assert found.held > 0.97
    assert found.agreement.keys() <= {"membrane", "vesicle"}, "a labelled class is meant to change"
    assert found.least_means == (0.0,)
    assert judge.before().score == 1


def test_a_model_that_finds_nothing_has_lost_everything(model: ScSAM, memory: CropMemory) -> None:
    kept = model.thresholds.clone()
    model.thresholds = kept + 100
    overlap = OverlapCounter(1)
    for crops, logits in decoded(model, untrained(model), memory):
        overlap.add(covering(above(logits, model.thresholds)[1], KNOWN, 3), crops.targets)
    assert set(overlap.by_name(["mitochondrion"]).values()) == {0.0}


def test_a_threshold_that_is_off_is_brought_back(model: ScSAM, judge: Judge) -> None:
    right = model.thresholds.clone()
    off = replace(judge, thresholds=right + torch.tensor([0.5, 0.0, 0.0]))
    found = off.validate(untrained(model)).thresholds
    assert found is not None
    assert found[1:].tolist() == right[1:].tolist()
    assert abs(float(found[0] - right[0])) <= 0.25 + 1e-6
    assert torch.equal(model.thresholds, right), "the model itself is left as it was"


def test_a_threshold_that_is_right_stays(model: ScSAM, judge: Judge) -> None:
    found = judge.validate(untrained(model)).thresholds
    assert found is not None
    assert torch.equal(found, model.thresholds)


def test_a_class_that_the_parent_lacks_had_no_dice(model: ScSAM, memory: CropMemory) -> None:
    lacked = (KnownClass("granule", (3,)),)
    judge = Judge(model, model, memory, memory, lacked, torch.zeros(4))
    assert judge.before().dice == {"granule": 0.0}
