"""Augmentation: what changes between microscopes must not change the answer.

Geometry (rotation, flip, pixel size, anisotropy) and grey (contrast, gamma, blur, noise, uneven
light, inversion). All is drawn from one torch generator, so that a seed fixes a run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

Factor = Annotated[float, Field(ge=1, le=100)]
Share = Annotated[float, Field(ge=0, le=1)]
Pixels = Annotated[float, Field(ge=0, le=1000)]
Width = Annotated[float, Field(ge=0, le=10)]
# A recipe is checked for these; in Python, whoever sets another value means it.


@dataclass(frozen=True)
class Augmentation:
    """How strongly to vary; the defaults span the microscopes we know of."""

    zoom: Factor = 2.0
    """Pixel size varies log-uniformly between 1/zoom and zoom."""
    stretch: Factor = 1.25
    """Pixels are longer along one axis by up to this factor."""
    contrast: Width = 0.5
    """Contrast factor varies by ± this."""
    brightness: Width = 0.2
    gamma: Width = 0.5
    """Gamma varies between exp(-gamma) and exp(gamma)."""
    blur: Pixels = 1.5
    """Largest sigma in pixels."""
    tone: Width = 0.4
    """Spread of the slopes of a random rising tone curve; 0 keeps grey steps in proportion."""
    coarse: Factor = 3.0
    """Largest factor by which pixels are made coarser before they are enlarged again."""
    noise: Width = 0.12
    """Largest standard deviation of pixel noise, in units of the 0..1 range."""
    invert: Share = 0.0
    """Probability of swapping dark and bright."""
    stain: Width = 0.0
    """Spread of the grey value that is added to each class; its texture may fade, too."""
    decoys: Share = 0.0
    """Probability of a region with the grey values and the grain of tissue, but no organelles."""
    sheaths: Share = 0.0
    """Probability that a profile gets a dark sheath, if the source names the sheath's class."""
    thick: Pixels = 30.0
    """Largest thickness of a sheath in pixels."""
    masses: Share = 0.0
    """Probability of a large, even, rather dark region without organelles."""
    lookalikes: Share = 0.0
    """Probability of a kind of things that are taken for organelles, several of them."""
    soft: Pixels = 3.0
    """Largest sigma in pixels of the edge of a decoy or a mass."""


def uniform(generator: torch.Generator, low: float, high: float) -> float:
    """Draw a number between low and high."""
    return low + (high - low) * float(torch.rand((), generator=generator))


def random_grid(side: int, how: Augmentation, generator: torch.Generator) -> Tensor:
    """Draw where each pixel of a crop comes from.

    Returns side×side×2 offsets (x, y) from the centre, in source pixels.
    """
    scale = math.exp(uniform(generator, -1, 1) * math.log(how.zoom))
    stretch = math.exp(uniform(generator, -0.5, 0.5) * math.log(how.stretch))
    angle = uniform(generator, 0, 2 * math.pi)
    flip = 1.0
    if uniform(generator, 0, 1) < 0.5:
        flip = -1.0
    steps = torch.arange(side, dtype=torch.float32) - (side - 1) / 2
    y, x = torch.meshgrid(steps / scale * stretch, steps / scale / stretch * flip, indexing="ij")
    cos = math.cos(angle)
    sin = math.sin(angle)
    return torch.stack([x * cos - y * sin, x * sin + y * cos], dim=-1)


def sample(plane: Tensor, centre: tuple[float, float], grid: Tensor, mode: str) -> Tensor:
    """Sample C×Y×X at offsets around `centre` (y, x): C×side×side, mirrored at the border."""
    height, width = plane.shape[1:]
    x = (grid[..., 0] + centre[1] + 0.5) / width * 2 - 1
    y = (grid[..., 1] + centre[0] + 0.5) / height * 2 - 1
    where = torch.stack([x, y], dim=-1)[None]
    return F.grid_sample(
        plane[None], where, mode=mode, padding_mode="reflection", align_corners=False
    )[0]


def window(
    shape: tuple[int, ...], centre: tuple[float, float], grid: Tensor
) -> tuple[tuple[slice, slice], tuple[float, float]]:
    """Return the part of a Y×X plane that a grid of offsets touches, and the centre inside it.

    Reading and converting that part alone keeps a crop's cost the same for a plane of any size.
    """
    reach = math.ceil(float(grid.abs().max())) + 2
    starts = [
        max(0, min(int(c) - reach, n - 2 * reach)) for c, n in zip(centre, shape[-2:], strict=True)
    ]
    rows, columns = (
        slice(a, min(n, a + 2 * reach + 1)) for a, n in zip(starts, shape[-2:], strict=True)
    )
    return (rows, columns), (centre[0] - starts[0], centre[1] - starts[1])


