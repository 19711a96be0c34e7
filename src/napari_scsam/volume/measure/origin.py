"""The origin of a table: which labels were measured, how, and with what."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_scsam.io.volumes import Volume
from napari_scsam.project.provenance import software
from napari_scsam.project.record import now
from napari_scsam.volume.measure.table import ObjectTable

OBJECTS_FORMAT = "napari-scsam objects 1"


def describe_measurement(
    labels: Volume, image: Volume | None, table: ObjectTable, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the record of a table's origin, as JSON values.

    Parameters
    ----------
    labels, image
        What was measured.
    table
        The result.
    settings
        What was asked for.
    """
    names, counts = np.unique(table["class"], return_counts=True)
    return {
        "format": OBJECTS_FORMAT,
        "created": now(),
        "software": {**software(), "python": platform.python_version()},
        "labels": _describe(labels),
        "image": None if image is None else _describe(image),
        "settings": dict(settings),
        "objects": dict(zip(names.tolist(), counts.tolist(), strict=True)),
    }


def _describe(volume: Volume) -> dict[str, Any]:
    return {
        "path": None if volume.path is None else str(volume.path),
        "shape": list(volume.shape),
        "type": str(volume.dtype),
        "voxel_size_nm": None if volume.voxel_size is None else list(volume.voxel_size),
    }
