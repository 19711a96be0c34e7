"""Keep the status bar from failing while a viewer turns to 3-D.

In napari 0.9, a thread writes the status of a labels layer. Between the turn to 3-D and the next
move of the mouse, the cursor has no direction of view. A layer with features then raises
``TypeError: len() of unsized object`` on that thread, and napari shows it as an error.
"""

from __future__ import annotations

import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.layers import Labels


def keep_status_in_3d(layer: Labels) -> None:
    """Leave the features of a layer out of the status while there is no direction of view."""
    if "_get_properties" not in vars(layer):
        vars(layer)["_get_properties"] = partial(_properties, weakref.ref(layer))


def _properties(
    kept: Callable[[], Labels | None],
    position: Any,
    *,
    view_direction: Any = None,
    dims_displayed: Sequence[int] | None = None,
    **more: Any,
) -> list[str]:
    layer = kept()
    is_3d = dims_displayed is not None and len(dims_displayed) == 3
    if layer is None or (is_3d and np.ndim(view_direction) == 0):
        return []
    words: list[str] = type(layer)._get_properties(
        layer, position, view_direction=view_direction, dims_displayed=dims_displayed, **more
    )
    return words
