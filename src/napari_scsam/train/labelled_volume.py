"""A labelled volume in memory, as training draws crops from it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.contents import Contents, what_is
from napari_scsam.io.contrast import measure_contrast, normalise
from napari_scsam.io.images import open_grey_volume
from napari_scsam.io.label_values import check_named_values, describe_values, values_of
from napari_scsam.io.labels import read_class_table
from napari_scsam.io.volumes import Volume, open_labels
from napari_scsam.objects.components import label_components
from napari_scsam.project.record import read_record
from napari_scsam.project.review import find_reviewed
from napari_scsam.train.bodies import Axis, body_borders, turned
from napari_scsam.train.finetune.known_labels import UNKNOWN, known_classes
from napari_scsam.train.recipe import Recipe
from napari_scsam.train.recipe_tables import LabelledSource

MAX_PLACES = 200_000
"""About as many places of a class are kept to draw from."""


class LabelledVolume:
    """One source in memory: grey values, class indices, object numbers, and the places of classes.

    Raises
    ------
    UserError
        When image, labels and mask differ in shape, or no slice is left to train on. Also when
        the image is named as its own labels.
    """

    def __init__(self, source: LabelledSource, recipe: Recipe, axis: Axis = "z") -> None:
        check_not_image(source)
        image = turned(open_grey_volume(source.image, source.voxel_size), axis)
        labels = turned(open_labels(source.labels), axis)
        check_reviews(source)
        if image.shape != labels.shape:
            raise UserError(
                f"{source.image.name} has shape {image.shape} but {source.labels.name} has "
                f"{labels.shape}; give labels of that image"
            )
        mask = reviewed_mask(source, image.shape, axis)
        chosen = training_slices(source, image.depth, mask)
        values = np.stack([labels.plane(z) for z in chosen])
        rows = {c.id: row for row, c in enumerate(recipe.classes, 1)}
        index = labelled_rows(source, rows)
        check_labelled(values, labels, source, index)
        self.groups = class_groups(recipe.classes, list(index))
        """K + 1 numbers: the index under which each class, 0 is background, is labelled here."""

        self.grey = grey_slices(image, chosen)
        self.profiles: int | None = None
        """Which of the object maps holds cells' profiles, with organelles inside."""
        self.sheath: int | None = None
        """Index of the class that wraps profiles; 0 when they are none of the classes."""
        if source.borders and not source.instances:
            self.profiles = len(source.objects)
            if source.sheath is not None:
                self.sheath = index.get(source.sheath, 0)
        self.classes, self.objects = labels_and_objects(values, source, index)
        self.anywhere: NDArray[np.intp] | None = None
        """Places that someone has judged, where not all are."""
        if mask is not None:
            self._forget(~np.stack([is_reviewed(source, mask.plane(z)) for z in chosen]))
        self.places = {row: thinned(np.argwhere(self.classes == row)) for row in index.values()}
        self.pixels_per_step = torch.tensor(pixel_ratio(recipe.model.nm_per_pixel, image))
        """Source pixels (x, y) to one pixel of the model."""

    def _forget(self, unknown: NDArray[np.bool_]) -> None:
        """Mark labels and objects as unknown where no one has reviewed them."""
        self.classes = np.where(unknown, np.uint8(UNKNOWN), self.classes)
        self.objects = [
            np.where(unknown, numbers.dtype.type(0), numbers) for numbers in self.objects
        ]
        self.anywhere = thinned(np.argwhere(~unknown))


def check_not_image(source: LabelledSource) -> None:
    """Check that the grey values of an image are not taken for its labels.

    Raises
    ------
    UserError
        When both are one file.
    """
    if os.path.realpath(source.labels) == os.path.realpath(source.image):
        raise UserError(f"{source.labels} is the image itself; name its labels in the recipe")


