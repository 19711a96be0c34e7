"""The record that this package writes into a file of labels: class table, voxel size, origin."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from napari_scsam.config import ClassSpec, VoxelSize


@dataclass(frozen=True)
class LabelRecord:
    """What a file of labels records beside them."""

    classes: Sequence[ClassSpec] = ()
    """The class table; may be empty."""

    voxel_size: VoxelSize | None = None
    """nm along z, y, x; None when it is unknown."""

    origin: Sequence[float] = (0.0, 0.0, 0.0)
    """nm along z, y, x."""

    made: Mapping[str, Any] | None = None
    """What a segmentation made the labels from, as plain JSON values; None for any others."""

    def text(self) -> str:
        """Return the record as JSON."""
        values: dict[str, Any] = {
            "classes": [spec.to_dict() for spec in self.classes],
            "voxel_size": self.voxel_size,
            "origin": [float(shift) for shift in self.origin],
        }
        if self.made is not None:
            values["made"] = self.made
        return json.dumps(values)


def parse_record(text: str | bytes) -> Mapping[str, Any]:
    """Read what `LabelRecord.text` wrote; empty when it is anything else."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def origin_of(record: Mapping[str, Any]) -> tuple[float, float, float]:
    """Return the origin in a record, nm along z, y, x; zeros where it has none."""
    try:
        z, y, x = (float(shift) for shift in record["origin"])
    except (KeyError, TypeError, ValueError):
        return (0.0, 0.0, 0.0)
    if not all(map(math.isfinite, (z, y, x))):
        return (0.0, 0.0, 0.0)
    return (z, y, x)
