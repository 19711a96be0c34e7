"""What of a project cannot be read, by slice, and what can be done about it.

Damaged metadata are restored from their copies when a project is opened. What stays damaged are
chunks of labels. The rest of the project opens. A damaged part is never written over; it can be
given up, or filled from labels of the same image. Either way its file is kept, out of the way, and
its slices are no longer reviewed: nobody has looked at what is there now.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.errors import list_slices
from napari_scsam.io.label_pyramid import new_level
from napari_scsam.io.labels import create_labels
from napari_scsam.io.saved.anchored_store import MissingStoreError, UnreadableError
from napari_scsam.io.saved.saved_array import SavedArray
from napari_scsam.io.stored_chunks import ChunkIndex
from napari_scsam.io.volumes import Volume
from napari_scsam.project.arrays import PREDICTED, open_root
from napari_scsam.project.image import hash_slices
from napari_scsam.project.project import (
    CLASSES,
    REVIEWED,
    REVIEWED_TABLE,
    Project,
)
from napari_scsam.project.repair import renew_copies, set_aside
from napari_scsam.project.strokes import STROKES
from napari_scsam.steps import Progress, Steps

DEEP_BYTES = 2**29
"""Bytes of labels that are decoded in search of damage; larger projects find it as they read."""

IMAGE_ARRAY = "image"
_TITLES = {
    IMAGE_ARRAY: "the image",
    CLASSES: "the labels",
    REVIEWED: "the review",
    PREDICTED: "the model's answers",
}


@dataclass(frozen=True)
class Damage:
    """A part of a project that cannot be read."""

    name: str
    """Of the array, e.g. ``classes``."""
    slices: tuple[int, ...]
    """Along the first axis; empty when all of the array is lost, or it is one image."""
    blocks: tuple[ChunkIndex, ...]
    """The chunks; empty when all of the array is lost."""
    why: str
    """What the disk or the codec says of the first chunk."""

    @property
    def sentence(self) -> str:
        """What cannot be read, in words."""
        title = _TITLES.get(self.name, f"'{self.name}'")
        if self.name.startswith(f"{STROKES}/"):
            title = "strokes"
        if not self.slices:
            return f"{title} cannot be read: {self.why}"
        return f"{title} cannot be read at {list_slices(self.slices)}: {self.why}"


def find_damage(project: Project) -> Steps[tuple[Damage, ...]]:
    """Read what is stored, as far as that is quick, and return what cannot be read."""
    budget = DEEP_BYTES
    names = array_names(project)
    for number, name in enumerate(names):
        yield Progress(number, len(names), f"checking {name}")
        try:
            array = project.array(name)
        except MissingStoreError:
            raise
        except UserError:
            continue  # `known_damage` names it
        size = prod(array.chunks) * array.dtype.itemsize
        for block in array.blocks_on_disk():
            budget -= size
            if budget > 0 or not _looks_whole(array.file_of(block)):
                array.probe(block)
    return known_damage(project)


def image_damage(project: Project, image: Volume) -> tuple[Damage, ...]:
    """Return which of the compared slices of the image cannot be read; nothing can replace them."""
    compared = sorted(map(int, project.record.image.slices))
    found = hash_slices(image.data, compared)
    lost = tuple(z for z in compared if str(z) not in found)
    if not lost:
        return ()
    return (Damage(IMAGE_ARRAY, lost, (), f"{image.path} is damaged"),)


def known_damage(project: Project) -> tuple[Damage, ...]:
    """Return what could not be read so far."""
    found = []
    for name in array_names(project):
        try:
            array = project.array(name)
        except MissingStoreError:
            return ()
        except UserError as error:
            found.append(Damage(name, (), (), str(error)))
            continue
        if array.damaged:
            found.append(_damage_of(name, array))
    return tuple(found)


def array_names(project: Project) -> list[str]:
    """Return the names of all arrays that a project has, or should have."""
    listed: tuple[str, ...] = (CLASSES,)
    with suppress(UserError, LookupError, OSError):
        listed = project.label_names
    names = [*dict.fromkeys((CLASSES, *listed)), REVIEWED, PREDICTED]
    with suppress(UserError, LookupError, OSError, TypeError, ValueError):
        names += [project.stroke_name(key) for key in project.stroke_keys()]
    return names


def give_up(project: Project, damage: Damage) -> None:
    """Set a damaged part to zeros; its files are moved to the folder of what is damaged.

    Raises
    ------
    UserError
        When the project is read-only or has gone.
    OSError
        When it cannot be written.
    """
    project.folder.check_changeable()
    if damage.name == IMAGE_ARRAY:
        raise UserError(f"{damage.sentence}; attach another image")
    _forget(project, damage, (REVIEWED, PREDICTED))
    _clear(project, damage)
    project.log("gave up damaged labels", of=damage.name, slices=list(damage.slices))


def restore(project: Project, damage: Damage, source: RepairSource) -> None:
    """Fill a damaged part of the labels from other labels of the image.

    Slices where those are empty stay damaged: that they are empty is not known.

    Raises
    ------
    UserError
        When the project is read-only or has gone, or the source cannot be read.
    OSError
        When it cannot be written.
    """
    project.folder.check_changeable()
    damage = _part_in(project, damage, source)
    places = places_of(project, damage)
    values = [np.asarray(source.data[place]) for place in places]
    _forget(project, damage, (REVIEWED,))
    _clear(project, damage)
    array = project.array(damage.name)
    for place, part in zip(places, values, strict=True):
        array[place] = part.astype(array.dtype)
    array.flush()
    slices = list(damage.slices)
    project.log("restored damaged labels", of=damage.name, slices=slices, source=source.title)


@dataclass(frozen=True, eq=False)
class RepairSource:
    """Labels of the same image that can fill a damaged part."""

    title: str
    data: Any
    """An array of the image's shape."""