def check_reviews(source: LabelledSource) -> None:
    """Check that a project is not read as if all of its classes had been looked at.

    Raises
    ------
    UserError
        When some of its slices were reviewed for some classes alone, and the source names none.
    """
    folder = source.labels
    if what_is(folder) is not Contents.PROJECT:
        folder = folder.parent.parent
    if source.classes or what_is(folder) is not Contents.PROJECT:
        return
    every = {spec.id for spec in read_class_table(folder / "labels" / "classes") or ()}
    choices = read_record(folder).reviewed_classes.values()
    if any(every - set(choice) for choice in choices):
        raise UserError(
            f"slices of {folder.name} were reviewed for some of its classes only; "
            "export a training set from it, which says where each class is known"
        )


def labelled_rows(source: LabelledSource, rows: Mapping[int, int]) -> dict[int, int]:
    """Return the index of each class that a source labels, by its id.

    Raises
    ------
    UserError
        When it labels a class that the recipe lacks.
    """
    if not source.classes:
        return dict(rows)
    for number in source.classes:
        if number not in rows:
            raise UserError(
                f"classes of {source.labels.name} in the recipe names the id {number}, "
                "which no class has; add that class, or leave it out"
            )
    return {number: rows[number] for number in source.classes}


def check_labelled(
    values: NDArray[Any], labels: Volume, source: LabelledSource, index: Mapping[int, int]
) -> None:
    """Check that labels hold something to learn from. Slices without any label are fine.

    Parameters
    ----------
    values
        Z×Y×X label values of the slices to train on.
    labels
        All slices of them; a value on any slice is enough.
    source
        Where they come from.
    index
        The ids of the classes that it labels.

    Raises
    ------
    UserError
        When there are labels, but none of a class or an object; it lists the values.
    """
    named = {*index, *source.borders, *(value for group in source.objects for value in group)}
    found = values_of(values)
    if source.instances or source.bodies or not named or not found - {0} or found & named:
        return
    check_named_values(labels, named, (), "give the classes in the recipe the ids of the labels")


def class_groups(classes: Sequence[ClassSpec], labelled: Sequence[int]) -> Tensor:
    """Return the index under which each of background and K classes is labelled: K + 1 numbers.

    Classes that labels do not name are labelled as background is, with 0. A class stands for its
    parts, unless they are labelled by themselves (`known_classes`).

    Parameters
    ----------
    classes, labelled
        The class table, and the ids of the classes that the labels name.
    """
    groups = torch.zeros(len(classes) + 1, dtype=torch.long)
    if not classes:
        return groups
    table = {spec.id: spec for spec in classes}
    known = known_classes(classes, [table[number].name for number in labelled])
    rows = {spec.name: row for row, spec in enumerate(classes, 1)}
    for each in known:
        groups[[row + 1 for row in each.rows]] = rows[each.name]
    return groups


