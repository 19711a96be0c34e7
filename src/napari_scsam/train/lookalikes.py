"""What is taken for organelles in tissues that a model never saw, drawn into crops.

Lysosomes and lipid, secretory granules with a halo, folds of the section and dirt: each kind in
numbers, of all sizes, with the grain of the crop itself. All of it is none of the classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from napari_scsam.train.augment import bumps, gaussian_blur, phase_noise, uniform

SMALLEST = 5.0
"""Radius in pixels of the smallest body or granule."""

LARGEST = 45.0
"""Radius in pixels of the largest."""

MOST = 14
"""Bodies or granules in a crop, at most."""

Painter = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]
"""Paints into a 1×Y×X crop with its grain; returns the crop, and where it painted, Y×X."""


def lookalikes(image: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Paint several things of one kind into a 1×Y×X crop.

    Returns
    -------
    image : the crop
    hidden : Y×X, where none of the classes is left
    """
    kinds: tuple[Painter, ...] = (dark_bodies, dark_bodies, granules, granules, folds, dirt)
    paint = kinds[int(uniform(generator, 0, len(kinds) - 1e-6))]
    return paint(image, phase_noise(image, generator), generator)


def dark_bodies(image: Tensor, grain: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Paint round dark bodies, as lysosomes, lipid and dense nuclei of small cells are.

    Some have a paler patch inside, some a dark rim.
    """
    radius = size_of_all(generator)
    level = uniform(generator, 0, 0.4)
    strength = uniform(generator, 0.1, 1.0)
    rim = uniform(generator, -0.2, 0.2)
    patch = uniform(generator, 0, 0.3)
    edge = uniform(generator, 0.7, 3.0)
    mottling = patch * (bumps(image, generator) > 0.5)
    hidden = torch.zeros(image.shape[1:], dtype=torch.bool)
    for _ in range(draw_count(generator)):
        depth = depth_of_one(image, radius, generator)
        filling = level + strength * grain + mottling + rim * (depth < 3.0)
        image = torch.lerp(image, filling, soft_mask(depth, 0.0, edge))
        hidden = hidden | (depth[0] > 0)
    return image, hidden


def granules(image: Tensor, grain: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Paint granules: a core, a halo and a thin membrane round it, as in platelets and glands."""
    radius = size_of_all(generator)
    core = uniform(generator, 0, 0.5)
    halo = uniform(generator, 0.5, 0.95)
    width = uniform(generator, 0, 0.5)
    wall = uniform(generator, 0.05, 0.4)
    strength = uniform(generator, 0.1, 0.8)
    edge = uniform(generator, 0.7, 2.0)
    hidden = torch.zeros(image.shape[1:], dtype=torch.bool)
    for _ in range(draw_count(generator)):
        depth = depth_of_one(image, radius, generator)
        deepest = float(depth.max())
        for value, start in ((wall, 0.0), (halo, 2.5), (core, 2.5 + width * deepest)):
            filling = value + strength * grain
            image = torch.lerp(image, filling, soft_mask(depth, start, edge))
        hidden = hidden | (depth[0] > 0)
    return image, hidden


def folds(image: Tensor, grain: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Paint a fold of the section or a crack: a long curved band, dark or bright."""
    field = bumps(image, generator)
    slope = (
        field.diff(dim=1, prepend=field[:, :1]).abs()
        + field.diff(dim=2, prepend=field[:, :, :1]).abs()
    )
    distance = (field - float(field.median())).abs() / slope.clamp_min(1e-3)
    depth = uniform(generator, 1.5, 14.0) - distance
    level = uniform(generator, 0, 0.3)
    if uniform(generator, 0, 1) < 0.3:
        level = uniform(generator, 0.8, 1.0)
    filling = level + uniform(generator, 0, 0.6) * grain
    share = uniform(generator, 0.6, 1.0)  # tissue shines through a fold
    mask = share * soft_mask(depth, 0.0, uniform(generator, 0.7, 3.0))
    return torch.lerp(image, filling, mask), depth[0] > 0


def dirt(image: Tensor, grain: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Paint specks of stain and dirt of irregular shape, nearly black or white."""
    cells = int(uniform(generator, 12, 48))
    coarse = torch.randn((1, 1, cells, cells), generator=generator)
    size = (image.shape[1], image.shape[2])
    field = torch.nn.functional.interpolate(coarse, size, mode="bicubic", align_corners=True)[0]
    depth = field - uniform(generator, 1.8, 2.6)
    level = uniform(generator, 0, 0.15)
    if uniform(generator, 0, 1) < 0.25:
        level = uniform(generator, 0.9, 1.0)
    filling = level + 0.2 * grain
    mask = gaussian_blur((depth > 0).float(), uniform(generator, 0.7, 2.0))
    return torch.lerp(image, filling, mask), depth[0] > 0


def size_of_all(generator: torch.Generator) -> float:
    """Draw the usual radius of the bodies in a crop, small ones as often as large ones."""
    return SMALLEST * math.exp(uniform(generator, 0, math.log(LARGEST / SMALLEST)))


def draw_count(generator: torch.Generator) -> int:
    """Draw how many there are, a few more often than many."""
    return 1 + int(MOST * uniform(generator, 0, 1) ** 2)


def depth_of_one(image: Tensor, radius: float, generator: torch.Generator) -> Tensor:
    """Draw a rounded body somewhere: about the depth of each pixel inside it, 1×Y×X in pixels.

    It is drawn out by up to 1.6 and its outline has a few waves.
    """
    height, width = image.shape[1:]
    centre = uniform(generator, 0, height), uniform(generator, 0, width)
    own = radius * uniform(generator, 0.7, 1.3)
    long = math.exp(uniform(generator, 0, math.log(1.6)))
    turn = uniform(generator, 0, math.pi)
    rows = torch.arange(height, dtype=torch.float32)[:, None] - centre[0]
    columns = torch.arange(width, dtype=torch.float32)[None] - centre[1]
    along = (rows * math.cos(turn) + columns * math.sin(turn)) / long
    across = (columns * math.cos(turn) - rows * math.sin(turn)) * long
    angle = torch.atan2(across, along)
    waves = uniform(generator, 0, 0.12) * torch.cos(3 * angle + uniform(generator, 0, 6))
    waves = waves + uniform(generator, 0, 0.08) * torch.cos(5 * angle + uniform(generator, 0, 6))
    return (own * (1 + waves) - torch.hypot(along, across))[None]


def soft_mask(depth: Tensor, start: float, edge: float) -> Tensor:
    """Return about 1 where a 1×Y×X depth is beyond a start, with a soft edge of that width."""
    return torch.sigmoid((depth - start) * (2 / edge))