def vary_grey(image: Tensor, how: Augmentation, generator: torch.Generator) -> Tensor:
    """Change the look of a 1×Y×X crop in 0..1 as another microscope might."""
    if how.coarse > 1 and uniform(generator, 0, 1) < 0.4:
        image = coarsen(image, how, generator)
    if how.blur and uniform(generator, 0, 1) < 0.4:
        image = gaussian_blur(image, uniform(generator, 0.3, how.blur))
    image = tone_curve(image.clamp(0, 1), how.tone, generator) ** math.exp(
        uniform(generator, -how.gamma, how.gamma)
    )
    factor = 1 + uniform(generator, -how.contrast, how.contrast)
    image = (image - 0.5) * factor + 0.5 + uniform(generator, -how.brightness, how.brightness)
    image = image + uneven_light(image.shape[1:], 0.1 * uniform(generator, 0, 1), generator)
    if how.noise and uniform(generator, 0, 1) < 0.6:
        image = image + torch.randn(image.shape, generator=generator) * uniform(
            generator, 0, how.noise
        )
    if uniform(generator, 0, 1) < how.invert:
        image = 1 - image
    return image.clamp(0, 1)


def coarsen(image: Tensor, how: Augmentation, generator: torch.Generator) -> Tensor:
    """Resample to coarser, noisy pixels and enlarge again.

    A volume that is resampled to the model's pixel size looks like that.
    """
    factor = math.exp(uniform(generator, 0, math.log(how.coarse)))
    small = [max(8, round(n / factor)) for n in image.shape[1:]]
    low = F.interpolate(image[None], small, mode="bilinear", antialias=True, align_corners=False)
    low = low + torch.randn(low.shape, generator=generator) * uniform(generator, 0, how.noise)
    return F.interpolate(low, image.shape[1:], mode="bilinear", align_corners=False)[0]


def tone_curve(image: Tensor, spread: float, generator: torch.Generator, pieces: int = 6) -> Tensor:
    """Bend grey values in 0..1 by a random rising curve of straight pieces; ends stay."""
    slopes = torch.exp(torch.randn(pieces, generator=generator) * spread)
    knots = torch.cat([torch.zeros(1), slopes.cumsum(0) / slopes.sum()])
    piece = (image * pieces).long().clamp_max(pieces - 1)
    return knots[piece] + (image * pieces - piece) * (knots[piece + 1] - knots[piece])


def restain(image: Tensor, labels: Tensor, spread: float, generator: torch.Generator) -> Tensor:
    """Vary the stain and the texture of each class of a 1×Y×X crop, by its Y×X labels.

    Which organelle is darker than another depends on the fixation. After SynthSeg (Billot et al.
    2023), which draws the grey of every class.
    """
    shift = torch.zeros_like(image)
    fade = torch.zeros_like(image)
    for label in torch.unique(labels):
        here = labels == label
        shift[0, here] = float(torch.randn((), generator=generator)) * spread
        if uniform(generator, 0, 1) < 0.3:
            fade[0, here] = uniform(generator, 0, 1)
    shift, fade = gaussian_blur(torch.cat([shift, fade]), 1.5)
    stained: Tensor = (
        torch.lerp(image, gaussian_blur(image, uniform(generator, 2, 4)), fade) + shift
    )
    return stained


def decoy(image: Tensor, generator: torch.Generator, soft: float = 3.0) -> tuple[Tensor, Tensor]:
    """Paint a region without organelles into a 1×Y×X crop; return the crop and the region, Y×X.

    Mostly it has the crop's power spectrum with random phases, sharp or
    blurred, as chromatin and cytoplasm may look; else it is nearly black, as
    lipid and lysosomes are. Its edge is blurred by a sigma of up to `soft` pixels.
    """
    field = bumps(image, generator)
    grain = phase_noise(image, generator)
    if uniform(generator, 0, 1) < 0.5:
        grain = gaussian_blur(grain, uniform(generator, 1, 5))
    if uniform(generator, 0, 1) < 0.6:
        share = uniform(generator, 0.05, 0.4)
        filling = grain * uniform(generator, 0.4, 1.5) + uniform(generator, 0.2, 0.8)
    else:
        share = uniform(generator, 0.02, 0.15)
        filling = grain * uniform(generator, 0.05, 0.4) + uniform(generator, 0, 0.15)
    return paint_region(
        image, field > torch.quantile(field, 1 - share), filling, uniform(generator, 0.7, soft)
    )


