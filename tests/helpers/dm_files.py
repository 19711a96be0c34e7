"""Write DM3 and DM4 as Digital Micrograph does: a thumbnail, then the image with its calibration."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

CODES = {"int16": 2, "int32": 3, "uint16": 4, "uint32": 5, "float32": 6, "float64": 7, "uint8": 10}
DATA_TYPES = {"int16": 1, "float32": 2, "uint8": 6, "int32": 7, "uint16": 10, "float64": 12}


class DmWriter:
    """Builds the bytes of a file.

    Parameters
    ----------
    version
        3 or 4.
    """

    def __init__(self, version: int) -> None:
        self.length = {3: ">I", 4: ">Q"}[version]
        self.version = version

    def file(self, tags: Mapping[str, Any]) -> bytes:
        """Return a file with these tags."""
        root = self.group(tags)
        head = struct.pack(">I", self.version)
        return head + struct.pack(self.length, len(root)) + struct.pack(">I", 1) + root + bytes(8)

    def group(self, tags: Mapping[str, Any] | Sequence[Any]) -> bytes:
        """Return a group; tags of a list have no name."""
        items = list(tags.items()) if isinstance(tags, Mapping) else [("", tag) for tag in tags]
        body = b"".join(self.entry(name, value) for name, value in items)
        return b"\0\0" + struct.pack(self.length, len(items)) + body

    def entry(self, name: str, value: Any) -> bytes:
        """Return a tag with its name."""
        inner = isinstance(value, Mapping | list)
        body = self.group(value) if inner else self.value(value)
        size = struct.pack(">Q", len(body)) if self.version == 4 else b""
        head = struct.pack(">BH", 20 if inner else 21, len(name)) + name.encode("latin-1")
        return head + size + body

    def value(self, value: Any) -> bytes:
        """Return a number, a text, a structure of two floats, or an array."""
        if isinstance(value, str):
            letters = np.frombuffer(value.encode("utf-16-le"), "<u2")
            return self.value(letters.copy())
        if isinstance(value, tuple):
            fields = [number for _ in value for number in (0, 6)]
            return self.info(15, 0, len(value), *fields) + struct.pack(f"<{len(value)}f", *value)
        if isinstance(value, np.ndarray):
            return self.info(20, CODES[value.dtype.name], value.size) + value.tobytes()
        if isinstance(value, float):
            return self.info(6) + struct.pack("<f", value)
        return self.info(5) + struct.pack("<I", value)

    def info(self, *numbers: int) -> bytes:
        """Return what describes a value."""
        packed = b"".join(struct.pack(self.length, number) for number in (len(numbers), *numbers))
        return b"%%%%" + packed


def write_dm(path: Path, voxels: np.ndarray, scales: Sequence[float], units: Sequence[str]) -> None:
    """Write an image; scales and units are those of its axes, slowest first."""
    tags = {
        "DocumentObjectList": [{"Range": (1.0, 2.0)}],
        "ImageList": [
            {"ImageData": _image(np.zeros((8, 8), np.uint8), (1.0, 1.0), ("", ""))},
            {"ImageData": _image(voxels, scales, units), "Name": "cell"},
        ],
        "Thumbnails": [{"ImageIndex": 0}],
    }
    path.write_bytes(DmWriter(int(path.suffix[-1])).file(tags))


def _image(voxels: np.ndarray, scales: Sequence[float], units: Sequence[str]) -> dict[str, Any]:
    axes = [
        {"Origin": 0.0, "Scale": scale, "Units": unit}
        for scale, unit in zip(reversed(scales), reversed(units), strict=True)
    ]
    return {
        "Calibrations": {"Brightness": {"Scale": 1.0, "Units": ""}, "Dimension": axes},
        "Data": voxels.reshape(-1),
        "DataType": DATA_TYPES[voxels.dtype.name],
        "Dimensions": list(reversed(voxels.shape)),
        "PixelDepth": voxels.dtype.itemsize,
    }
