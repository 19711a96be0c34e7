"""Deleting the small objects of a labels layer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari_scsam.config import UserError
from napari_scsam.gui.words import count_of
from napari_scsam.objects.small import SmallDeleted, delete_small

if TYPE_CHECKING:
    from napari_scsam.gui.layers.pointing import LayerPlane
    from napari_scsam.gui.tools.correction.correct_work import ObjectWork
    from napari_scsam.gui.tools.tool_settings import ToolSettings

NO_CLASS = "the selected label is the background; select the class in the layer controls first"


def start_deleting_small(work: ObjectWork, settings: ToolSettings, target: LayerPlane) -> None:
    """Start to delete the objects that are smaller than the smallest size.

    In a class layer, those of the selected class.

    Raises
    ------
    UserError
        When no class is selected, when it is locked, or when sizes in µm are unknown.
    """
    value = int(target.layer.selected_label)
    if target.holds_classes:
        if not value:
            raise UserError(NO_CLASS)
        target.check_unlocked(value)
    smallest = settings.smallest_in_voxels(target)
    steps = partial(delete_small, smallest=smallest, value=value)
    done = partial(_write, work, target, settings.describe_smallest())
    work.start(target, steps, done, whole=settings.whole)


def _write(work: ObjectWork, target: LayerPlane, size: str, found: SmallDeleted) -> None:
    if not found.objects:
        raise UserError(f"no object here is smaller than {size}")
    did = f"Deleted {count_of(found.objects, 'small object')}"
    work.write(target, did, found.edit)
