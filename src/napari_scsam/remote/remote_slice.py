"""A slice that is sent to a server: its pixels, and how the network is to see them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xxhash
from numpy.typing import ArrayLike, NDArray

from napari_scsam.config import UserError, parse_voxel_size
from napari_scsam.io.contrast import Contrast
from napari_scsam.remote.arrays import DTYPES
from napari_scsam.remote.parts import SliceRef


@dataclass(frozen=True, eq=False)
class RemoteSlice:
    """A slice for a server."""

    key: Hashable
    """What it was prepared under; None when it has no name."""
    pixels: NDArray[Any]
    """(Y, X)."""
    ref: SliceRef

    @property
    def shape(self) -> tuple[int, int]:
        """(Y, X)."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def pixel_size(self) -> tuple[float, float] | None:
        """Size of a pixel (y, x) in nm; None when unknown."""
        return self.ref.pixel_size


class SliceNames:
    """Short names for the keys of slices, as keys are not messages."""

    def __init__(self) -> None:
        self._names: dict[Hashable, str] = {}

    def of(self, key: Hashable | None) -> str:
        """Return the name of a key; empty for None."""
        if key is None:
            return ""
        return self._names.setdefault(key, f"slice {len(self._names) + 1}")


def remote_slice(
    image: ArrayLike,
    voxel_size: Sequence[float] | float | None,
    contrast: Contrast | None,
    key: Hashable | None,
    name: str,
    *,
    coarse: bool = False,
) -> RemoteSlice:
    """Return a slice for a server; parameters are those of `Predictor.prepare`.

    Raises
    ------
    UserError
        When it is not one grey slice.
    """
    pixels = np.ascontiguousarray(image)
    if pixels.ndim != 2:
        raise UserError(
            f"the image has {pixels.ndim} axes (shape {pixels.shape}); give one slice with two"
        )
    pixels = pixels.astype(pixels.dtype.newbyteorder("<"), copy=False)
    if pixels.dtype.str not in DTYPES or pixels.dtype.kind not in "uif":
        raise UserError(f"the image has dtype {pixels.dtype}; give integers or floats")
    size = parse_voxel_size(voxel_size)
    ref = SliceRef(
        pixels=hash_of(pixels),
        pixel_size=None if size is None else (float(size[1]), float(size[2])),
        contrast=None if contrast is None else (float(contrast.low), float(contrast.high)),
        coarse=coarse,
        name=name,
    )
    return RemoteSlice(key, pixels, ref)


def hash_of(pixels: NDArray[Any]) -> str:
    """Return a hash of an array: of its type, its shape and its values (XXH3, 128 bits).

    It tells the slices of one session apart; it is not proof of what they hold.
    """
    digest = xxhash.xxh3_128(f"{pixels.dtype.str} {pixels.shape}".encode())
    digest.update(np.ascontiguousarray(pixels).data if pixels.size else b"")
    return digest.hexdigest()
