"""Locked labels: classes or single objects that no model and no object tool overwrites.

They are stored in the layer's metadata, like the class table, and a project stores them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari.layers import Labels, Layer

    from napari_scsam.gui.layers.plane import Plane

LOCKED = "scsam_locked"
"""Key in ``layer.metadata`` for the locked label values, a sorted list."""


def locked_labels(layer: Layer) -> tuple[int, ...]:
    """Return the locked label values of a layer."""
    return tuple(layer.metadata.get(LOCKED, ()))


def lock(layer: Layer, value: int, *, locked: bool) -> None:
    """Lock a label value, or unlock it."""
    values = set(locked_labels(layer))
    if locked:
        values.add(value)
    else:
        values.discard(value)
    layer.metadata = {**layer.metadata, LOCKED: sorted(values)}


def protect_locked(
    layer: Labels, _plane: Plane, _rows: slice, current: NDArray[Any]
) -> NDArray[np.bool_]:
    """Return the locked pixels of a plane, for `Session.protections`."""
    return np.isin(current, locked_labels(layer))
