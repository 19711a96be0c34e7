"""The origin of a training set: what the model predicted, what a person changed, and when."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import ClassSpec
from napari_scsam.project.project import Project
from napari_scsam.project.record import now

TRAINING_SET_FORMAT = "napari-scsam training set 1"
PACKAGES = ("napari-scsam", "napari", "torch", "numpy", "zarr")


@dataclass(frozen=True)
class Changes:
    """Changes of one class on one slice, in reviewed pixels."""

    predicted: int
    """Pixels of the class in the last prediction."""
    corrected: int
    """Pixels of the class now."""
    kept: int
    """Pixels in both."""
    added: int
    """Pixels that a person added to the class."""
    removed: int
    """Pixels that a person removed from it."""


def count_changes(
    predicted: NDArray[Any],
    labels: NDArray[Any],
    reviewed: NDArray[Any],
    classes: Sequence[ClassSpec],
) -> dict[str, Changes]:
    """Compare the prediction on a slice with its labels now, by class name, in one pass.

    Parameters
    ----------
    predicted, labels, reviewed
        (Y, X) of one shape.
    classes
        The classes to report.
    """
    inside = reviewed != 0
    pairs, counts = count_pairs(predicted[inside], labels[inside])
    found = {}
    for spec in classes:
        was = pairs[:, 0] == spec.id
        is_now = pairs[:, 1] == spec.id
        before = int(counts[was].sum())
        after = int(counts[is_now].sum())
        kept = int(counts[was & is_now].sum())
        if before or after:
            found[spec.name] = Changes(before, after, kept, after - kept, before - kept)
    return found


def count_pairs(
    before: NDArray[Any], after: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs of values that occur at the same pixels, N×2, and how often."""
    size = max(int(before.max(initial=0)), int(after.max(initial=0))) + 1
    codes, counts = np.unique(
        before.astype(np.int64) * size + after.astype(np.int64), return_counts=True
    )
    return np.stack([codes // size, codes % size], axis=1), counts.astype(np.int64)


def describe_origin(
    project: Project, classes: Sequence[ClassSpec], slices: dict[int, dict[str, Any]]
) -> dict[str, Any]:
    """Return the record of a training set's origin.

    `slices` has ``reviewed`` pixels and ``classes`` for each slice.
    """
    record = project.record
    return {
        "format": TRAINING_SET_FORMAT,
        "created": now(),
        "software": {**software(), "python": platform.python_version()},
        "project": project.path.name,
        "image": {
            **record.image.to_dict(),
            "voxel_size": project.voxel_size,
            "voxel_size_typed": record.voxel_size is not None,
        },
        "contrast": dict(record.contrast) if record.contrast else None,
        "checkpoints": checkpoints(project),
        "classes": [spec.to_dict() for spec in classes],
        "reviewed_pixels": sum(found["reviewed"] for found in slices.values()),
        "reviewed_classes": dict(record.reviewed_classes),
        "slices": {str(z): found for z, found in slices.items()},
        "history": [dict(entry) for entry in record.history],
    }


def slice_origin(reviewed: NDArray[Any], changes: dict[str, Changes]) -> dict[str, Any]:
    """Return the record of one slice."""
    return {
        "reviewed": int(np.count_nonzero(reviewed)),
        "classes": {name: asdict(found) for name, found in changes.items()},
    }


def checkpoints(project: Project) -> list[dict[str, str]]:
    """Return the checkpoints in the history, each once."""
    used = [
        dict(entry["checkpoint"]) for entry in project.record.history if entry.get("checkpoint")
    ]
    return list({(c["name"], c.get("sha256")): c for c in used}.values())


def software() -> dict[str, str]:
    """Return the versions of the packages in use."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
