"""Count and remove the pixels of one class in a labels layer, slice by slice."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_scsam.io.saved.saved_array import SavedArray

if TYPE_CHECKING:
    from napari.layers import Labels
    from numpy.typing import NDArray


def count_steps(layer: Labels, value: int) -> Generator[None, None, int]:
    """Count the pixels of a value; each step reads one slice.

    Returns
    -------
    int
        Their number.
    """
    count = 0
    for key in labelled_slice_keys(layer.data):
        count += int(np.count_nonzero(np.asarray(layer.data[key]) == value))
        yield
    return count


def clear_steps(layer: Labels, value: int) -> Generator[None, None, int]:
    """Set the pixels of a value to background, as one undo step.

    Returns
    -------
    int
        Their number.
    """
    count = 0
    with layer.block_history():
        for key in labelled_slice_keys(layer.data):
            found = np.nonzero(np.asarray(layer.data[key]) == value)
            if found[0].size:
                layer.data_setitem(_indices(key, found), 0, refresh=False)
                count += int(found[0].size)
            yield
    layer.refresh(extent=False)
    return count


def _indices(key: Any, inside: tuple[NDArray[np.intp], ...]) -> tuple[NDArray[np.intp], ...]:
    """Return the indices in a volume of pixels of one slice."""
    if key is ...:
        return inside
    return (np.full_like(inside[0], key), *inside)


def holds(layer: Labels, value: int) -> bool:
    """Whether a labels layer holds a value; only slices with labels are read."""
    return any(
        bool((np.asarray(layer.data[key]) == value).any())
        for key in labelled_slice_keys(layer.data)
    )


def labelled_slice_keys(data: Any) -> list[Any]:
    """Return the keys of the slices that may hold labels; one key for a flat image."""
    if data.ndim < 3:
        return [...]
    if isinstance(data, SavedArray):
        return sorted(data.touched())
    return list(range(data.shape[0]))
