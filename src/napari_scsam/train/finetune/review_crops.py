"""Crops of reviewed slices, embedded once and remembered.

The network itself is frozen while a copy of its last parts is tuned. What its
encoders see in a crop therefore never changes, nor does its answer to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_scsam.infer.device import precision
from napari_scsam.model import EncoderFeatures, ScSAM
from napari_scsam.model.image_encoder import STRIDE
from napari_scsam.model.tuned_path import resized
from napari_scsam.train.augment import Augmentation, random_grid, sample, uniform, vary_grey, window
from napari_scsam.train.finetune.known_labels import UNKNOWN
from napari_scsam.train.labelled_volume import thinned

CROP_SIDE = 384
"""Side of a crop in model pixels, a multiple of 16."""

PLACES = 5_000
"""About as many pixels of each class are remembered as places to look at."""


class ReviewCrops(NamedTuple):
    """B crops and what is known of them."""

    features: EncoderFeatures
    """What the frozen encoders say of them."""
    parent: Tensor
    """B×K×side×side, the class logits of the parent."""
    targets: Tensor
    """B×side×side, from `known_targets`."""


@dataclass(frozen=True, eq=False)
class ReviewedSlice:
    """One slice and what is known of it."""

    grey: NDArray[np.float32]
    """Y×X in 0..1."""
    targets: NDArray[np.uint8]
    """Y×X, from `known_targets`."""
    places: tuple[NDArray[np.intp], ...]
    """Some pixels (y, x) of each labelled class that occurs, and last of all that is reviewed."""


def reviewed_slice(grey: NDArray[np.float32], targets: NDArray[np.uint8]) -> ReviewedSlice:
    """Find where the classes of a Y×X slice are."""
    found = np.unique(targets)
    labelled = found[(found != 0) & (found != UNKNOWN)]
    places = [thinned(np.argwhere(targets == number), PLACES) for number in labelled]
    places.append(thinned(np.argwhere(targets != UNKNOWN), PLACES))
    return ReviewedSlice(grey, targets, tuple(places))


def without_others(slice_: ReviewedSlice, number: int) -> ReviewedSlice:
    """Return a slice of which only one labelled class is known, so that crops are drawn on it."""
    targets = np.where(slice_.targets == number, slice_.targets, UNKNOWN)
    return reviewed_slice(slice_.grey, targets.astype(np.uint8))


class CropMemory:
    """Remembers embedded crops in half precision and draws batches of them.

    Parameters
    ----------
    parent
        The model before fine-tuning, in evaluation mode.
    """

    def __init__(self, parent: ScSAM) -> None:
        self.parent = parent
        self.device = parent.pixel_mean.device
        self.crops: list[ReviewCrops] = []

    def __len__(self) -> int:
        return len(self.crops)

    @torch.no_grad()
    def add(self, image: Tensor, targets: Tensor | None = None) -> None:
        """Embed a crop and remember it.

        Parameters
        ----------
        image
            1×side×side in 0..1.
        targets
            side×side, from `known_targets`; unknown when not given.
        """
        with precision(self.device):
            features = self.parent.encode(
                image[None].to(self.device).contiguous(memory_format=torch.channels_last)
            )
        if targets is None:
            targets = torch.full(image.shape[1:], UNKNOWN, dtype=torch.uint8)
        parent = answer(self.parent, features)
        self.crops.append(ReviewCrops(_in_half(features), parent, targets[None]))

    def batch(self, numbers: Sequence[int]) -> ReviewCrops:
        """Return the crops of these numbers, in single precision and on the device."""
        return join_crops([self.crops[number] for number in numbers], self.device)

    def draw(self, count: int, generator: torch.Generator) -> list[ReviewCrops]:
        """Draw crops evenly, to be joined by `join_crops`."""
        numbers = torch.randint(len(self.crops), (count,), generator=generator)
        return [self.crops[number] for number in numbers.tolist()]


def answer(model: ScSAM, features: EncoderFeatures) -> Tensor:
    """Decode the classes of encoded crops, B×K×side×side, in half precision.

    Without a detail path, the network's own logits are coarser.
    """
    height, width = features.sam.shape[2:]
    with precision(model.pixel_mean.device):
        logits = model.class_logits(model.fuse(features))
        logits = resized(logits, (STRIDE * height, STRIDE * width))
    return logits.half().cpu()


def join_crops(crops: Sequence[ReviewCrops], device: torch.device) -> ReviewCrops:
    """Join remembered crops into a batch of single precision."""
    levels = zip(*(crop.features.mae for crop in crops), strict=True)
    features = EncoderFeatures(
        torch.cat([crop.features.sam for crop in crops]).to(device).float(),
        tuple(torch.cat(level).to(device).float() for level in levels),
    )
    return ReviewCrops(
        features,
        torch.cat([crop.parent for crop in crops]).to(device).float(),
        torch.cat([crop.targets for crop in crops]).to(device),
    )


def draw_crop(
    slices: Sequence[ReviewedSlice],
    pixels: tuple[float, float],
    how: Augmentation,
    generator: torch.Generator,
    side: int = CROP_SIDE,
) -> tuple[Tensor, Tensor]:
    """Draw a crop, half of the time centred on a labelled class, and change its look.

    Parameters
    ----------
    slices
        To draw from.
    pixels
        Slice pixels to one pixel of the model, (y, x).
    how
        The augmentation.
    generator
        Its state fixes the crop.
    side
        In model pixels.

    Returns
    -------
    image : 1×side×side in 0..1
    targets : side×side
    """
    chosen, centre = draw_place(slices, generator)
    grid = random_grid(side, how, generator) * torch.tensor([pixels[1], pixels[0]])
    part, inside = window(chosen.grey.shape, centre, grid)
    image = sample(torch.from_numpy(chosen.grey[part])[None], inside, grid, "bilinear")
    numbers = torch.from_numpy(chosen.targets[part].astype(np.float32))[None]
    targets = sample(numbers, inside, grid, "nearest")[0].round().to(torch.uint8)
    return vary_grey(image, how, generator), targets


def draw_place(
    slices: Sequence[ReviewedSlice], generator: torch.Generator
) -> tuple[ReviewedSlice, tuple[float, float]]:
    """Draw a slice, and a centre (y, x) on one of its classes or anywhere that is reviewed."""
    chosen = slices[below(len(slices), generator)]
    places = chosen.places[-1]
    if len(chosen.places) > 1 and uniform(generator, 0, 1) < 0.5:
        places = chosen.places[below(len(chosen.places) - 1, generator)]
    y, x = places[below(len(places), generator)]
    return chosen, (float(y), float(x))


def below(count: int, generator: torch.Generator) -> int:
    """Draw a whole number from 0 to count - 1."""
    return int(torch.randint(count, (), generator=generator))


def _in_half(features: EncoderFeatures) -> EncoderFeatures:
    """Return features in half precision, in main memory."""
    levels = tuple(level.half().cpu() for level in features.mae)
    return EncoderFeatures(features.sam.half().cpu(), levels)
