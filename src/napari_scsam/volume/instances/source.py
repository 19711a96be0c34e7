"""The labels in which objects are found, wherever a task runs."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import UserError
from napari_scsam.io.read_errors import DamagedPartError
from napari_scsam.io.volumes import Volume, open_labels
from napari_scsam.volume.blocks import plan_blocks

FEW_VALUES = 50
"""Labels with at most so many values are never taken for grey values."""

HASHED_WHOLE = 2**25
"""Voxels up to which all labels count for their hash."""

HASHED_BLOCKS = 24
"""Blocks of larger labels that do."""

HASHED_BLOCK = 2**20
"""Voxels of such a block."""

SAMPLE = 128
"""Side of the part that is looked at."""


class LabelSource:
    """Labels that are opened again where a copy of this value arrives.

    Parameters
    ----------
    volume
        From `open_labels`, or in memory.
    """

    def __init__(self, volume: Volume) -> None:
        self.path = None if volume.path is None else str(volume.path)
        self.name = volume.name
        self._volume: Volume | None = volume

    def check_path(self) -> None:
        """Check that workers can read the labels.

        Raises
        ------
        UserError
            When they are in memory.
        """
        if self.path is None:
            raise UserError(
                f"{self.name!r} is in memory, where no worker can read it; "
                "write it to a file, and give its path"
            )

    def __getstate__(self) -> dict[str, Any]:
        self.check_path()
        return {"path": self.path, "name": self.name, "_volume": None}

    @property
    def volume(self) -> Volume:
        """The labels, opened when they are first needed."""
        if self._volume is None:
            if self.path is None:
                raise UserError(f"{self.name!r} has no path")
            self._volume = open_labels(self.path)
        return self._volume

    def read(self, where: tuple[slice, ...]) -> NDArray[Any]:
        """Read a part, (Y, X) or (Z, Y, X).

        Raises
        ------
        DamagedPartError
            When the file is damaged there.
        """
        part: NDArray[Any] = self.volume.data[where]
        return part


def labels_fingerprint(volume: Volume) -> str:
    """Return a hash of labels, by which a stopped run knows them again.

    Large labels are read in part: the hash must not cost what the run costs.
    """
    plan = plan_blocks(volume.shape, volume.data.chunks, most_voxels=HASHED_BLOCK)
    numbers = range(len(plan))
    if volume.data.size > HASHED_WHOLE:
        places = np.linspace(0, len(plan) - 1, HASHED_BLOCKS).round().astype(int)
        numbers = np.unique(places).tolist()
    digest = hashlib.blake2b(f"{volume.shape} {volume.dtype.str[1:]}".encode(), digest_size=16)
    for number in numbers:
        try:
            part = volume.data[plan[number].slices]
        except DamagedPartError:
            part = np.array([number])  # damaged labels are others than before and after
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def looks_grey(volume: Volume) -> bool:
    """Whether values without a class table look like an image rather than labels.

    Neighbours within an object have one value; in an image hardly any have.
    """
    middle = tuple(
        slice(max(0, length // 2 - SAMPLE // 2), length // 2 + SAMPLE // 2 + 1)
        for length in volume.shape
    )
    if volume.ndim == 3:
        middle = (slice(volume.shape[0] // 2, volume.shape[0] // 2 + 1), *middle[1:])
    part = volume.data[middle]
    if len(np.unique(part)) <= FEW_VALUES:
        return False
    ones = part[..., :-1]
    others = part[..., 1:]
    inside = (ones > 0) | (others > 0)
    return bool((ones == others)[inside].mean() < 0.5)
