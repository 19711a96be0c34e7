"""Random training crops from labelled volumes, with every class given its turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from napari_scsam.config import UserError
from napari_scsam.io.contrast import measure_contrast, normalise
from napari_scsam.io.volumes import Volume, open_labels, open_volume
from napari_scsam.project.review import find_reviewed
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
from napari_scsam.train.recipe import Recipe
from napari_scsam.train.recipe_tables import LabelledSource

UNKNOWN = 255
"""Label of a pixel that nobody has judged: it teaches nothing."""

SMALLEST_OBJECT = 24
"""Objects of fewer pixels in a crop are not clicked on."""

SMALLEST_WRAPPED = 600
LARGEST_WRAPPED = 0.5
"""Pixels, and share of a crop, of profiles that get a sheath."""


class Batch(NamedTuple):
    """B crops."""

    image: Tensor
    """B×1×side×side in 0..1"""
    labels: Tensor
    """B×side×side, index of the class in the table plus one; 0 background, `UNKNOWN` not judged."""
    objects: Tensor
    """B×N×side×side masks of objects to click on; all zero where the crop has fewer."""
    first_clicks: Tensor
    """B×N×side×side, where a first click means that object: not on an organelle inside a cell's profile."""

    def to(self, device: torch.device) -> Batch:
        """Move everything to a device."""
        return Batch(*(part.to(device) for part in self))


