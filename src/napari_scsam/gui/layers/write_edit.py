"""Writing what an object tool found into a labels layer, as one undo step."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_scsam.objects.tools import Edit

BATCH = 2**17
"""Voxels written in one turn of the event loop."""


def write_steps(layer: Labels, edit: Edit) -> Generator[None, None, int]:
    """Write an edit, batch by batch; a voxel that was changed since the edit was made is left alone.

    Returns
    -------
    int
        The number of voxels changed.
    """
    if not layer.visible:
        layer.visible = True  # to see what comes; and napari 0.9 cannot write to a hidden layer whose axes were rolled
    changed = 0
    with layer.block_history():
        for start in range(0, edit.size, BATCH):
            if start:
                yield
            changed += _write(layer, edit, slice(start, start + BATCH), draw=edit.size <= BATCH)
    if edit.size > BATCH:
        layer.refresh(extent=False)
    return changed


def _write(layer: Labels, edit: Edit, part: slice, *, draw: bool) -> int:
    indices = tuple(axis[part] for axis in edit.indices)
    same = np.asarray(layer.data[indices]) == edit.before[part]
    after = edit.after[part][same]
    if after.size:
        one = (after == after[0]).all()
        layer.data_setitem(
            tuple(axis[same] for axis in indices), int(after[0]) if one else after, refresh=draw
        )
    return int(after.size)
