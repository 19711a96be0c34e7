import pytest
import torch

from napari_scsam.train.finetune.known_labels import UNKNOWN, KnownClass
from napari_scsam.train.finetune.loss import (
    group_log_shares,
    hold_loss,
    inner_hold_loss,
    label_loss,
    log_shares,
    step_losses,
)

GROUPS = ((0, 3), (1, 2))
"""Background and a class that is not labelled; a whole and its part."""


def random_logits(seed: int = 0) -> torch.Tensor:
    return torch.randn((2, 3, 8, 8), generator=torch.Generator().manual_seed(seed))


def targets(value: int = 0) -> torch.Tensor:
    return torch.full((2, 8, 8), value, dtype=torch.uint8)


def gradient(loss: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    (found,) = torch.autograd.grad(loss, logits)
    return found


def test_shares_of_all_groups_sum_to_one() -> None:
    summed = group_log_shares(log_shares(random_logits()), GROUPS)
    torch.testing.assert_close(summed.exp().sum(1), torch.ones(2, 8, 8))


def test_a_label_does_not_say_which_part_of_its_class_a_pixel_is() -> None:
    logits = random_logits().requires_grad_()
    found = gradient(label_loss(log_shares(logits), targets(1), GROUPS), logits)
    inside = torch.softmax(logits[:, :2], dim=1)
    # Rows of a group are pulled in proportion to their shares: their ratio is left alone.
    torch.testing.assert_close(found[:, 0] * inside[:, 1], found[:, 1] * inside[:, 0])
    assert bool((found[:, :2] < 0).all())


def test_a_label_does_not_speak_of_classes_that_it_does_not_name() -> None:
    shares = log_shares(random_logits())
    exchanged = shares[:, [3, 1, 2, 0]]  # background and the class without labels
    assert label_loss(shares, targets(0), GROUPS) == label_loss(exchanged, targets(0), GROUPS)


def test_what_nobody_reviewed_teaches_nothing() -> None:
    logits = random_logits().requires_grad_()
    loss = label_loss(log_shares(logits), targets(UNKNOWN), GROUPS)
    assert loss.item() == 0
    assert not gradient(loss, logits).any()


def test_unknown_pixels_count_neither_in_the_entropy_nor_in_the_dice() -> None:
    seen = targets(1)
    seen[:, :, 4:] = UNKNOWN
    logits = random_logits().requires_grad_()
    found = gradient(label_loss(log_shares(logits), seen, GROUPS), logits)
    assert found[..., :4].any()
    assert not found[..., 4:].any()


def test_the_right_answer_costs_nearly_nothing_and_the_wrong_one_much() -> None:
    sure = torch.full((2, 3, 8, 8), -20.0)
    sure[:, 1] = 20.0
    assert label_loss(log_shares(sure), targets(1), GROUPS) < 1e-3
    assert label_loss(log_shares(sure), targets(0), GROUPS) > 10


def test_the_parents_own_answer_costs_nothing_to_hold() -> None:
    shares = log_shares(random_logits())
    assert hold_loss(shares, shares).item() == pytest.approx(0, abs=1e-6)


def test_any_other_answer_costs_something() -> None:
    moved = random_logits()
    moved[:, :2] += 3.0
    assert hold_loss(log_shares(moved), log_shares(random_logits())) > 0.1


def test_a_class_that_the_parent_lacks_is_held_absent_without_breaking_the_numbers() -> None:
    parent = torch.cat([random_logits(), torch.full((2, 1, 8, 8), -20.0)], dim=1)
    ours = torch.cat([random_logits(), torch.full((2, 1, 8, 8), 2.0)], dim=1).requires_grad_()
    loss = hold_loss(log_shares(ours), log_shares(parent))
    assert loss > 0.1
    assert gradient(loss, ours)[:, 3].min() > 0


def test_the_shares_inside_a_group_are_held_where_its_label_is() -> None:
    parent = log_shares(random_logits())
    labels = targets(0)
    labels[:, :4] = 1
    whole = random_logits()
    whole[:, :2] += 3.0
    same = inner_hold_loss(log_shares(whole), parent, labels, GROUPS)
    assert same.item() == pytest.approx(0, abs=1e-5), "the group as a whole may change"
    part = random_logits().requires_grad_()
    loss = inner_hold_loss(
        log_shares(part + torch.tensor([2.0, 0, 0])[:, None, None]), parent, labels, GROUPS
    )
    assert loss > 0.1
    found = gradient(loss, part)
    assert bool(found[:, :2, :4].any())
    assert not found[:, :, 4:].any(), "nothing is held beside the label"


def test_a_group_without_parts_has_nothing_inside() -> None:
    shares = log_shares(random_logits())
    assert inner_hold_loss(shares, shares - 1, targets(1), ((0, 2, 3), (1,))) == 0


def test_labels_say_nothing_of_a_part_that_they_leave_out() -> None:
    """The label is the same to it as to a network without the part."""
    logits = random_logits().requires_grad_()
    apart = ((0, 3), (1,))
    loss = label_loss(log_shares(logits), targets(1), apart)
    found = gradient(loss, logits)
    assert found[:, 1].abs().max() < 1e-6 * found[:, 0].abs().max()
    lacking = label_loss(log_shares(logits[:, [0, 2]]), targets(1), ((0, 2), (1,)))
    assert loss.item() == pytest.approx(lacking.item(), rel=1e-5)


def test_a_part_that_labels_leave_out_is_held_where_the_parent_finds_it() -> None:
    parent = random_logits()
    parent[:, 1, :4] = 9.0
    parent[:, 1, 4:] = -9.0
    ours = parent.clone()
    ours[:, 0] += 12.0
    shares = log_shares(ours.requires_grad_())
    known = (KnownClass("whole", (0,), apart=(1,)),)
    losses = step_losses(shares, log_shares(parent), targets(0), known, ((0, 3), (1,)))
    assert losses["hold"] > 1, "the whole took the pixels of its part"
    moved = gradient(losses["hold"], ours)
    assert moved[:, 0, :4].min() > 0
    assert not moved[:, :, 4:].any()
    whole = (KnownClass("whole", (0,)),)
    assert (
        step_losses(shares, log_shares(parent), targets(0), whole, ((0, 2, 3), (1,)))["hold"] == 0
    )