class LabelledVolume:
    """One source in memory: grey values, class indices, object numbers, and where each class is."""

    def __init__(self, source: LabelledSource, recipe: Recipe) -> None:
        image = open_volume(source.image, source.voxel_size)
        labels = open_labels(source.labels)
        if image.shape != labels.shape:
            raise UserError(
                f"{source.image.name} has shape {image.shape} but {source.labels.name} has {labels.shape}; give labels of that image"
            )
        chosen = [z for z in source.slices or range(image.depth) if z not in source.calibration]
        if not chosen:
            raise UserError(
                f"every slice of {source.image.name} is kept for calibration; leave some to train on"
            )
        if beyond := [z for z in (*chosen, *source.calibration) if not 0 <= z < image.depth]:
            raise UserError(
                f"{source.image.name} has no slice {beyond[0]}; its slices are 0 to {image.depth - 1}"
            )
        mask = mask_of(source, image.shape)
        chosen = [z for z in chosen if mask is None or mask.plane(z).any()]
        if not chosen:
            raise UserError(
                f"no slice of {source.labels.name} is reviewed; review some in the plugin, or leave the mask out"
            )
        contrast = measure_contrast(image.data)
        self.grey = (np.stack([normalise(image.plane(z), contrast) for z in chosen]) * 255).astype(
            np.uint8
        )
        values = np.stack([labels.plane(z) for z in chosen])
        index = {c.id: i + 1 for i, c in enumerate(recipe.classes)}
        self.profiles = len(source.objects) if source.borders and not source.instances else None
        """Which of the object maps holds cells' profiles, with organelles inside."""
        self.sheath = (
            index.get(source.sheath)
            if source.sheath is not None and self.profiles is not None
            else None
        )
        """Index of the class that wraps profiles."""
        self.classes = (
            np.full(values.shape, UNKNOWN, np.uint8) if source.instances else lookup(values, index)
        )
        self.objects = (
            [number_instances(values)] if source.instances else object_maps(values, source)
        )
        self.anywhere: NDArray[np.intp] | None = None
        """Places that somebody has judged, where not all are."""
        if mask is not None:
            self._forget(np.stack([mask.plane(z) for z in chosen]) == 0)
        self.places = {
            i: np.argwhere(self.classes == i)[:: 1 + int((self.classes == i).sum()) // 200_000]
            for i in index.values()
        }
        nm = recipe.model.nm_per_pixel
        size = image.voxel_size
        self.pixels_per_step = torch.tensor(
            [nm / size[2], nm / size[1]] if nm and size else [1.0, 1.0]
        )
        """LabelledSource pixels (x, y) to one pixel of the model."""

    def _forget(self, unknown: NDArray[np.bool_]) -> None:
        """Take labels and objects as unknown where nobody has looked."""
        self.classes = np.where(unknown, np.uint8(UNKNOWN), self.classes)
        self.objects = [
            np.where(unknown, numbers.dtype.type(0), numbers) for numbers in self.objects
        ]
        known = np.argwhere(~unknown)
        self.anywhere = known[:: 1 + len(known) // 200_000]


def mask_of(source: LabelledSource, shape: tuple[int, ...]) -> Volume | None:
    """Open the mask of what a person has reviewed, if the source has one; it must have the image's shape."""
    path = source.reviewed or find_reviewed(source.labels)
    if path is None:
        return None
    mask = open_labels(path)
    if mask.shape != shape:
        raise UserError(
            f"the mask {path} has shape {mask.shape}, but its image {shape}; give that of this image"
        )
    return mask


def lookup(values: NDArray[Any], index: Mapping[int, int]) -> NDArray[np.unsignedinteger]:
    """Replace label values, of any size and sign, by those that `index` gives them; the others become background."""
    known = np.array(sorted(index))
    new = np.array([index[int(v)] for v in known], np.min_scalar_type(max(index.values())))
    at = np.searchsorted(known, values).clip(max=len(known) - 1)
    return np.where(known[at] == values, new[at], np.zeros_like(new[:1]))


def number_instances(values: NDArray[Any]) -> NDArray[np.uint16]:
    """Return the objects of each slice numbers from 1 on, whatever their ids; 0 and below is none."""
    with_none = [np.append(np.zeros(1, plane.dtype), np.maximum(plane, 0)) for plane in values]
    numbers = [
        np.unique(plane, return_inverse=True)[1][1:].astype(np.uint16) for plane in with_none
    ]
    return np.stack(numbers).reshape(values.shape)


def object_maps(values: NDArray[Any], source: LabelledSource) -> list[NDArray[np.uint16]]:
    """Find the connected regions of each slice and number them, one map for each group of classes."""
    masks = [np.isin(values, group) for group in source.objects]
    masks += [~np.isin(values, source.borders)] if source.borders else []
    return [
        np.stack([ndimage.label(plane)[0].astype(np.uint16) for plane in mask]) for mask in masks
    ]


class LabelledCrops:
    """Draws batches: half of the crops anywhere, half centred on a class drawn evenly.

    Even draws are what rescues the rare classes: myelin covers 0.05 % of the
    pixels of our hippocampus, but one in twelve crops is centred on it.
    """

    def __init__(self, recipe: Recipe) -> None:
        if not recipe.sources:
            raise UserError("the recipe names no data; add a [[data]] table with image and labels")
        self.training = recipe.training
        self.volumes = [LabelledVolume(source, recipe) for source in recipe.sources]
        self.weights = torch.tensor(
            [s.weight * v.grey.size**0.5 for s, v in zip(recipe.sources, self.volumes, strict=True)]
        )

    def batch(self, generator: torch.Generator) -> Batch:
        """Draw one batch; the generator's state fixes it."""
        crops = [self.crop(generator) for _ in range(self.training.batch)]
        return Batch(*(torch.stack(parts) for parts in zip(*crops, strict=True)))

    def crop(self, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Draw one crop: image 1×s×s, labels s×s, objects and their first clicks N×s×s."""
        volume = self.volumes[int(torch.multinomial(self.weights, 1, generator=generator))]
        z, *centre = self.place(volume, generator)
        grid = (
            random_grid(self.training.crop, self.training.augmentation, generator)
            * volume.pixels_per_step
        )
        part, inside = window(volume.grey.shape, (centre[0], centre[1]), grid)
        grey = torch.from_numpy(volume.grey[z][part].astype(np.float32) / 255)[None]
        layers = np.stack([volume.classes[z][part], *(o[z][part] for o in volume.objects)]).astype(
            np.float32
        )
        numbers = sample(torch.from_numpy(layers), inside, grid, "nearest").round().long()
        image = self.look(
            self.wrap(volume, sample(grey, inside, grid, "bilinear"), numbers, generator),
            numbers,
            generator,
        )
        objects, kinds = self.pick_objects(numbers[1:], generator)
        profile = torch.tensor(
            [k is not None and k == volume.profiles for k in kinds], dtype=torch.bool
        ).view(-1, 1, 1)
        first_clicks = objects * (~profile | (numbers[0] == 0))
        # A profile of which the crop shows organelles alone cannot be meant by a click.
        return (
            image,
            numbers[0],
            objects * first_clicks.flatten(1).any(1)[:, None, None],
            first_clicks,
        )

    def wrap(
        self, volume: LabelledVolume, image: Tensor, numbers: Tensor, generator: torch.Generator
    ) -> Tensor:
        """Now and then give a profile in a 1×s×s crop a sheath, in the picture and in its L×s×s labels and objects."""
        if (
            volume.sheath is None
            or volume.profiles is None
            or uniform(generator, 0, 1) >= self.training.augmentation.sheaths
        ):
            return image
        ids, sizes = torch.unique(numbers[1 + volume.profiles], return_counts=True)
        ids = ids[
            (ids > 0) & (sizes >= SMALLEST_WRAPPED) & (sizes <= LARGEST_WRAPPED * image.numel())
        ]
        if not len(ids):
            return image
        chosen = ids[int(uniform(generator, 0, len(ids) - 1e-6))]
        image, band = sheathe(
            image,
            numbers[1 + volume.profiles] == chosen,
            generator,
            self.training.augmentation.thick,
        )
        numbers[1:, band] = 0
        numbers[0, band] = volume.sheath
        return image

    def look(self, image: Tensor, numbers: Tensor, generator: torch.Generator) -> Tensor:
        """Change the look of a 1×s×s crop; where that hides what is there, its L×s×s labels and objects become 0."""
        how = self.training.augmentation
        if how.stain:
            image = restain(image, numbers[0], how.stain, generator)
        for paint, chance in ((decoy, how.decoys), (mass, how.masses)):
            if uniform(generator, 0, 1) < chance:
                image, hidden = paint(image, generator, how.soft)
                numbers[:, hidden] = 0
        return vary_grey(image, how, generator)

    def place(self, volume: LabelledVolume, generator: torch.Generator) -> tuple[int, ...]:
        """Draw the centre (z, y, x) of a crop."""
        present = [p for p in volume.places.values() if len(p)]
        if present and uniform(generator, 0, 1) < 0.5:
            places = present[int(uniform(generator, 0, len(present) - 1e-6))]
            return tuple(int(v) for v in places[int(uniform(generator, 0, len(places) - 1e-6))])
        if volume.anywhere is not None:
            return tuple(
                int(v)
                for v in volume.anywhere[int(uniform(generator, 0, len(volume.anywhere) - 1e-6))]
            )
        return tuple(int(uniform(generator, 0, n - 1e-3)) for n in volume.grey.shape)

    def pick_objects(
        self, maps: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, list[int | None]]:
        """Draw objects evenly over the kinds: L×s×s numbers to N×s×s masks, and the kind of each."""
        side = maps.shape[-1]
        masks = torch.zeros(self.training.prompts, side, side)
        drawn = list[int | None]([None] * self.training.prompts)
        counted = [m.unique(return_counts=True) for m in maps]
        found = [(k, ids[(n >= SMALLEST_OBJECT) & (ids > 0)]) for k, (ids, n) in enumerate(counted)]
        found = [(k, ids) for k, ids in found if len(ids)]
        for number in range(len(masks) if found else 0):
            drawn[number], ids = found[int(uniform(generator, 0, len(found) - 1e-6))]
            masks[number] = maps[drawn[number]] == ids[int(uniform(generator, 0, len(ids) - 1e-6))]
        return masks, drawn
