"""One contrast for a whole volume, and grey values in 0..1 from any dtype.

It is never measured per slice or per tile: a hot pixel or the edge of a tile must not change the
grey of an organelle. Programs that normalise each tile by itself, as micro-sam does, see brightness
jump between tiles. Flat filling at the border of slices does not count (`find_filling`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import UserError
from napari_scsam.io.filling import find_filling
from napari_scsam.io.lazy import DamagedPartError

PERCENTILES = (0.5, 99.5)
"""Percentiles of the grey values that become 0 and 1; both ends together clip 1 % of the pixels."""

SAMPLE = 2_000_000
"""About how many pixels are read to measure the contrast of a volume of any size."""


LEAST_TISSUE = 0.02
"""Share of the pixels beside a filling; with less, the filling counts."""

LEAST_GREYS = 16
"""Different grey values beside a filling; with fewer, it is the background of a drawing."""


@dataclass(frozen=True)
class Contrast:
    """The grey values that become 0 and 1."""

    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Contrast:
        """Read what `to_dict` wrote."""
        return cls(float(data["low"]), float(data["high"]))


def measure_contrast(image: Any, percentiles: tuple[float, float] = PERCENTILES) -> Contrast:
    """Measure the contrast of a volume from a strided sample of it.

    Parameters
    ----------
    image
        Anything with ``shape`` and slicing, (Y, X) or (Z, Y, X), read lazily:
        a few evenly spaced planes, thinned.
    percentiles
        Where to clip, in percent.

    Raises
    ------
    UserError
        When the sample holds no finite value, or only one value.
    """
    planes = sample_planes(image)
    sample = np.concatenate([plane.ravel() for plane in planes])
    finite = sample[np.isfinite(sample)]
    if finite.size == 0:
        raise UserError("the image holds only NaN or infinite values; check how it was saved")
    tissue = tissue_of(planes)
    if tissue is not None:
        finite = tissue
    low, high = (float(v) for v in np.percentile(finite, percentiles))
    if high <= low:  # nearly all pixels have one value; use the full range
        low = float(finite.min())
        high = float(finite.max())
    if high <= low:
        raise UserError(
            f"the image is constant (every sampled pixel is {low:g}); "
            "choose a layer that shows something"
        )
    return Contrast(low, high)


def tissue_of(planes: Sequence[NDArray[np.floating]]) -> NDArray[np.floating] | None:
    """Return the finite values of slices without their filling.

    None when there is no filling, or too little beside it to be an image.

    Parameters
    ----------
    planes
        Thinned slices, each (Y, X).
    """
    fillings = [find_filling(plane) for plane in planes]
    if not any(filling.any() for filling in fillings):
        return None
    pairs = zip(planes, fillings, strict=True)
    beside = np.concatenate([plane[~filling] for plane, filling in pairs])
    tissue: NDArray[np.floating] = beside[np.isfinite(beside)]
    total = sum(plane.size for plane in planes)
    if tissue.size < LEAST_TISSUE * total or len(np.unique(tissue)) < LEAST_GREYS:
        return None
    return tissue


def sample_planes(image: Any) -> list[NDArray[np.floating]]:
    """Read about `SAMPLE` pixels, spread over the whole volume, as thinned slices (Y, X)."""
    if min(image.shape) == 0:
        raise UserError(f"the image is empty (shape {tuple(image.shape)}); choose one with pixels")
    if image.ndim == 2:
        return [grid(np.asarray(image), SAMPLE)]
    depth = image.shape[0]
    chosen = np.unique(np.linspace(0, depth - 1, min(depth, 16)).round().astype(int))
    samples: list[NDArray[np.floating]] = []
    damage: DamagedPartError | None = None
    for z in chosen:
        try:
            samples.append(grid(np.asarray(image[int(z)]), SAMPLE // len(chosen)))
        except DamagedPartError as error:  # one damaged slice costs no others
            damage = error
    if damage is not None and not samples:
        raise damage
    return samples


def grid(plane: NDArray[Any], count: int) -> NDArray[np.floating]:
    """Return a regular grid of about `count` pixels of a slice, (Y, X)."""
    step = max(1, int((plane.size / count) ** 0.5))
    return as_floats(plane[::step, ::step])


def as_floats(pixels: NDArray[Any]) -> NDArray[np.floating]:
    """Convert to floats that keep every grey step: 32 bits for up to 16-bit integers, else 64."""
    return pixels.astype(np.result_type(pixels.dtype, np.float32))


def normalise(image: NDArray[Any], contrast: Contrast) -> NDArray[np.float32]:
    """Map grey values to 0..1 by the contrast, clipped; NaN becomes 0.

    It works for every integer and float dtype and keeps the shape.
    """
    scaled = (as_floats(image) - contrast.low) / (contrast.high - contrast.low)
    finite = np.nan_to_num(scaled, nan=0.0, posinf=1.0, neginf=0.0)
    clipped: NDArray[np.float32] = np.clip(finite, 0, 1).astype(np.float32)
    return clipped
