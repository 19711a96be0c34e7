import torch

from napari_scsam.train.finetune.known_labels import UNKNOWN, KnownClass
from napari_scsam.train.finetune.report import FEW_STEPS, add_hint, decide
from napari_scsam.train.finetune.validation import OverlapCounter, above, covering


def test_a_gain_is_offered() -> None:
    assert decide({"er": 0.5}, {"er": 0.6}) == (True, "Held-out Dice rose by 0.100.")


def test_what_changes_little_is_not_offered() -> None:
    offered, reason = decide({"er": 0.5}, {"er": 0.502})
    assert not offered
    assert "+0.002" in reason


def test_one_class_may_not_pay_for_another() -> None:
    offered, reason = decide({"er": 0.5, "PSD": 0.8}, {"er": 0.7, "PSD": 0.7})
    assert not offered
    assert reason.startswith("PSD lost 0.100")


def test_without_anything_to_judge_by_the_parent_is_kept() -> None:
    assert not decide({}, {})[0]


def test_unknown_pixels_are_not_scored() -> None:
    overlap = OverlapCounter(1)
    overlap.add(torch.tensor([1, 1, 1]), torch.tensor([1, 0, UNKNOWN]))
    assert overlap.by_name(["er"]) == {"er": torch.tensor(2 / 3).item()}


def test_a_class_that_never_occurs_has_no_dice() -> None:
    overlap = OverlapCounter(2)
    overlap.add(torch.tensor([1, 2]), torch.tensor([1, 0]))
    assert set(overlap.by_name(["er", "PSD"])) == {"er"}


def test_the_likeliest_class_above_its_threshold_wins() -> None:
    logits = torch.tensor([[1.0, 2.0, 0.2], [0.9, 3.0, 0.1]]).view(1, 2, 1, 3)
    assert above(logits, torch.tensor([0.5, 2.0]))[1].flatten().tolist() == [1, 1, 0]
    assert above(logits, torch.tensor([0.5, 0.0]))[1].flatten().tolist() == [2, 2, 2]


def test_parts_count_as_their_whole() -> None:
    rows = torch.tensor([0, 1, 2, 3])
    assert covering(rows, [KnownClass("whole", (0, 2))], 3).tolist() == [0, 1, 0, 1]


def test_a_result_that_forgot_other_classes_is_not_offered() -> None:
    before, after = {"vesicle": 0.5}, {"vesicle": 0.9}
    offered, reason = decide(before, after, {"membrane": 0.7, "PSD": 0.9})
    assert not offered
    assert "agrees with the parent by 0.80 only" in reason
    assert decide(before, after, {"membrane": 0.85, "PSD": 0.95})[0]
    assert decide(before, after, {})[0]


def test_a_run_that_had_too_little_time_says_so() -> None:
    reason = "Held-out Dice changed by +0.001 only, so the parent is kept."
    assert add_hint(False, reason, 3) == (
        f"{reason} There was time for 3 steps only; allow more minutes."
    )
    assert add_hint(False, reason, FEW_STEPS) == reason
    assert add_hint(True, "Held-out Dice rose by 0.100.", 3) == "Held-out Dice rose by 0.100."
