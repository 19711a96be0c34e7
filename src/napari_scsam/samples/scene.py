"""The synthetic cell while it is drawn: its background, its pens, and the final photograph."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_scsam.samples.fields import (
    Coordinates,
    Field,
    Grid,
    Mosaic,
    PhantomBox,
    clearance,
    smooth_noise,
)

ALL: PhantomBox = (slice(None), slice(None), slice(None))


@dataclass
class Scene:
    """The volume while it is drawn."""

    rng: np.random.Generator
    grid: Grid
    mosaic: Mosaic
    grey: Field
    """0 black, 1 white."""
    labels: NDArray[np.uint8]
    room: Field = field(default_factory=lambda: np.zeros((1, 1, 1), np.float32))
    """Distance to the nearest membrane, on every fourth row and column (`look_for_room`)."""
    taken: Field = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    """Points z, y, x along every organelle so far, and the radius at each."""

    def look_for_room(self, skin: float, sheath: int) -> None:
        """Measure the distance to membranes, `skin` nm thick, and to voxels labelled `sheath`."""
        free = (
            (self.mosaic.border > skin)
            & (np.abs(self.mosaic.nucleus + 15) > 15 + skin)
            & (self.labels != sheath)
        )
        self.room = clearance(self.grid, free & (self.mosaic.nucleus > 0), _STRIDE)

    def shade(self, box: PhantomBox, amount: Field, grey: float) -> None:
        """Blend towards a grey value, by an amount of 0..1 per voxel."""
        self.grey[box] += amount * (np.float32(grey) - self.grey[box])

    def mark(self, box: PhantomBox, where: NDArray[np.bool_], label: int) -> None:
        """Set the class of voxels in a box."""
        self.labels[box][where] = label

    def take(self, points: Coordinates, radius: float, gap: float = 16.0) -> bool:
        """Reserve the place of a chain of points (N, 3), if it is `gap` nm away from all others.

        Returns whether it was free.
        """
        z, y, x = self.grid.index(points)
        if np.any(self.room[z, y // _STRIDE, x // _STRIDE] < radius):
            return False
        apart = np.linalg.norm(self.taken[:, None, :3] - points, axis=2) - self.taken[:, 3:]
        if np.any(apart < radius + gap):
            return False
        chain = np.c_[points, np.full(len(points), radius)].astype(np.float32)
        self.taken = np.vstack([self.taken, chain])
        return True

    def place(
        self, count: int, radius: tuple[float, float], length: tuple[float, float]
    ) -> list[tuple[Coordinates, float]]:
        """Reserve places for up to `count` random chains; return their points and radii."""
        found: list[tuple[Coordinates, float]] = []
        for _ in range(300 * count):
            if len(found) == count:
                break
            points = self._chain(self.rng.uniform(*length))
            thick = self.rng.uniform(*radius)
            if self.take(points, thick):
                found.append((points, thick))
        return found

    def _chain(self, length: float) -> Coordinates:
        """Draw a random bent chain of points (N, 3), at most 60 nm apart, mostly in the plane."""
        t = np.linspace(-0.5, 0.5, int(length // 60) + 2)[:, None]
        heading, bend = self.rng.normal(size=(2, 3)) * (0.35, 1, 1)
        heading = heading / np.linalg.norm(heading)
        bend = bend / np.linalg.norm(bend)
        start = self.rng.uniform((0, 0, 0), self.grid.extent)
        points: Coordinates = start + length * (heading * t + 0.8 * bend * t**2)
        return points


_STRIDE = 4


def line(distance: Field, centre: float, width: float = 6.5) -> Field:
    """Return the darkness of a membrane: 1 at the distance `centre`, less within `width` nm."""
    darkness: Field = np.exp(-(((distance - np.float32(centre)) / np.float32(width)) ** 2))
    return darkness


def fill(distance: Field, edge: float = 0.0) -> Field:
    """Return 1 where `distance` is below `edge` and 0 beyond, with a soft border of 10 nm."""
    inside: Field = np.clip((np.float32(edge) - distance) / np.float32(10) + np.float32(0.5), 0, 1)
    return inside


def cytoplasm(rng: np.random.Generator, grid: Grid, mosaic: Mosaic) -> Field:
    """Draw the background: each cell in its own light grey, with clouds, ribosomes and filaments."""
    cell_grey = rng.uniform(0.68, 0.8, 256).astype(np.float32)
    crowding = rng.uniform(0.004, 0.02, 256).astype(np.float32)
    cell_grey[0] = 0.7
    crowding[0] = 0.035
    clouds = np.float32(0.03) * smooth_noise(rng, grid, 45)
    clouds = clouds + np.float32(0.02) * smooth_noise(rng, grid, 200)
    share = crowding[mosaic.owner] * (1 + np.float32(0.5) * smooth_noise(rng, grid, 150))
    dots = blur((rng.random(grid.shape, np.float32) < share).astype(np.float32), grid, 9)
    dark = np.minimum(dots * np.float32(1.7), np.float32(0.3))
    grey: Field = cell_grey[mosaic.owner] + clouds - dark
    return grey


def blur(image: Field, grid: Grid, width: float) -> Field:
    """Blur each slice by a Gaussian of `width` nm; sections do not mix."""
    sigmas = (0.0, width / grid.voxel_size[1], width / grid.voxel_size[2])
    return np.asarray(ndimage.gaussian_filter(image, sigmas), np.float32)


def photograph(rng: np.random.Generator, grid: Grid, grey: Field) -> NDArray[np.uint8]:
    """Blur, light unevenly, add noise and grain, and convert to 8 bits."""
    light = 1 + np.float32(0.05) * smooth_noise(rng, grid, 1800)
    light = light + rng.normal(0, 0.012, (grid.shape[0], 1, 1)).astype(np.float32)
    noise, grain = rng.standard_normal((2, *grid.shape), dtype=np.float32)
    image = (
        blur(grey, grid, 7) * light
        + np.float32(0.03) * noise
        + np.float32(0.06) * ndimage.gaussian_filter(grain, (0, 0.8, 0.8))
    )
    shot: NDArray[np.uint8] = np.clip(image * 215, 0, 255).astype(np.uint8)
    return shot
