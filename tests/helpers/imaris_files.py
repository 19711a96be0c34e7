"""Write Imaris files as its documentation says, with padded chunks and coarser copies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np


def letters(text: str) -> np.ndarray:
    """Return a text as Imaris stores it in attributes."""
    return np.frombuffer(text.encode(), "S1")


def write_imaris(path: Path, voxels: np.ndarray, nm: tuple[float, float, float]) -> None:
    """Write (T, C, Z, Y, X) voxels of a size in nm along z, y, x."""
    shape = voxels.shape[2:]
    with h5py.File(path, "w") as file:
        image = file.create_group("DataSetInfo/Image")
        image.attrs["Unit"] = letters("um")
        for axis, name in enumerate("XYZ"):
            count = shape[2 - axis]
            image.attrs[name] = letters(str(count))
            image.attrs[f"ExtMin{axis}"] = letters("0.0")
            image.attrs[f"ExtMax{axis}"] = letters(f"{count * nm[2 - axis] / 1000:.6f}")
        for level, step in enumerate((1, 2)):
            for time, channels in enumerate(voxels):
                for channel, stack in enumerate(channels):
                    name = f"DataSet/ResolutionLevel {level}/TimePoint {time}/Channel {channel}"
                    _write(file.create_group(name), stack[:, ::step, ::step])


def _write(group: Any, stack: np.ndarray) -> None:
    padded = np.zeros([-(-size // 16) * 16 for size in stack.shape], stack.dtype)
    padded[tuple(map(slice, stack.shape))] = stack
    group.create_dataset("Data", data=padded, chunks=(16, 16, 16), compression="gzip")
    for name, size in zip("ZYX", stack.shape, strict=True):
        group.attrs[f"ImageSize{name}"] = letters(str(size))
