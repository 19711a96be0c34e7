"""The record that this package writes into a file of labels: class table, voxel size, origin."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from napari_scsam.config import ClassSpec, VoxelSize


def record_text(
    classes: Sequence[ClassSpec], voxel_size: VoxelSize | None, origin: Sequence[float]
) -> str:
    """Return the record as JSON; sizes are nm along z, y, x."""
    return json.dumps(
        {
            "classes": [spec.to_dict() for spec in classes],
            "voxel_size": voxel_size,
            "origin": [float(shift) for shift in origin],
        }
    )


def parse_record(text: str | bytes) -> Mapping[str, Any]:
    """Read what `record_text` wrote; empty when it is anything else."""
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
