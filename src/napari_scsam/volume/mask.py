"""Which voxels of a volume are labelled: a mask in a file, of its shape or coarser.

Only tiles that reach a voxel of the mask are computed, and slices without any are not read. Labels
inside of the mask are those of a run without one; outside they are 0.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import UserError, VoxelSize
from napari_scsam.io.find_labels import find_labels
from napari_scsam.io.locations import is_address
from napari_scsam.io.slabs import with_slabs
from napari_scsam.io.volumes import Volume, open_volume

SIZE_TOLERANCE = 0.1
"""Largest relative difference of a voxel's size from what the shape of a mask says.

Sizes are often rounded, and that of the last voxel is not known."""

KEPT_PLANES = 4
"""Slices of a mask that are remembered: neighbours of a slice ask for the same ones."""


@dataclass(frozen=True)
class Mask:
    """A mask and the volume that it is of; workers get it as it is, and open the file."""

    path: str
    shape: tuple[int, ...]
    """Of the volume, (Y, X) or (Z, Y, X)."""
    factors: tuple[int, ...]
    """Voxels of the volume along each axis that share one of the mask."""
    digest: str = ""
    """Hash of its slices that a run needs, by which a stopped run knows it again."""

    def plane(self, z: int) -> NDArray[np.bool_]:
        """Return a slice of the mask (Y, X), of the shape of the volume."""
        with self._lock:
            if z not in self._planes:
                for old in list(self._planes)[: 1 - KEPT_PLANES]:
                    del self._planes[old]
                self._planes[z] = self._read(z)
            return self._planes[z]

    def _read(self, z: int) -> NDArray[np.bool_]:
        down, across = self.factors[-2:]
        coarse = self._volume.plane(z // self.factors[0] if len(self.shape) == 3 else 0) > 0
        fine = coarse.repeat(down, axis=0).repeat(across, axis=1)
        inside: NDArray[np.bool_] = fine[: self.shape[-2], : self.shape[-1]]
        return inside

    @cached_property
    def _volume(self) -> Volume:
        return with_slabs(_open(self.path))

    @cached_property
    def _planes(self) -> dict[int, NDArray[np.bool_]]:
        return {}

    @cached_property
    def _lock(self) -> Lock:
        return Lock()

    def __getstate__(self) -> dict[str, object]:
        """Return what workers get: no open file."""
        return {name: getattr(self, name) for name in ("path", "shape", "factors", "digest")}

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state)

    def wanted(self, z: int, reach: int, window: tuple[slice, slice]) -> NDArray[np.bool_]:
        """Return where logits are needed in a slice (Y, X), for itself and its neighbours.

        Parameters
        ----------
        z
            The slice.
        reach
            Slices on each side whose logits are averaged with it.
        window
            Rows and columns that are labelled.
        """
        depth = self.shape[0] if len(self.shape) == 3 else 1
        near = range(max(0, z - reach), min(depth, z + reach + 1))
        inside: NDArray[np.bool_] = np.any([self.plane(n)[window] for n in near], axis=0)
        return inside

    def reaches(self, block: tuple[slice, slice, slice]) -> bool:
        """Whether a block (Z, Y, X) of the volume has a voxel in the mask."""
        slices = range(block[0].start, block[0].stop)
        return any(self.plane(z)[block[1:]].any() for z in slices)


def open_mask(
    path: str | os.PathLike[str], shape: Sequence[int], voxel_size: VoxelSize | None = None
) -> Mask:
    """Open a mask of a volume; voxels above 0 are in it.

    Parameters
    ----------
    path
        An image or labels of any format.
    shape
        Of the volume, (Y, X) or (Z, Y, X).
    voxel_size
        Of the volume, nm along z, y, x; None when it is unknown.

    Raises
    ------
    UserError
        When it cannot be read, or is not of the shape of the volume, nor coarser by whole numbers.
        Also when it covers another part of space, as far as voxel sizes say.
    """
    name = os.fspath(path)
    if not is_address(name) and Path(name).exists():
        name = str(find_labels(Path(name)).absolute())
    opened = _open(name)
    found = opened.shape
    factors = tuple(map(_factor, shape, found))
    if len(found) != len(shape) or 0 in factors:
        raise UserError(
            f"the mask {path} has the shape {_times(found)}, but the volume has {_times(shape)}; "
            "give a mask of that shape, or one that is coarser by whole numbers"
        )
    _check_coarser(opened, factors, voxel_size)
    return Mask(name, tuple(shape), factors)


def _check_coarser(mask: Volume, factors: Sequence[int], voxel_size: VoxelSize | None) -> None:
    """Check that a mask with fewer voxels is a coarser one, and not of a part of the volume.

    Raises
    ------
    UserError
        When its voxels have another size than that. Also when they have none, and only slices are
        fewer, as in a mask of some of the slices.
    """
    if set(factors) == {1}:
        return
    if mask.voxel_size is None or voxel_size is None:
        if len(factors) == 3 and factors[0] > 1 and set(factors[1:]) == {1}:
            raise UserError(
                f"the mask {mask.path} has fewer slices than the volume, and no voxel size that "
                "says it is coarser; give a mask of all slices"
            )
        return
    sizes = zip(mask.voxel_size[-len(factors) :], voxel_size[-len(factors) :], strict=True)
    for factor, (coarse, fine) in zip(factors, sizes, strict=True):
        if abs(coarse / fine - factor) > SIZE_TOLERANCE * factor:
            raise UserError(
                f"the mask {mask.path} has voxels of {_times(mask.voxel_size)} nm, which does not "
                f"fit its shape beside voxels of {_times(voxel_size)} nm; "
                "give a mask of the whole volume"
            )


def read_mask(mask: Mask, slices: Sequence[int], window: tuple[slice, slice]) -> Mask:
    """Read a mask once where it is needed, and return it with its digest.

    Raises
    ------
    UserError
        When there is no voxel in it.
    """
    digest = hashlib.blake2b(digest_size=16)
    found = False
    for z in slices:
        part = mask.plane(z)[window]
        found = found or bool(part.any())
        digest.update(np.packbits(part).tobytes())
    if not found:
        raise UserError(
            f"the mask {mask.path} has no voxel in what is to be labelled; check it, or leave it out"
        )
    return replace(mask, digest=digest.hexdigest())


def _open(path: str) -> Volume:
    return open_volume(path)


def _factor(side: int, coarse: int) -> int:
    """Return how many voxels share one of the mask along an axis; 0 when it does not fit."""
    factor = ceil(side / coarse)
    if ceil(side / factor) != coarse:
        return 0
    return factor


def _times(sides: Sequence[float]) -> str:
    return " × ".join(f"{side:.12g}" for side in sides)
