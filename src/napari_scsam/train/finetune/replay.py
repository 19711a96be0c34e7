"""Images on which a tuned model must go on answering as its parent did.

The data that a model was trained on are seldom there when it is fine-tuned.
Synthetic cells of many looks and pixel sizes stand in for them: the parent's
answer is the target, right or wrong (distillation on a transfer set: Hinton
et al. 2015, arXiv 1503.02531).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from napari_scsam.samples.phantom import make_phantom
from napari_scsam.train.augment import Augmentation, random_grid, sample, uniform, vary_grey, window
from napari_scsam.train.finetune.review_crops import CROP_SIDE

REPLAYED = Augmentation(zoom=1.8, stretch=1.4, blur=2.0)
"""Strong, for nobody knows what the parent was trained on."""

CROPS_OF_CELL = 8
"""Crops drawn from one synthetic cell."""

CELL = 512
"""Side of a synthetic slice in pixels."""

PIXEL = (4.0, 9.0)
"""Smallest and largest pixel of a synthetic cell in nm, when the model says none of its own."""


def replay_images(count: int, seed: int, side: int = CROP_SIDE) -> Iterator[Tensor]:
    """Draw crops of synthetic cells, each 1×side×side in 0..1.

    Parameters
    ----------
    count
        Number of crops.
    seed
        Fixes them.
    side
        In pixels.
    """
    generator = torch.Generator().manual_seed(seed)
    for number in range(count):
        if number % CROPS_OF_CELL == 0:
            plane = synthetic_slice(generator)
        centre = (uniform(generator, 0, CELL - 1), uniform(generator, 0, CELL - 1))
        grid = random_grid(side, REPLAYED, generator)
        part, inside = window(plane.shape, centre, grid)
        yield vary_grey(sample(plane[part][None], inside, grid, "bilinear"), REPLAYED, generator)


def synthetic_slice(generator: torch.Generator) -> Tensor:
    """Draw a slice through a synthetic cell of random pixel size, Y×X in 0..1."""
    pixel = uniform(generator, *PIXEL)
    seed = int(torch.randint(2**31, (), generator=generator))
    phantom = make_phantom((1, CELL, CELL), (2 * pixel, pixel, pixel), seed=seed)
    return torch.from_numpy(phantom.image[0].astype(np.float32) / 255)
