"""Losses are the same whether the classes that nobody labelled are one or many."""

from __future__ import annotations

import pytest
import torch

from napari_scsam.model import EncoderFeatures
from napari_scsam.train.finetune.known_labels import KnownClass, group_rows
from napari_scsam.train.finetune.loss import log_shares, step_losses
from napari_scsam.train.finetune.merged import (
    merge_logits,
    merged_table,
    relative_logits,
    replaced_logits,
)
from napari_scsam.train.finetune.review_crops import ReviewCrops

CLASSES = 5
WHOLE = (KnownClass("granule", (3,)), KnownClass("mitochondrion", (0, 2)))
APART = (KnownClass("granule", (3,)), KnownClass("mitochondrion", (0,), apart=(2,)))


def noise(channels: int, seed: int) -> torch.Tensor:
    chance = torch.Generator().manual_seed(seed)
    return 20 * torch.randn((3, channels, 8, 8), generator=chance)


def crops_of(parent: torch.Tensor) -> ReviewCrops:
    targets = torch.zeros((len(parent), 8, 8), dtype=torch.uint8)
    targets[:, 2:5], targets[:, 5:] = 1, 2
    return ReviewCrops(EncoderFeatures(parent, ()), parent, targets)


@pytest.mark.parametrize("known", [WHOLE, APART], ids=["whole", "apart"])
def test_losses_and_their_gradients_are_those_of_the_whole_table(
    known: tuple[KnownClass, ...],
) -> None:
    parent = noise(CLASSES, 0)
    learned = sorted(row for each in known for row in each.rows)
    ours = noise(len(learned), 1).requires_grad_()
    full = parent.clone()
    full[:, learned] = ours
    targets = crops_of(parent).targets[:2]
    before = step_losses(
        log_shares(full), log_shares(parent), targets, known, group_rows(known, CLASSES)
    )
    table = merged_table(known)
    crops = crops_of(merge_logits(parent, table.rows, CLASSES))
    after = step_losses(
        log_shares(replaced_logits(crops, ours, learned, table.rows)),
        log_shares(relative_logits(crops)),
        targets,
        table.known,
        table.groups,
    )
    assert before.keys() == after.keys()
    for name, loss in before.items():
        torch.testing.assert_close(after[name], loss, rtol=1e-3, atol=1e-4)
    gradients = [torch.autograd.grad(sum(each.values()), ours)[0] for each in (before, after)]
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-4)


def test_a_class_that_the_parent_lacks_is_merged_as_absent() -> None:
    parent = torch.zeros(1, 2, 4, 4)
    merged = merge_logits(parent, (2,), 3)
    torch.testing.assert_close(merged[:, 0], torch.full((1, 4, 4), 3.0).log())
    assert bool((merged[:, 1] < -10).all())


def test_a_table_holds_labelled_classes_and_parts_that_are_left_out() -> None:
    table = merged_table(APART)
    assert table.rows == (0, 2, 3)
    assert table.known == (KnownClass("granule", (2,)), KnownClass("mitochondrion", (0,), (1,)))
    assert table.groups == ((0,), (3,), (1,))
