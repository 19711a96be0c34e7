"""Write the result of an object tool into a labels layer, as one undo step."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_scsam.objects.tools import Edit

EDIT_BATCH = 2**17
"""Voxels written per turn of the event loop."""


def write_edit_steps(layer: Labels, edit: Edit) -> Generator[None, None, int]:
    """Write an edit, batch by batch; voxels that changed since it was computed stay.

    Returns
    -------
    int
        The number of voxels changed.
    """
    if not layer.visible:
        # To show the result; and napari 0.9 cannot write to a hidden layer with rolled axes.
        layer.visible = True
    changed = 0
    with layer.block_history():
        for start in range(0, edit.size, EDIT_BATCH):
            if start:
                yield
            changed += _write(
                layer, edit, slice(start, start + EDIT_BATCH), draw=edit.size <= EDIT_BATCH
            )
    if edit.size > EDIT_BATCH:
        layer.refresh(extent=False)
    return changed


def _write(layer: Labels, edit: Edit, part: slice, *, draw: bool) -> int:
    indices = tuple(axis[part] for axis in edit.indices)
    unchanged = np.asarray(layer.data[indices]) == edit.before[part]
    after = edit.after[part][unchanged]
    if not after.size:
        return 0
    value = after
    if (after == after[0]).all():
        value = int(after[0])  # one number makes a smaller undo step
    layer.data_setitem(tuple(axis[unchanged] for axis in indices), value, refresh=draw)
    return int(after.size)
