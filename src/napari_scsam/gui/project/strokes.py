"""The strokes that teach classes on the images of a viewer: in its project, or in memory."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
import zarr
from psygnal import Signal

from napari_scsam.gui.layers.plane import Plane, full_resolution, leading_axes
from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.io.saved.saved_array import SavedArray
from napari_scsam.project.strokes import ON, StrokeKey, stroke_chunks

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_scsam.gui.session import Session
    from napari_scsam.project.project import Project


class StrokeStore:
    """Keeps strokes; made by ``session.part(StrokeStore)``.

    Strokes on the image of a project are in its folder. Those on other images are in memory, and
    move into a project that is made of their image.
    """

    changed = Signal()
    """Another project, whose strokes are others."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._keeper = session.part(ProjectKeeper)
        self._in_memory: WeakKeyDictionary[Image, dict[StrokeKey, SavedArray]]
        self._in_memory = WeakKeyDictionary()
        self._project: Project | None = None
        self._keeper.changed.connect(self._on_project)
        self._on_project()

    def array(self, key: StrokeKey) -> SavedArray:
        """Return the strokes of a class on the chosen image; created when there are none.

        Raises
        ------
        ValueError
            When no image is chosen.
        """
        image = self._session.choices.image
        if image is None:
            raise ValueError("no image is chosen")
        project = self._project_of(image)
        if project is not None:
            return project.strokes(key)
        arrays = self._in_memory.setdefault(image, {})
        if key not in arrays:
            arrays[key] = array_in_memory(tuple(full_resolution(image).shape), key.axis)
        return arrays[key]

    def keys(self, name: str = "") -> tuple[StrokeKey, ...]:
        """Return what there are strokes for on the chosen image, of one class or of all."""
        image = self._session.choices.image
        if image is None:
            return ()
        project = self._project_of(image)
        keys = tuple(self._in_memory.get(image, ()))
        if project is not None:
            keys = project.stroke_keys()
        return tuple(key for key in keys if name.casefold() in ("", key.name))

    def planes(self, name: str) -> list[Plane]:
        """Return the planes of the chosen image that hold strokes of a class."""
        return [
            plane
            for key in self.keys(name)
            for plane in planes_with_strokes(self.array(key), key.axis)
            if plane.read(self.array(key)).any()
        ]

    def names(self) -> tuple[str, ...]:
        """Return the names of the classes that strokes mark on the chosen image."""
        titles = {key.name: key.title for key in self.keys()}
        return tuple(title for title in titles.values() if self.marks(title))

    def marks(self, name: str, likely: Sequence[Plane] = ()) -> bool:
        """Whether a stroke is on a class; strokes beside it alone teach nothing.

        Planes where this is likely are read first.
        """
        keys = self.keys(name)
        first = [(key, plane) for plane in likely for key in keys if key.axis == plane.axis]
        others = (
            (key, plane) for key in keys for plane in planes_with_strokes(self.array(key), key.axis)
        )
        places = itertools.chain(first, others)
        return any((plane.read(self.array(key)) == ON).any() for key, plane in places)

    def forget(self, name: str) -> None:
        """Remove all strokes of a class from the chosen image."""
        for key in self.keys(name):
            array = self.array(key)
            for plane in planes_with_strokes(array, key.axis):
                if plane.read(array).any():
                    array[plane.key()] = 0

    def _project_of(self, image: Image) -> Project | None:
        """Return the open project, if it is about this image."""
        if self._keeper.image is not image:
            return None
        return self._keeper.project

    def _on_project(self) -> None:
        """Move what was drawn before a project was made into it."""
        project = self._keeper.project
        image = self._keeper.image
        if project is not None and image is not None:
            for key, array in self._in_memory.pop(image, {}).items():
                move_strokes(array, project.strokes(key), key.axis)
        if project is not self._project:
            self._project = project
            self.changed.emit()


def array_in_memory(shape: tuple[int, ...], axis: int | None) -> SavedArray:
    """Create an empty array for strokes, of which only slices with strokes take memory."""
    stored = zarr.create_array(
        store=zarr.storage.MemoryStore(),
        shape=shape,
        chunks=stroke_chunks(shape, axis),
        dtype=np.uint8,
        fill_value=0,
    )
    return SavedArray(stored)


def planes_with_strokes(array: SavedArray, axis: int | None) -> list[Plane]:
    """Return the planes on which there may be strokes."""
    if axis is None:
        return [Plane()]
    across = (*range(leading_axes(array.ndim)), axis)
    touched = [sorted(array.touched(each)) for each in across]
    return [Plane(axis, index[-1], index[:-1]) for index in itertools.product(*touched)]


def move_strokes(source: SavedArray, target: SavedArray, axis: int | None) -> None:
    """Copy strokes into another array of the same shape."""
    for plane in planes_with_strokes(source, axis):
        drawn = plane.read(source)
        if drawn.any():
            target[plane.key()] = np.where(drawn > 0, drawn, plane.read(target))
