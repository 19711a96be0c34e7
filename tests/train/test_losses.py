"""The losses: small for right answers, blind to what nobody has judged, and felt by what is to learn."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from napari_scsam.train.finetune.known_labels import UNKNOWN
from napari_scsam.train.losses import (
    ambiguous_hold_loss,
    class_dice_loss,
    class_loss,
    mask_loss,
    prototype_loss,
)


@pytest.fixture
def labels() -> Tensor:
    """Two crops of three classes, of which the third never occurs."""
    labels = torch.zeros(2, 16, 16, dtype=torch.long)
    labels[0, :8, :8], labels[0, 8:, 8:], labels[1, 4:12] = 1, 2, 1
    return labels


def answer(labels: Tensor, strength: float = 20.0, classes: int = 3) -> Tensor:
    """Logits that say just these labels."""
    return (F.one_hot(labels, classes + 1)[..., 1:].movedim(-1, 1).float() - 0.5) * 2 * strength


def test_a_right_answer_costs_nothing(labels: Tensor) -> None:
    assert float(class_loss(answer(labels), labels)) < 1e-4


def test_wrong_answers_cost_more_than_no_answer(labels: Tensor) -> None:
    right, none, wrong = (
        float(class_loss(x, labels))
        for x in (answer(labels, 3), torch.zeros(2, 3, 16, 16), -answer(labels, 3))
    )
    assert right < none < wrong


def test_unknown_pixels_are_not_judged(labels: Tensor) -> None:
    partly = labels.clone()
    partly[:, :, 8:] = UNKNOWN
    logits = answer(labels, 2).requires_grad_()
    loss = class_loss(logits, partly)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert not gradient[..., 8:].any()
    assert gradient[..., :8].any()
    changed = logits.detach().clone()
    changed[..., 8:] = torch.randn(2, 3, 16, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(class_loss(changed, partly), loss.detach())


def test_nothing_known_costs_nothing_but_has_a_gradient() -> None:
    logits = torch.randn(1, 3, 8, 8, requires_grad=True)
    loss = class_loss(logits, torch.full((1, 8, 8), UNKNOWN))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_an_absent_class_does_not_count_in_dice(labels: Tensor) -> None:
    probabilities = torch.softmax(torch.cat([torch.zeros(2, 1, 16, 16), answer(labels)], 1), 1)[
        :, 1:
    ]
    two_only = class_dice_loss(probabilities[:, :2], labels)
    torch.testing.assert_close(class_dice_loss(probabilities, labels), two_only)
    assert float(class_dice_loss(torch.rand(2, 3, 16, 16), torch.zeros_like(labels))) == 0


def test_a_rare_class_weighs_as_much_as_a_common_one() -> None:
    labels = torch.ones(1, 32, 32, dtype=torch.long)
    labels[0, :4, :4] = 2
    without_rare = class_dice_loss(
        answer(torch.where(labels == 2, 0, labels), 20, 2).sigmoid(), labels
    )
    without_common = class_dice_loss(
        answer(torch.where(labels == 1, 0, labels), 20, 2).sigmoid(), labels
    )
    assert float(without_rare) > 0.3
    assert float(without_rare) == pytest.approx(float(without_common), abs=0.2)


def scene(means: Tensor, labels: Tensor) -> Tensor:
    """Features 2×C×4×4 that are each class's mean where the class is, and unlike all of them on background."""
    share = F.adaptive_avg_pool2d(F.one_hot(labels, 4).movedim(-1, 1).float(), (4, 4))
    return torch.einsum("bkhw,kc->bchw", share, torch.cat([-means.sum(0, keepdim=True), means]))


def test_prototypes_that_match_their_classes_cost_little(labels: Tensor) -> None:
    means = torch.eye(3, 8)
    matching = prototype_loss(scene(means, labels), labels, means * 5)
    swapped = prototype_loss(scene(means, labels), labels, means[[1, 0, 2]])
    alike = prototype_loss(scene(means, labels), labels, torch.ones(3, 8))
    assert float(matching) < 1e-3 < float(alike) < float(swapped)
    assert float(alike) == pytest.approx(
        2 / 3 * math.log(3), abs=0.01
    )  # two classes cannot be told apart, background can


