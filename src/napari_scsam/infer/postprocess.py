"""From logits to label values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import ClassSpec


def label_dtype(classes: Sequence[ClassSpec]) -> np.dtype[np.unsignedinteger]:
    """Give the smallest unsigned type that holds every class id."""
    return np.min_scalar_type(max(c.id for c in classes))


def label_map(logits: NDArray[np.float32], classes: Sequence[ClassSpec], wanted: Sequence[ClassSpec]) -> NDArray[np.unsignedinteger]:
    """Settle overlaps: each pixel gets its likeliest class, or background.

    Parameters
    ----------
    logits
        K×Y×X in the order of `classes`; the background's logit is 0.
    classes
        All classes compete, also those that are not wanted.
    wanted
        Classes to write; pixels that another class wins become background.

    Returns
    -------
    labels
        Y×X class ids.
    """
    keep = {c.id for c in wanted}
    values = np.array([0, *(c.id if c.id in keep else 0 for c in classes)], label_dtype(classes))
    best = logits.argmax(0)
    index = np.where(np.take_along_axis(logits, best[None], 0)[0] > 0, best + 1, 0)
    labels: NDArray[np.unsignedinteger] = values[index]
    return labels