def is_reviewed(source: LabelledSource, mask: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether each pixel of a mask counts as reviewed in a source."""
    if source.reviewed_values:
        return np.isin(mask, source.reviewed_values)
    anything: NDArray[np.bool_] = mask != 0
    return anything


def reviewed_mask(
    source: LabelledSource, shape: tuple[int, ...], axis: Axis = "z"
) -> Volume | None:
    """Open the mask of what a person has reviewed, if the source has one, sliced across an axis.

    Raises
    ------
    UserError
        When it does not have the image's shape.
    """
    path = source.reviewed or find_reviewed(source.labels)
    if path is None:
        return None
    mask = turned(open_labels(path), axis)
    if mask.shape != shape:
        raise UserError(
            f"the mask {path} has shape {mask.shape}, but its image {shape}; "
            "give the mask of this image"
        )
    return mask


def training_slices(source: LabelledSource, depth: int, mask: Volume | None) -> list[int]:
    """Return the slices to train on: those chosen, not kept for calibration, and reviewed.

    Raises
    ------
    UserError
        When a slice does not exist, or none is left.
    """
    image = source.image.name
    chosen = [z for z in source.slices or range(depth) if z not in source.calibration]
    if not chosen:
        raise UserError(f"every slice of {image} is kept for calibration; leave some to train on")
    beyond = [z for z in (*chosen, *source.calibration) if not 0 <= z < depth]
    if beyond:
        raise UserError(f"{image} has no slice {beyond[0]}; its slices are 0 to {depth - 1}")
    if mask is None:
        return chosen
    reviewed = [z for z in chosen if is_reviewed(source, mask.plane(z)).any()]
    if not reviewed:
        values = describe_values(values_of([mask.plane(z) for z in chosen]))
        raise UserError(
            f"no slice of {source.labels.name} is reviewed; review some in the plugin, "
            f"or leave the mask out (it holds {values})"
        )
    return reviewed


def grey_slices(image: Volume, chosen: Sequence[int]) -> NDArray[np.uint8]:
    """Return slices as 8-bit grey, Z×Y×X, by the contrast of the whole volume."""
    contrast = measure_contrast(image.data)
    grey = np.stack([normalise(image.plane(z), contrast) for z in chosen])
    return (grey * 255).astype(np.uint8)


def labels_and_objects(
    values: NDArray[Any], source: LabelledSource, index: Mapping[int, int]
) -> tuple[NDArray[np.unsignedinteger], list[NDArray[np.uint16]]]:
    """Return class indices and object maps of Z×Y×X label values."""
    if source.instances:
        return none_of_them(values, source), [number_instances(values)]
    if source.bodies:
        classes = body_borders(values, index[source.borders[0]])
        return classes, [number_regions(classes == 0)]
    return lookup(values, index), object_maps(values, source)


def none_of_them(values: NDArray[Any], source: LabelledSource) -> NDArray[np.uint8]:
    """Return class indices of objects: none of the source's classes, or unknown if it has none."""
    none = np.zeros(values.shape, np.bool_)
    if source.classes:
        none = values > 0
    return np.where(none, 0, UNKNOWN).astype(np.uint8)


def thinned(places: NDArray[np.intp], most: int = MAX_PLACES) -> NDArray[np.intp]:
    """Return every n-th place, so that about `most` are left."""
    return places[:: 1 + len(places) // most]


def pixel_ratio(nm_per_pixel: float | None, image: Volume) -> list[float]:
    """Return the image's pixels (x, y) to one pixel of the model; 1 where a size is unknown."""
    size = image.voxel_size
    if nm_per_pixel is None or size is None:
        return [1.0, 1.0]
    return [nm_per_pixel / size[2], nm_per_pixel / size[1]]


def lookup(values: NDArray[Any], index: Mapping[int, int]) -> NDArray[np.unsignedinteger]:
    """Replace label values by those that `index` maps them to; all others become background.

    Values may be of any size and sign.
    """
    known = np.array(sorted(index))
    new = np.array([index[int(v)] for v in known], np.min_scalar_type(max(index.values())))
    at = np.searchsorted(known, values).clip(max=len(known) - 1)
    return np.where(known[at] == values, new[at], np.zeros_like(new[:1]))


def number_instances(values: NDArray[Any]) -> NDArray[np.uint16]:
    """Assign numbers from 1 to the objects of each slice, whatever their ids; 0 and below is none."""
    numbers = []
    for plane in values:
        with_none = np.append(np.zeros(1, plane.dtype), np.maximum(plane, 0))
        numbers.append(np.unique(with_none, return_inverse=True)[1][1:].astype(np.uint16))
    return np.stack(numbers).reshape(values.shape)


def object_maps(values: NDArray[Any], source: LabelledSource) -> list[NDArray[np.uint16]]:
    """Assign numbers to the connected regions of each slice, one map for each group of classes."""
    masks = [np.isin(values, group) for group in source.objects]
    if source.borders:
        masks.append(~np.isin(values, source.borders))
    return [number_regions(mask) for mask in masks]


def number_regions(mask: NDArray[np.bool_]) -> NDArray[np.uint16]:
    """Assign numbers to the connected regions (4 neighbours) of each slice of a Z×Y×X mask."""
    return np.stack([label_components(plane, faces_only=True).astype(np.uint16) for plane in mask])