def test_background_like_a_prototype_costs_much(labels: Tensor) -> None:
    means = torch.eye(3, 8)
    fused = scene(means, labels)
    likened = torch.where(
        F.adaptive_avg_pool2d((labels == 0)[:, None].float(), (4, 4)) > 0,
        means[0].view(1, 8, 1, 1),
        fused,
    )
    assert float(prototype_loss(likened, labels, means)) > 100 * float(
        prototype_loss(fused, labels, means)
    )


def test_a_rare_class_pulls_as_hard_as_a_common_one() -> None:
    labels = torch.ones(1, 64, 64, dtype=torch.long)
    labels[:, :4, :4] = 2
    means = torch.eye(2, 8)
    index = F.adaptive_avg_pool2d(labels[:, None].float(), (16, 16)).long()[0, 0] - 1
    fused = means[index].permute(2, 0, 1)[None]
    swapped = {k: torch.where(index == k, means[1 - k].view(1, 8, 1, 1), fused) for k in (0, 1)}
    losses = [float(prototype_loss(swapped[k], labels, means)) for k in (0, 1)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert losses[0] > 5


def test_gradient_pulls_prototypes_to_their_means(labels: Tensor) -> None:
    generator = torch.Generator().manual_seed(0)
    means, prototypes = torch.eye(3, 8), torch.randn(3, 8, generator=generator).requires_grad_()
    optimiser, fused = torch.optim.SGD([prototypes], lr=0.1), scene(means, labels)
    before = prototype_loss(fused, labels, prototypes).item()
    for _ in range(60):
        optimiser.zero_grad()
        prototype_loss(fused, labels, prototypes).backward()
        optimiser.step()
    assert prototype_loss(fused, labels, prototypes).item() < 0.2 * before
    argmax_or_background = (means @ F.normalize(prototypes.detach(), dim=1).T)[:2].argmax(1)
    assert argmax_or_background.tolist() == [0, 1]


def test_unknown_pixels_give_no_mean() -> None:
    prototypes = torch.randn(3, 8, requires_grad=True)
    loss = prototype_loss(torch.rand(1, 8, 4, 4), torch.full((1, 16, 16), UNKNOWN), prototypes)
    assert loss.item() == 0
    labels = torch.full((1, 16, 16), UNKNOWN)
    labels[:, :8, :8] = 2
    fused = torch.rand(1, 8, 4, 4, generator=torch.Generator().manual_seed(1))
    changed = fused.clone()
    changed[..., 2:] += 3
    torch.testing.assert_close(
        prototype_loss(fused, labels, prototypes), prototype_loss(changed, labels, prototypes)
    )


def test_a_right_mask_with_a_right_quality_costs_nothing() -> None:
    target = torch.zeros(1, 2, 16, 16)
    target[:, :, 4:12, 4:12] = 1
    logits = (target - 0.5) * 40
    right = mask_loss(logits, torch.ones(1, 2), target, torch.ones(1, 2))
    assert float(right) < 1e-4
    assert float(mask_loss(logits, torch.zeros(1, 2), target, torch.ones(1, 2))) == pytest.approx(
        0.1, abs=1e-3
    )
    assert float(mask_loss(-logits, torch.ones(1, 2), target, torch.ones(1, 2))) > 1


def test_masks_of_weight_zero_do_not_count() -> None:
    target = torch.zeros(1, 2, 16, 16)
    target[:, 0, 4:12, 4:12] = 1
    logits = torch.stack([(target[:, 0] - 0.5) * 40, torch.full((1, 16, 16), 9.0)], 1)
    assert (
        float(mask_loss(logits, torch.tensor([[1.0, 9.0]]), target, torch.tensor([[1.0, 0.0]])))
        < 1e-4
    )
    assert float(mask_loss(logits, torch.zeros(1, 2), target, torch.zeros(1, 2))) == 0


def test_labels_say_nothing_of_classes_that_they_do_not_name() -> None:
    torch.manual_seed(0)
    labels = torch.zeros(1, 8, 8, dtype=torch.long)
    labels[0, 2:5, 2:5] = 1
    groups = torch.tensor([[0, 1, 0, 0]])
    logits = torch.randn(1, 3, 8, 8, requires_grad=True)
    shares = torch.cat([torch.zeros(1, 1, 8, 8), logits], 1).log_softmax(1)
    class_loss(logits, labels, groups).backward()
    assert logits.grad is not None
    # Background, membrane and vesicle are one: what divides them among themselves has no gradient.
    inside = shares[:, [2, 3]].exp().detach()
    pull = logits.grad[:, [1, 2]] / inside
    torch.testing.assert_close(pull[:, 0], pull[:, 1])
    moved = logits.detach().clone()
    rest = torch.cat([torch.zeros(1, 1, 8, 8), moved[:, 1:]], 1).logsumexp(1)
    moved[:, 1] = rest - 20
    moved[:, 2] = rest
    spread = torch.cat([torch.zeros(1, 1, 8, 8), moved[:, 1:]], 1).logsumexp(1)
    moved[:, 0] += spread - rest
    torch.testing.assert_close(
        class_loss(moved, labels, groups), class_loss(logits.detach(), labels, groups)
    )


def test_groups_of_one_class_each_change_nothing() -> None:
    torch.manual_seed(0)
    labels = torch.randint(0, 4, (2, 8, 8))
    logits = torch.randn(2, 3, 8, 8)
    groups = torch.arange(4).repeat(2, 1)
    torch.testing.assert_close(class_loss(logits, labels, groups), class_loss(logits, labels))
    fused = torch.randn(2, 8, 4, 4)
    prototypes = torch.randn(3, 8)
    torch.testing.assert_close(
        prototype_loss(fused, labels, prototypes, groups), prototype_loss(fused, labels, prototypes)
    )


def test_a_crop_whose_background_is_unknown_pushes_nothing_from_prototypes() -> None:
    torch.manual_seed(0)
    labels = torch.zeros(1, 8, 8, dtype=torch.long)
    fused = torch.randn(1, 8, 4, 4)
    prototypes = torch.randn(3, 8)
    assert prototype_loss(fused, labels, prototypes, torch.tensor([[0, 1, 0, 0]])).item() == 0
    assert prototype_loss(fused, labels, prototypes).item() > 0


def test_shares_that_labels_cannot_tell_apart_are_held_to_the_parents(labels: Tensor) -> None:
    groups = torch.tensor([[0, 0, 2, 0], [0, 0, 2, 0]])  # the first and third class are unlabelled
    known = torch.where(labels == 2, 2, 0)
    parent = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert float(ambiguous_hold_loss(parent, parent, known, groups)) == pytest.approx(0, abs=1e-6)
    ours = torch.zeros(2, 3, 16, 16, requires_grad=True)
    loss = ambiguous_hold_loss(ours, parent, known, groups)
    (gradient,) = torch.autograd.grad(loss, ours)
    assert float(loss.detach()) > 0.01
    assert not gradient[:, 1].any(), "the labelled class is for the labels"
    assert not gradient[0, :, 8:, 8:].any(), "a pixel of the labelled class is decided"
    assert gradient[0, 0, :8, :8].all()


def test_where_labels_decide_everything_nothing_is_held(labels: Tensor) -> None:
    groups = torch.arange(4).repeat(2, 1)
    ours, parent = torch.zeros(2, 3, 16, 16), torch.ones(2, 3, 16, 16)
    assert float(ambiguous_hold_loss(ours, parent, labels, groups)) == 0
