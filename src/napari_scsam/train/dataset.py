"""Random training crops from labelled volumes, in which every class has its turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from napari_scsam.config import UserError
from napari_scsam.train.augment import (
    decoy,
    mass,
    random_grid,
    restain,
    sample,
    sheathe,
    uniform,
    vary_grey,
    window,
)
from napari_scsam.train.labelled_volume import LabelledVolume
from napari_scsam.train.lookalikes import lookalikes
from napari_scsam.train.recipe import Recipe

T = TypeVar("T")

Crop = tuple[Tensor, Tensor, Tensor, Tensor]
"""Image 1×s×s, labels s×s, objects N×s×s and their first clicks N×s×s."""

MIN_OBJECT_PIXELS = 24
"""Objects of fewer pixels in a crop are not clicked on."""

MIN_WRAPPED_PIXELS = 600
"""Profiles of fewer pixels get no sheath."""

MAX_WRAPPED_SHARE = 0.5
"""Profiles that are a larger share of a crop get no sheath."""

EVERYTHING_LABELLED = torch.zeros(0, dtype=torch.long)
"""The groups of crops whose labels name every class."""


class CropBatch(NamedTuple):
    """B crops."""

    image: Tensor
    """B×1×side×side in 0..1"""
    labels: Tensor
    """B×side×side, index of the class in the table plus one; 0 background, `UNKNOWN` not judged."""
    objects: Tensor
    """B×N×side×side masks of objects to click on; all zero where the crop has fewer."""
    first_clicks: Tensor
    """B×N×side×side, where a first click means that object.

    In a cell's profile, the organelles are left out.
    """
    groups: Tensor = EVERYTHING_LABELLED
    """B×(K+1), the label under which each class is labelled, from `class_groups`.

    Empty where all crops label every class.
    """

    def to(self, device: torch.device) -> CropBatch:
        """Move everything to a device."""
        return CropBatch(*(part.to(device) for part in self))


def draw_item(items: Sequence[T], generator: torch.Generator) -> T:
    """Draw one item, each with equal probability."""
    return items[int(uniform(generator, 0, len(items) - 1e-6))]


def check_something_labelled(recipe: Recipe, volumes: Sequence[LabelledVolume]) -> None:
    """Check that there is a label to learn from.

    Raises
    ------
    UserError
        When no source labels a pixel of any class, nor an object.
    """
    if any(len(places) for volume in volumes for places in volume.places.values()):
        return
    if any(numbers.any() for volume in volumes for numbers in volume.objects):
        return
    names = ", ".join(source.labels.name for source in recipe.sources)
    raise UserError(
        f"no pixel of {names} is labelled as a class of the recipe; give labels that someone drew"
    )


class LabelledCrops:
    """Draws batches: half of the crops anywhere, half centred on a class drawn evenly.

    Even draws are what rescues the rare classes: myelin covers 0.05 % of the pixels of the
    hippocampus sample, but one in twelve crops is centred on it.
    """

    def __init__(self, recipe: Recipe) -> None:
        if not recipe.sources:
            raise UserError("the recipe names no data; add a [[data]] table with image and labels")
        self.training = recipe.training
        views = [(source, axis) for source in recipe.sources for axis in source.axes]
        self.volumes = [LabelledVolume(source, recipe, axis) for source, axis in views]
        check_something_labelled(recipe, self.volumes)
        self.weights = torch.tensor(
            [
                source.weight / len(source.axes) * volume.grey.size**0.5
                for (source, _), volume in zip(views, self.volumes, strict=True)
            ]
        )

    def batch(self, generator: torch.Generator) -> CropBatch:
        """Draw one batch; the generator's state fixes it."""
        drawn = [self.crop_of_volume(generator) for _ in range(self.training.batch)]
        crops, volumes = zip(*drawn, strict=True)
        batch = CropBatch(*(torch.stack(parts) for parts in zip(*crops, strict=True)))
        if self.everything_labelled:
            return batch
        return batch._replace(groups=torch.stack([volume.groups for volume in volumes]))

    @property
    def everything_labelled(self) -> bool:
        """Whether the labels of all sources name every class."""
        return all(
            torch.equal(volume.groups, torch.arange(len(volume.groups))) for volume in self.volumes
        )

    def crop(self, generator: torch.Generator) -> Crop:
        """Draw one crop."""
        return self.crop_of_volume(generator)[0]

    def crop_of_volume(self, generator: torch.Generator) -> tuple[Crop, LabelledVolume]:
        """Draw one crop, and return the volume that it is of, too."""
        volume = self.volumes[int(torch.multinomial(self.weights, 1, generator=generator))]
        image, numbers = self.read(volume, generator)
        image = self.wrap(volume, image, numbers, generator)
        image = self.look(image, numbers, generator)
        objects, kinds = self.pick_objects(numbers[1:], generator)
        is_profile = [kind is not None and kind == volume.profiles for kind in kinds]
        profile = torch.tensor(is_profile, dtype=torch.bool).view(-1, 1, 1)
        first_clicks = objects * (~profile | (numbers[0] == 0))
        # A click cannot mean a profile of which the crop shows organelles alone.
        objects = objects * first_clicks.flatten(1).any(1)[:, None, None]
        return (image, numbers[0], objects, first_clicks), volume

    def read(self, volume: LabelledVolume, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw a place and a geometry: grey values 1×s×s in 0..1, labels and objects L×s×s."""
        z, *centre = self.place(volume, generator)
        grid = random_grid(self.training.crop, self.training.augmentation, generator)
        grid = grid * volume.pixels_per_step
        part, inside = window(volume.grey.shape, (centre[0], centre[1]), grid)
        grey = torch.from_numpy(volume.grey[z][part].astype(np.float32) / 255)[None]
        layers = np.stack([volume.classes[z][part], *(o[z][part] for o in volume.objects)])
        layers = layers.astype(np.float32)
        numbers = sample(torch.from_numpy(layers), inside, grid, "nearest").round().long()
        return sample(grey, inside, grid, "bilinear"), numbers

    def wrap(
        self, volume: LabelledVolume, image: Tensor, numbers: Tensor, generator: torch.Generator
    ) -> Tensor:
        """Now and then wrap a profile in a 1×s×s crop into a sheath.

        Its L×s×s labels and objects are changed in place.
        """
        how = self.training.augmentation
        if volume.sheath is None or volume.profiles is None:
            return image
        if uniform(generator, 0, 1) >= how.sheaths:
            return image
        profiles = numbers[1 + volume.profiles]
        ids, sizes = torch.unique(profiles, return_counts=True)
        fits = (sizes >= MIN_WRAPPED_PIXELS) & (sizes <= MAX_WRAPPED_SHARE * image.numel())
        ids = ids[(ids > 0) & fits]
        if not len(ids):
            return image
        profile = profiles == draw_item(ids.tolist(), generator)
        image, band = sheathe(image, profile, generator, how.thick)
        numbers[1:, band] = 0
        numbers[0, band] = volume.sheath
        return image

    def look(self, image: Tensor, numbers: Tensor, generator: torch.Generator) -> Tensor:
        """Change the look of a 1×s×s crop.

        Where that hides what is there, its L×s×s labels and objects become 0.
        """
        how = self.training.augmentation
        if how.stain:
            image = restain(image, numbers[0], how.stain, generator)
        for paint, chance in ((decoy, how.decoys), (mass, how.masses)):
            if uniform(generator, 0, 1) < chance:
                image, hidden = paint(image, generator, how.soft)
                numbers[:, hidden] = 0
        if how.lookalikes and uniform(generator, 0, 1) < how.lookalikes:
            image, hidden = lookalikes(image, generator)
            numbers[:, hidden] = 0
        return vary_grey(image, how, generator)

    def place(self, volume: LabelledVolume, generator: torch.Generator) -> tuple[int, ...]:
        """Draw the centre (z, y, x) of a crop."""
        present = [places for places in volume.places.values() if len(places)]
        if present and uniform(generator, 0, 1) < 0.5:
            places = draw_item(present, generator)
        elif volume.anywhere is not None:
            places = volume.anywhere
        else:
            return tuple(int(uniform(generator, 0, n - 1e-3)) for n in volume.grey.shape)
        row = places[int(uniform(generator, 0, len(places) - 1e-6))]
        return tuple(int(value) for value in row)

    def pick_objects(
        self, maps: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, list[int | None]]:
        """Draw objects evenly over the kinds: L×s×s numbers to N×s×s masks, and each one's kind."""
        side = maps.shape[-1]
        masks = torch.zeros(self.training.prompts, side, side)
        kinds: list[int | None] = [None] * self.training.prompts
        candidates = []
        for kind, numbers in enumerate(maps):
            ids, sizes = numbers.unique(return_counts=True)
            ids = ids[(sizes >= MIN_OBJECT_PIXELS) & (ids > 0)]
            if len(ids):
                candidates.append((kind, ids.tolist()))
        if not candidates:
            return masks, kinds
        for row in range(len(masks)):
            kind, ids = draw_item(candidates, generator)
            kinds[row] = kind
            masks[row] = maps[kind] == draw_item(ids, generator)
        return masks, kinds
