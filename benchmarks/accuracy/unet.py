"""A U-Net baseline (Ronneberger et al. 2015), trained from scratch on ScSAM's crops."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from napari_scsam.infer.device import precision
from napari_scsam.train.dataset import LabelledCrops
from napari_scsam.train.drawing import generator_of
from napari_scsam.train.losses import class_loss
from napari_scsam.train.recipe import Recipe
from napari_scsam.train.resume import StateKeeper, read_state
from napari_scsam.train.schedule import TrainStep, learning_rate

CPU = torch.device("cpu")

RATE = 1e-3
"""Peak learning rate."""


class UNet(nn.Module):
    """Four levels, each two of convolution, normalisation and GELU.

    Parameters
    ----------
    classes
        K, without background, whose logit is 0 as in ScSAM.
    widths
        Channels of each level, finest first; multiples of 8.
    """

    def __init__(self, classes: int, widths: Sequence[int] = (24, 48, 96, 192)) -> None:
        super().__init__()
        self.down = nn.ModuleList(level(a, b) for a, b in pairwise((1, *widths)))
        self.up = nn.ModuleList(
            level(coarse + fine, fine) for coarse, fine in pairwise(reversed(widths))
        )
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return B×K×H×W logits of B×1×H×W grey values in 0..1; H and W are multiples of 8."""
        skips = [self.down[0](image)]
        for part in self.down[1:]:
            skips.append(part(F.max_pool2d(skips[-1], 2)))
        answer = skips.pop()
        for part in self.up:
            fine = F.interpolate(answer, scale_factor=2.0, mode="bilinear", align_corners=False)
            answer = part(torch.cat([fine, skips.pop()], dim=1))
        logits: Tensor = self.head(answer)
        return logits


def level(before: int, after: int) -> nn.Sequential:
    """Return two convolutions, each normalised in groups of channels, since batches are small."""
    return nn.Sequential(
        *(layer for width in (before, after) for layer in convolution(width, after))
    )


def convolution(before: int, after: int) -> tuple[nn.Module, ...]:
    """Return a 3×3 convolution and what follows it."""
    return nn.Conv2d(before, after, 3, padding=1, bias=False), nn.GroupNorm(8, after), nn.GELU()


def train_unet(recipe: Recipe, out: Path, *, resumes: bool = False) -> Iterator[TrainStep]:
    """Train by a recipe, as ScSAM's `train` does, and write the weights at the end.

    Parameters
    ----------
    recipe, out
        As those of `train`.
    resumes
        Whether the state is written beside `out` now and then, and a run that was stopped
        is resumed.
    """
    training = recipe.training
    torch.manual_seed(training.seed)
    model = UNet(len(recipe.classes)).train().to(memory_format=torch.channels_last)
    crops = LabelledCrops(recipe)
    started = time.monotonic()
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01)
    state = out.with_suffix(".resume")
    run = {
        "steps": training.steps,
        "seed": training.seed,
        "classes": [spec.name for spec in recipe.classes],
    }
    keeper = StateKeeper(state, model, optimiser, run)
    first = read_state(state, model, optimiser, run) if resumes else 0
    for step in range(first, training.steps):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, training.steps, RATE)
        batch = crops.batch(generator_of(training.seed, step))
        with precision(CPU):
            logits = model(batch.image.contiguous(memory_format=torch.channels_last))
        loss = class_loss(logits.float(), batch.labels)
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        if resumes:
            keeper.keep(step + 1, now=False)
        yield TrainStep(step + 1, training.steps, {"loss": loss.item()}, time.monotonic() - started)
    out.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, out)
    state.unlink(missing_ok=True)


class UNetLogits:
    """Predicts a tile with a trained U-Net.

    Parameters
    ----------
    path
        What `train_unet` wrote.
    classes
        K.
    """

    def __init__(self, path: Path, classes: int) -> None:
        self.model = UNet(classes).eval()
        self.model.load_state_dict(load_file(path))
        self.model.to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def __call__(self, grey: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return K×Y×X logits of Y×X grey values in 0..1."""
        image = torch.from_numpy(np.ascontiguousarray(grey))[None, None].contiguous(
            memory_format=torch.channels_last
        )
        with precision(CPU):
            logits = self.model(image)
        answer: NDArray[np.float32] = logits[0].float().numpy()
        return answer
