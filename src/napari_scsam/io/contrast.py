"""One contrast for a whole volume, and grey values in 0..1 from any dtype.

It is never measured per slice or per tile: a hot pixel or the edge of a tile must not change the
grey of an organelle. Programs that normalise each tile by itself, as micro-sam does, see brightness
jump between tiles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import UserError
from napari_scsam.io.lazy import DamagedPartError

PERCENTILES = (0.5, 99.5)
"""Percentiles of the grey values that become 0 and 1; both ends together clip 1 % of the pixels."""

SAMPLE = 2_000_000
"""About how many pixels are read to measure the contrast of a volume of any size."""


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
    sample = sample_pixels(image)
    finite = sample[np.isfinite(sample)]
    if finite.size == 0:
        raise UserError("the image holds only NaN or infinite values; check how it was saved")
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


def sample_pixels(image: Any) -> NDArray[np.floating]:
    """Read about `SAMPLE` pixels, spread over the whole volume."""
    if min(image.shape) == 0:
        raise UserError(f"the image is empty (shape {tuple(image.shape)}); choose one with pixels")
    if image.ndim == 2:
        return thin(np.asarray(image), SAMPLE)
    depth = image.shape[0]
    chosen = np.unique(np.linspace(0, depth - 1, min(depth, 16)).round().astype(int))
    samples: list[NDArray[np.floating]] = []
    damage: DamagedPartError | None = None
    for z in chosen:
        try:
            samples.append(thin(np.asarray(image[int(z)]), SAMPLE // len(chosen)))
        except DamagedPartError as error:  # one damaged slice costs no others
            damage = error
    if damage is not None and not samples:
        raise damage
    return np.concatenate(samples)


def thin(plane: NDArray[Any], count: int) -> NDArray[np.floating]:
    """Return a regular grid of about `count` pixels, flat."""
    step = max(1, int((plane.size / count) ** 0.5))
    return as_floats(plane[::step, ::step]).ravel()


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
