"""What a run says of its gain, and when it is offered."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from napari_scsam.train.finetune.known_labels import UNKNOWN
from napari_scsam.train.finetune.report import FEW_STEPS, FinetuneReport, add_hint, decide
from napari_scsam.train.finetune.validation import OverlapCounter


def test_a_gain_is_offered() -> None:
    assert decide({"er": 0.5}, {"er": 0.6}) == (
        True,
        "On regions it did not learn from, Dice rose by 0.100.",
    )


def test_what_changes_little_is_not_offered() -> None:
    offered, reason = decide({"er": 0.5}, {"er": 0.502})
    assert not offered
    assert "+0.002" in reason


def test_one_class_may_not_pay_for_another() -> None:
    offered, reason = decide({"er": 0.5, "PSD": 0.8}, {"er": 0.7, "PSD": 0.7})
    assert not offered
    assert reason == (
        "On regions it did not learn from, PSD lost 0.100 Dice. The checkpoint before is kept."
    )


def test_without_anything_to_judge_by_the_parent_is_kept() -> None:
    assert not decide({}, {})[0]


def test_unknown_pixels_are_not_scored() -> None:
    overlap = OverlapCounter(1)
    overlap.add(np.array([1, 1, 1]), np.array([1, 0, UNKNOWN]))
    assert overlap.by_name(["er"]) == {"er": 2 / 3}


def test_a_class_that_never_occurs_has_no_dice() -> None:
    overlap = OverlapCounter(2)
    overlap.add(np.array([1, 2]), np.array([1, 0]))
    assert set(overlap.by_name(["er", "PSD"])) == {"er"}


def test_a_gain_that_may_be_chance_is_not_offered() -> None:
    offered, reason = decide({"er": 0.5}, {"er": 0.53}, {}, 0.07)
    assert not offered
    assert reason == (
        "On regions it did not learn from, Dice rose by 0.030 ± 0.070, which may be chance. "
        "The checkpoint before is kept."
    )
    assert decide({"er": 0.5}, {"er": 0.53}, {}, 0.01) == (
        True,
        "On regions it did not learn from, Dice rose by 0.030 ± 0.010.",
    )


def test_an_error_that_is_not_known_is_left_out_of_the_report() -> None:
    report = FinetuneReport({}, {}, {}, False, "", 0, 0.0, 0.0, (1, 2))
    assert json.loads(json.dumps(report.to_dict()))["gain_error"] is None
    assert replace(report, gain_error=0.5).to_dict()["gain_error"] == 0.5


def test_a_result_that_forgot_other_classes_is_not_offered() -> None:
    before, after = {"vesicle": 0.5}, {"vesicle": 0.9}
    offered, reason = decide(before, after, {"membrane": 0.7, "PSD": 0.9})
    assert not offered
    assert "(0.80 alike)" in reason
    assert decide(before, after, {"membrane": 0.85, "PSD": 0.95})[0]
    assert decide(before, after, {})[0]


def test_a_run_that_had_too_little_time_says_so() -> None:
    reason = "Dice changed by +0.001 only. The checkpoint before is kept."
    assert add_hint(False, reason, 3) == (
        f"{reason} There was time for 3 steps only; allow more minutes."
    )
    assert add_hint(False, reason, FEW_STEPS) == reason
    assert add_hint(True, "Dice rose by 0.100.", 3) == "Dice rose by 0.100."


def test_parts_that_the_labels_leave_out_are_named() -> None:
    report = FinetuneReport({"er": 0.5}, {"er": 0.6}, {}, True, "Better.", 3, 1.0, 0.25, (0,))
    assert "leave out" not in str(report)
    own = replace(report, left_out=("boundary",))
    assert "The labels leave out some of boundary, which stays as it was." in str(own)
    kept = json.loads(json.dumps(own.to_dict()))
    assert kept["left_out"] == ["boundary"]
    assert kept["note"] in str(own)
