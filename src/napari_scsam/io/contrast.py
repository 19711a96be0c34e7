"""One contrast for a whole volume, and grey values in 0..1 from any dtype.

It is never measured per slice or per tile: a hot pixel or the edge of a tile must not change the
grey of an organelle. Programs that normalise each tile by itself, as micro-sam does, see brightness
jump between tiles. Flat filling at the border of slices does not count (`find_filling`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import UserError
from napari_scsam.io.filling import find_filling
from napari_scsam.io.lazy import chunk_shape
from napari_scsam.io.read_errors import DamagedPartError

PERCENTILES = (0.5, 99.5)
"""Percentiles of the grey values that become 0 and 1; both ends together clip 1 % of the pixels."""

SAMPLE = 2_000_000
"""About how many pixels are read to measure the contrast of a volume of any size."""


WHOLE_BYTES = 2**28
"""Volumes of up to so many bytes are sampled by whole slices."""

READ_SHARE = 0.08
"""Share of a larger volume that is read at most, where its chunks allow it."""

MOST_READ = 2**28
"""Bytes of a larger volume that are read at most, where chunks are several slices deep."""

GOLDEN = 0.618
"""Shifts the windows from slice to slice, so that they do not lie above each other."""

WINDOW = 256
"""Least side of a window of a slice, so that a filling can be told from tissue."""

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
    return contrast_of(sample_planes(image), percentiles)


def contrast_of(
    planes: Sequence[NDArray[np.floating]], percentiles: tuple[float, float] = PERCENTILES
) -> Contrast:
    """Return the contrast of what `sample_planes` read; errors are those of `measure_contrast`."""
    sample = np.concatenate([plane.ravel() for plane in planes])
    finite = sample[np.isfinite(sample)]
    if finite.size == 0:
        raise UserError("the image holds only NaN or infinite values; check how it was saved")
    tissue = tissue_of(planes)
    if tissue is not None:
        finite = tissue
    return _range_of(finite, percentiles)


def _range_of(values: NDArray[np.floating], percentiles: tuple[float, float]) -> Contrast:
    low, high = (float(v) for v in np.percentile(values, percentiles))
    if high <= low:  # nearly all pixels have one value; use the full range
        low = float(values.min())
        high = float(values.max())
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
    """Read about `SAMPLE` pixels, spread over the whole volume, as thinned slices (Y, X).

    Of a large volume whose slices are expensive to read, these are thinned windows of slices.
    """
    if min(image.shape) == 0:
        raise UserError(f"the image is empty (shape {tuple(image.shape)}); choose one with pixels")
    if image.ndim == 2:
        return [grid(np.asarray(image), SAMPLE)]
    itemsize = np.dtype(getattr(image, "dtype", np.uint8)).itemsize
    return _read_places(image, sample_places(image.shape, chunk_shape(image), itemsize))


def _read_places(image: Any, places: Sequence[Any]) -> list[NDArray[np.floating]]:
    """Read thinned slices at some places; those that are damaged are left out."""
    samples: list[NDArray[np.floating]] = []
    damage: DamagedPartError | None = None
    for place in places:
        try:
            samples.append(grid(np.asarray(image[place]), SAMPLE // len(places)))
        except DamagedPartError as error:  # one damaged slice costs no others
            damage = error
    if damage is not None and not samples:
        raise damage
    return samples


def sample_places(
    shape: Sequence[int], chunks: Sequence[int] | None, itemsize: int
) -> list[int | tuple[int, slice, slice]]:
    """Return the slices of a volume (Z, Y, X) that its contrast is measured on.

    Up to 16 of them, evenly spaced. Where their chunks are more than `READ_SHARE` of a large
    volume, these are windows of slices, each of whole chunks.

    Parameters
    ----------
    shape
        Of the volume.
    chunks
        Shape of the parts that can only be read as a whole; None when there are none.
    itemsize
        Bytes of a voxel.
    """
    depth = shape[0]
    chosen = np.unique(np.linspace(0, depth - 1, min(depth, 16)).round().astype(int))
    total = prod(shape) * itemsize
    deep = 1 if chunks is None else min(chunks[0], depth)
    layers = {int(z) // deep: int(z) for z in chosen}
    allowed = READ_SHARE * total
    if deep > 1:
        allowed = min(allowed, MOST_READ)
    if total <= WHOLE_BYTES or len(layers) * deep * prod(shape[1:]) * itemsize <= allowed:
        return [int(z) for z in chosen]
    height, width = window_shape(shape, chunks)
    most = max(1, int(min(allowed, MOST_READ) / (deep * height * width * itemsize)))
    positions = list(layers.values())[:: max(1, len(layers) // most)]
    windows = max(1, most // len(positions))
    return [place for z in positions for place in _windows(z, shape, (height, width), windows)]


def window_shape(shape: Sequence[int], chunks: Sequence[int] | None) -> tuple[int, int]:
    """Return (Y, X) of a window: whole chunks, or whole rows where there are none."""
    if chunks is None:
        return min(WINDOW, shape[1]), shape[2]
    sides = zip(shape[1:], chunks[1:], strict=True)
    height, width = (min(size, -(-WINDOW // side) * side) for size, side in sides)
    return height, width


def _windows(
    z: int, shape: Sequence[int], window: tuple[int, int], count: int
) -> list[tuple[int, slice, slice]]:
    """Return windows of a slice, spread evenly over it, others in other slices."""
    rows = range(0, shape[1] - window[0] + 1, window[0])  # whole windows only
    columns = range(0, shape[2] - window[1] + 1, window[1])
    number = len(rows) * len(columns)
    shift = z * GOLDEN % 1
    chosen = sorted({int((i + shift) / count * number) % number for i in range(count)})
    return [
        (
            z,
            slice(rows[i // len(columns)], rows[i // len(columns)] + window[0]),
            slice(columns[i % len(columns)], columns[i % len(columns)] + window[1]),
        )
        for i in chosen
    ]


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
