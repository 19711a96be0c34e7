"""What a network answers to a click, a box and classes."""

from __future__ import annotations

import torch

from napari_scsam.model import ScSAM


def prompt_answers(model: ScSAM, image: torch.Tensor, classes: list[int]) -> list[torch.Tensor]:
    """Return the logits of a click, of a box and of some classes, on one B×1×64×64 image."""
    point = (torch.tensor([[[30.0, 30.0]]]), torch.ones(1, 1))
    box = torch.tensor([[10.0, 10.0, 50.0, 40.0]])
    embedding = model.fuse(model.encode(image))
    clicks = model.prompt_logits(embedding, point)
    boxes = model.prompt_logits(embedding, boxes=box)
    return [*clicks, *boxes, model.class_logits(embedding, classes)]
