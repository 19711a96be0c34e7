"""Crops of reviewed slices, embedded once and remembered.

Both encoders are frozen while a model is fine-tuned. What they see in a crop
therefore never changes, nor does the parent's answer to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from napari_scsam.infer.device import precision
from napari_scsam.model import EncoderFeatures, ScSAM
from napari_scsam.train.augment import Augmentation, random_grid, sample, uniform, vary_grey, window
from napari_scsam.train.finetune.known_labels import UNKNOWN

SIDE = 384
"""Side of a crop in model pixels, a multiple of 16."""

OBJECTS = 2
"""Objects of a crop that can be asked for by a click or a box."""

SMALLEST_OBJECT = 24
"""Objects of fewer pixels in a crop are not asked for."""

PLACES = 5_000
"""About as many pixels of each class are remembered as places to look at."""


class Crops(NamedTuple):
    """B crops and what is known of them."""

    features: EncoderFeatures
    """What the frozen encoders say of them."""
    parent: Tensor
    """B×K×side×side, the class logits of the parent."""
    targets: Tensor
    """B×side×side, from `known_targets`."""
    objects: Tensor
    """B×N×side×side masks; all zero where a crop has fewer objects."""


@dataclass(frozen=True, eq=False)
class ReviewedSlice:
    """One slice and what is known of it."""

    grey: NDArray[np.float32]
    """Y×X in 0..1."""
    targets: NDArray[np.uint8]
    """Y×X, from `known_targets`."""
    objects: NDArray[np.int32]
    """Y×X, the number of the labelled object; 0 is none."""
    places: tuple[NDArray[np.intp], ...]
    """Some pixels (y, x) of each labelled class that occurs, and last of all that is reviewed."""


def reviewed_slice(grey: NDArray[np.float32], targets: NDArray[np.uint8]) -> ReviewedSlice:
    """Find the objects of a Y×X slice, and where its classes are."""
    objects = np.zeros(targets.shape, np.int32)
    places = []
    found = np.unique(targets)
    for number in found[(found != 0) & (found != UNKNOWN)]:
        inside = targets == number
        regions, _ = ndimage.label(inside)
        objects[inside] = regions[inside] + objects.max()
        places.append(thinned(inside))
    places.append(thinned(targets != UNKNOWN))
    return ReviewedSlice(grey, targets, objects, tuple(places))


def thinned(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the pixels (y, x) of a mask, about `PLACES` of them when there are more."""
    pixels = np.argwhere(mask)
    return pixels[:: 1 + len(pixels) // PLACES]


class CropMemory:
    """Remembers embedded crops in half precision and draws batches of them.

    Parameters
    ----------
    parent
        The model before fine-tuning, in evaluation mode; its encoders are those of the tuned model.
    """

    def __init__(self, parent: ScSAM) -> None:
        self.parent = parent
        self.device = parent.pixel_mean.device
        self.crops: list[Crops] = []

    def __len__(self) -> int:
        return len(self.crops)

    @torch.no_grad()
    def add(
        self, image: Tensor, targets: Tensor | None = None, objects: Tensor | None = None
    ) -> None:
        """Embed a crop and remember it.

        Parameters
        ----------
        image
            1×side×side in 0..1.
        targets
            side×side, from `known_targets`; unknown when not given.
        objects
            N×side×side masks; none when not given.
        """
        side = image.shape[1:]
        with precision(self.device):
            features = self.parent.encode(
                image[None].to(self.device).contiguous(memory_format=torch.channels_last)
            )
            logits = self.parent.class_logits(self.parent.fuse(features))
        if targets is None:
            targets = torch.full(side, UNKNOWN, dtype=torch.uint8)
        if objects is None:
            objects = torch.zeros(OBJECTS, *side, dtype=torch.bool)
        half = EncoderFeatures(
            features.sam.half().cpu(), tuple(level.half().cpu() for level in features.mae)
        )
        self.crops.append(Crops(half, logits.half().cpu(), targets[None], objects[None].bool()))

    def batch(self, numbers: Sequence[int]) -> Crops:
        """Return the crops of these numbers, in single precision and on the device."""
        return join_crops([self.crops[number] for number in numbers], self.device)

    def draw(self, count: int, generator: torch.Generator) -> Crops:
        """Draw crops evenly."""
        return self.batch(torch.randint(len(self.crops), (count,), generator=generator).tolist())


def join_crops(crops: Sequence[Crops], device: torch.device) -> Crops:
    """Join remembered crops into a batch of single precision."""
    levels = zip(*(crop.features.mae for crop in crops), strict=True)
    features = EncoderFeatures(
        torch.cat([crop.features.sam for crop in crops]).to(device).float(),
        tuple(torch.cat(level).to(device).float() for level in levels),
    )
    return Crops(
        features,
        torch.cat([crop.parent for crop in crops]).to(device).float(),
        torch.cat([crop.targets for crop in crops]).to(device),
        torch.cat([crop.objects for crop in crops]).to(device).float(),
    )


def draw_crop(
    slices: Sequence[ReviewedSlice],
    pixels: tuple[float, float],
    how: Augmentation,
    generator: torch.Generator,
    side: int = SIDE,
) -> tuple[Tensor, Tensor, Tensor]:
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
    objects : N×side×side masks
    """
    chosen, centre = draw_place(slices, generator)
    grid = random_grid(side, how, generator) * torch.tensor([pixels[1], pixels[0]])
    part, inside = window(chosen.grey.shape, centre, grid)
    image = sample(torch.from_numpy(chosen.grey[part])[None], inside, grid, "bilinear")
    layers = np.stack([chosen.targets[part], chosen.objects[part]]).astype(np.float32)
    targets, numbers = sample(torch.from_numpy(layers), inside, grid, "nearest").round().long()
    return (
        vary_grey(image, how, generator),
        targets.to(torch.uint8),
        draw_objects(numbers, generator),
    )


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


def draw_objects(numbers: Tensor, generator: torch.Generator, count: int = OBJECTS) -> Tensor:
    """Draw objects of a side×side crop by their numbers: count×side×side masks."""
    ids, sizes = torch.unique(numbers, return_counts=True)
    ids = ids[(ids > 0) & (sizes >= SMALLEST_OBJECT)]
    masks = torch.zeros(count, *numbers.shape, dtype=torch.bool)
    if len(ids):
        for place in range(count):
            masks[place] = numbers == ids[below(len(ids), generator)]
    return masks


def below(count: int, generator: torch.Generator) -> int:
    """Draw a whole number from 0 to count - 1."""
    return int(torch.randint(count, (), generator=generator))