def _part_in(project: Project, damage: Damage, source: RepairSource) -> Damage:
    """Return the chunks of a damaged part for which a source has labels."""
    if not damage.blocks:
        return damage
    array = project.array(damage.name)
    blocks = tuple(b for b in damage.blocks if np.any(source.data[array.place(b)]))
    if not blocks:
        raise UserError(f"{source.title} are empty there; give the part up, or choose other labels")
    return Damage(damage.name, _slices_of(array, blocks), blocks, damage.why)


def places_of(project: Project, damage: Damage) -> list[tuple[slice, ...]]:
    """Return the boxes that are damaged."""
    if damage.blocks:
        array = project.array(damage.name)
        return [array.place(block) for block in damage.blocks]
    shape = project.record.image.shape
    if len(shape) == 2:
        return [tuple(slice(0, side) for side in shape)]
    return [(slice(z, z + 1), *(slice(0, side) for side in shape[1:])) for z in range(shape[0])]


def _damage_of(name: str, array: SavedArray) -> Damage:
    blocks = tuple(sorted(array.damaged))
    why = f"{array.file_of(blocks[0])} is damaged"
    return Damage(name, _slices_of(array, blocks), blocks, why)


def _slices_of(array: SavedArray, blocks: Sequence[ChunkIndex]) -> tuple[int, ...]:
    """Return the slices that chunks hold; none for a single image."""
    if array.ndim == 2:
        return ()
    spans = [array.place(block)[0] for block in blocks]
    return tuple(sorted({z for span in spans for z in range(span.start, span.stop)}))


def _looks_whole(file: Path) -> bool:
    return file.is_file() and file.stat().st_size > 0


def _forget(project: Project, damage: Damage, names: Sequence[str]) -> None:
    """Set reviews and answers to zeros, on disk, where the class labels are about to change."""
    if damage.name != CLASSES:
        return
    for name in names:
        with suppress(UserError):  # what cannot be read is damage of its own
            array = project.array(name)
            for place in places_of(project, damage):
                _zero(array, place)
            array.flush()


def _zero(array: SavedArray, place: tuple[slice, ...]) -> None:
    with suppress(UnreadableError):
        if array[place].any():
            array[place] = 0


def _clear(project: Project, damage: Damage) -> None:
    """Move the files of a damaged part away, so that it is zeros."""
    if not damage.blocks:
        _make_again(project, damage.name)
        return
    array = project.array(damage.name)
    for block in damage.blocks:
        set_aside(project.path, array.file_of(block))
        array.reset(block)


def _make_again(project: Project, name: str) -> None:
    """Create an array that is lost as a whole, empty."""
    path = project.path
    image = project.record.image
    project.arrays.pop(name, None)
    if name.startswith(f"{STROKES}/"):
        set_aside(path, path / name)
        return
    set_aside(path, path / "labels" / name)
    if name == PREDICTED:
        labels = open_root(path).require_group("labels")
        new_level(labels, name, image.shape, project.array(CLASSES).dtype)
    else:
        classes, dtype = _table_and_type(project, name)
        size = project.voxel_size
        create_labels(path, image.shape, size, classes, name=name, dtype=dtype, origin=image.origin)
    renew_copies(path)


def _table_and_type(project: Project, name: str) -> tuple[Sequence[ClassSpec], str]:
    """Return the class table and the type of an array that was lost."""
    if name == REVIEWED:
        return REVIEWED_TABLE, "uint8"
    if name == CLASSES:
        classes = _table_of(project)
        return classes, str(np.min_scalar_type(max(spec.id for spec in classes)))
    return (), "uint8"


def _table_of(project: Project) -> tuple[ClassSpec, ...]:
    """Return the class table of a project, or a class for everything when it is lost, too."""
    with suppress(UserError, LookupError, OSError, ValueError, TypeError):
        table = project.class_table()
        if table:
            return table
    return (ClassSpec(1, "organelle"),)
