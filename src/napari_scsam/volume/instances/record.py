"""What was found in one block, kept on disk: counts, first voxels, and the labels on its faces."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_scsam.atomic import replacing, sync

RecordArrays = Mapping[str, NDArray[Any]]


class BlockRecord:
    """Reads the arrays that `write_arrays` wrote, each when it is asked for.

    Parameters
    ----------
    path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self._arrays = np.load(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._arrays.close()

    def array(self, kind: int, name: str) -> NDArray[Any]:
        """Return an array of a kind, which must be in the block."""
        found: NDArray[Any] = self._arrays[f"{kind}.{name}"]
        return found

    def has(self, kind: int, name: str) -> bool:
        """Whether the block has such an array."""
        return f"{kind}.{name}" in self._arrays

    def counts(self) -> NDArray[np.int64]:
        """Return the number of provisional labels of each kind."""
        found: NDArray[np.int64] = self._arrays["counts"]
        return found

    def has_objects(self) -> bool:
        """Whether the block holds a value that is looked for."""
        return bool(self._arrays["has_objects"])

    def others(self) -> list[int]:
        """Return the first few values of the block that are of no kind."""
        return [int(value) for value in self._arrays["others"]]


def write_arrays(path: Path, arrays: RecordArrays) -> None:
    """Write a record in one step; it is on disk before this returns."""
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        sync(path.parent.parent)
    with replacing(path) as draft, draft.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def faces_of(labels: NDArray[Any], name: str) -> dict[str, NDArray[Any]]:
    """Return the outermost layers of a block, by axis and side, e.g. ``labels.high0``."""
    faces = {}
    for axis in range(labels.ndim):
        faces[f"{name}.low{axis}"] = np.ascontiguousarray(labels.take(0, axis))
        faces[f"{name}.high{axis}"] = np.ascontiguousarray(labels.take(-1, axis))
    return faces
