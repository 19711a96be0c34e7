"""From logits to label values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_scsam.config import ClassSpec


def label_dtype(classes: Sequence[ClassSpec]) -> np.dtype[np.unsignedinteger]:
    """Give the smallest unsigned type that holds every class id."""
    return np.min_scalar_type(max(c.id for c in classes))


def written_as(spec: ClassSpec, wanted: Sequence[ClassSpec]) -> int:
    """Give the label value of a class: its own, that of the class it is a part of, or 0 when neither is wanted."""
    ids = {c.name: c.id for c in wanted}
    return ids.get(spec.name, ids.get(spec.part_of, 0))


def keep_only(labels: NDArray[Any], classes: Sequence[ClassSpec], wanted: Sequence[ClassSpec]) -> NDArray[Any]:
    """Turn labels of all classes (Y×X) into what `label_map` gives for the `wanted` ones, by a look-up."""
    values = np.zeros(max(c.id for c in classes) + 1, labels.dtype)
    for spec in classes:
        values[spec.id] = written_as(spec, wanted)
    kept: NDArray[Any] = values[labels]
    return kept


def label_map(logits: NDArray[np.float32], classes: Sequence[ClassSpec], wanted: Sequence[ClassSpec]) -> NDArray[np.unsignedinteger]:
    """Settle overlaps: each pixel gets its likeliest class, or background.

    Parameters
    ----------
    logits
        K×Y×X in the order of `classes`; the background's logit is 0.
    classes
        All classes compete, also those that are not wanted.
    wanted
        Classes to write; pixels that another class wins become background,
        or the class it is a part of when that one is written and the part is not.

    Returns
    -------
    labels
        Y×X class ids.
    """
    values = np.array([0, *(written_as(c, wanted) for c in classes)], label_dtype(classes))
    highest, best = torch.from_numpy(np.ascontiguousarray(logits)).max(0)
    labels: NDArray[np.unsignedinteger] = values[torch.where(highest > 0, best + 1, 0).numpy()]
    return labels
