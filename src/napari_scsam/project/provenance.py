"""Where a training set comes from: what the model predicted, what a person changed, by what and when."""

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

FORMAT = "napari-scsam training set 1"
PACKAGES = ("napari-scsam", "napari", "torch", "numpy", "zarr")


@dataclass(frozen=True)
class Changes:
    """What became of one class on one slice, in reviewed pixels."""

    predicted: int
    """Pixels that the model gave the class, the last time it was asked."""
    corrected: int
    """Pixels that have the class now."""
    kept: int
    """Pixels that are in both."""
    added: int
    """Pixels that a person gave the class."""
    removed: int
    """Pixels that a person took from it."""


def count_changes(
    predicted: NDArray[Any],
    labels: NDArray[Any],
    reviewed: NDArray[Any],
    classes: Sequence[ClassSpec],
) -> dict[str, Changes]:
    """Compare what the model wrote on a slice with what a person left, by class name; one look at all pixels.

    Parameters
    ----------
    predicted, labels, reviewed
        (Y, X) of one shape.
    classes
        Those to report.
    """
    inside = reviewed != 0
    before = predicted[inside].astype(np.int64)
    after = labels[inside].astype(np.int64)
    size = (
        max(int(before.max(initial=0)), int(after.max(initial=0)), *(spec.id for spec in classes))
        + 1
    )
    pairs, counts = np.unique(before * size + after, return_counts=True)
    was = pairs // size
    is_now = pairs % size
    found = {}
    for spec in classes:
        old = was == spec.id
        new = is_now == spec.id
        predicted_, corrected, kept = (
            int(counts[chosen].sum()) for chosen in (old, new, old & new)
        )
        if predicted_ or corrected:
            found[spec.name] = Changes(
                predicted_, corrected, kept, corrected - kept, predicted_ - kept
            )
    return found


def describe_origin(
    project: Project, classes: Sequence[ClassSpec], slices: dict[int, dict[str, Any]]
) -> dict[str, Any]:
    """Write down where a training set comes from; `slices` has ``reviewed`` pixels and ``classes`` for each."""
    record = project.record
    return {
        "format": FORMAT,
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
        "slices": {str(z): found for z, found in slices.items()},
        "history": [dict(entry) for entry in record.history],
    }


def slice_origin(reviewed: NDArray[Any], changes: dict[str, Changes]) -> dict[str, Any]:
    """Write down one slice."""
    return {
        "reviewed": int(np.count_nonzero(reviewed)),
        "classes": {name: asdict(found) for name, found in changes.items()},
    }


def checkpoints(project: Project) -> list[dict[str, str]]:
    """List the checkpoints that the history knows, each once."""
    used = [
        dict(entry["checkpoint"]) for entry in project.record.history if entry.get("checkpoint")
    ]
    return list({(c["name"], c.get("sha256")): c for c in used}.values())


def software() -> dict[str, str]:
    """Return the versions of what was at work."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