def mass(image: Tensor, generator: torch.Generator, soft: float = 3.0) -> tuple[Tensor, Tensor]:
    """Paint a large even region into a 1×Y×X crop; return the crop and the region, Y×X.

    Dark cells, chromatin and thick myelin look like that: as dark as an organelle, without its
    texture. They hold the noise of the pixels and, half of the time, a trace of the tissue below.
    The edge is blurred by a sigma of up to `soft` pixels.
    """
    field = bumps(image, generator)
    noise = phase_noise(image - gaussian_blur(image, 2), generator)
    level = 0.8 * uniform(generator, 0, 1) ** 1.5  # rather dark
    filling = (
        level
        + noise * uniform(generator, 0.2, 1.2)
        + uneven_light(image.shape[1:], uniform(generator, 0, 0.06), generator)
    )
    if uniform(generator, 0, 1) < 0.5:
        filling = filling + (image - gaussian_blur(image, 6)) * uniform(generator, 0, 0.5)
    return paint_region(
        image,
        field > torch.quantile(field, 1 - uniform(generator, 0.05, 0.6)),
        filling,
        uniform(generator, 0.7, soft),
    )


def bumps(image: Tensor, generator: torch.Generator) -> Tensor:
    """Create a smooth random field of a crop's size, 1×Y×X, with a few high blobs."""
    cells = 2 + int(uniform(generator, 0, 4))
    coarse = torch.randn((1, 1, cells, cells), generator=generator)
    return F.interpolate(
        coarse, (image.shape[1], image.shape[2]), mode="bicubic", align_corners=True
    )[0]


def paint_region(
    image: Tensor, where: Tensor, filling: Tensor, edge: float
) -> tuple[Tensor, Tensor]:
    """Paint a filling into a region (1×Y×X) of a 1×Y×X crop, with an edge of that sigma.

    Returns the crop, and the region as Y×X.
    """
    return torch.lerp(image, filling, gaussian_blur(where.float(), edge)), where[0]


def sheathe(
    image: Tensor, profile: Tensor, generator: torch.Generator, thick: float = 30.0
) -> tuple[Tensor, Tensor]:
    """Wrap a profile (Y×X) of a cell in a 1×Y×X crop into a sheath, dark and lamellar as myelin.

    The sheath is up to `thick` pixels thick. Returns the crop, and the sheath as Y×X.
    """
    depth = torch.from_numpy(ndimage.distance_transform_edt(profile.numpy()).astype(np.float32))
    band = (depth > 0) & (
        depth <= min(uniform(generator, 4, thick), 0.6 * float(depth.max()))
    )  # something of the cell must be left
    lamellae = torch.sin(depth * (2 * math.pi / uniform(generator, 3, 9)))[None] * uniform(
        generator, 0, 0.08
    )
    grain = (image - gaussian_blur(image, 2)) * uniform(generator, 0.3, 1)
    filling = uniform(generator, 0, 0.3) + lamellae + grain
    return torch.lerp(
        image, filling, gaussian_blur(band[None].float(), uniform(generator, 0.7, 2))
    ), band


def phase_noise(image: Tensor, generator: torch.Generator) -> Tensor:
    """Draw 1×Y×X noise of mean 0 with the power spectrum of an image."""
    spectrum = torch.fft.rfft2(image - image.mean())
    noise: Tensor = torch.fft.irfft2(
        spectrum.abs() * torch.exp(2j * math.pi * torch.rand(spectrum.shape, generator=generator)),
        s=image.shape[1:],
    )
    return noise


def uneven_light(shape: torch.Size, strength: float, generator: torch.Generator) -> Tensor:
    """Create a slow gradient of brightness, 1×Y×X."""
    coarse = torch.randn((1, 1, 3, 3), generator=generator) * strength
    return F.interpolate(coarse, tuple(shape), mode="bicubic", align_corners=True)[0]


def gaussian_blur(image: Tensor, sigma: float) -> Tensor:
    """Blur C×Y×X by a Gaussian of that sigma in pixels."""
    radius = max(1, math.ceil(3 * sigma))
    steps = torch.arange(-radius, radius + 1, dtype=torch.float32)
    taps = torch.exp(-0.5 * (steps / sigma) ** 2)
    taps = taps / taps.sum()
    padded = F.pad(image[:, None], (radius,) * 4, mode="reflect")
    rows = F.conv2d(padded, taps.view(1, 1, 1, -1))
    return F.conv2d(rows, taps.view(1, 1, -1, 1))[:, 0]
