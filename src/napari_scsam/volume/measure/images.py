"""The label images whose objects are measured: where they are, and of which class they are."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import zarr

from napari_scsam.config import ClassSpec, UserError, parse_classes, parse_voxel_size
from napari_scsam.io.contents import is_label_image
from napari_scsam.io.find_labels import USUAL, find_labels, listed_labels
from napari_scsam.io.images import open_grey_volume
from napari_scsam.io.labels import read_class_table
from napari_scsam.io.read_errors import READ_ERRORS
from napari_scsam.io.volumes import Volume, as_volume, open_labels
from napari_scsam.io.zarr_access import is_zarr
from napari_scsam.steps import Steps
from napari_scsam.volume.instances.find import find_instances
from napari_scsam.volume.instances.kinds import NO_CLASS_NAME
from napari_scsam.volume.instances.request import MIN_VOXELS, LabelsLike
from napari_scsam.volume.instances.run_folder import SETTINGS_KEY
from napari_scsam.volume.workers import Workers

ClassesLike: TypeAlias = "Sequence[str] | Mapping[int, str] | None"


@dataclass(frozen=True, eq=False)
class LabelImage:
    """A label image in which each object of one class has an id of its own."""

    class_name: str
    volume: Volume


@dataclass(frozen=True, eq=False)
class MeasureInput:
    """What is to be measured, before the objects of class labels are found."""

    labels: Volume
    """Of the first image."""
    images: tuple[LabelImage, ...]
    """Empty for class labels."""
    classes: tuple[ClassSpec, ...] | None
    """Of class labels; None for objects."""


def find_label_images(
    labels: LabelsLike,
    classes: ClassesLike = None,
    voxel_size: Sequence[float] | None = None,
    *,
    instances: bool = False,
) -> MeasureInput:
    """Return the label images at a place, or an array as one.

    Parameters
    ----------
    labels
        A path of class labels, of instances or of a project; a volume; or an array of objects.
    classes
        What label values mean, where the labels do not say so: ``{1: "mitochondrion"}``.
    voxel_size
        nm along z, y, x, instead of what the file says.
    instances
        Whether each value is an object, also in a file that does not say so.

    Raises
    ------
    UserError
        When there are no labels, or it is not known what they mean.
    """
    table = None
    if isinstance(classes, Mapping):
        table = parse_classes([ClassSpec(number, name) for number, name in classes.items()])
    if table is not None and instances:
        raise UserError("label values are classes or objects; leave one of the two options out")
    if isinstance(labels, (str, os.PathLike)):
        return _at_path(Path(labels), table, voxel_size, instances=instances)
    volume = labels if isinstance(labels, Volume) else as_volume(labels, voxel_size)
    if volume.dtype.kind not in "iu":
        raise UserError(
            f"{volume.name} holds {volume.dtype} values, but labels are integers; "
            "choose the label image, or convert it"
        )
    if table is not None:
        return MeasureInput(volume, (), table)
    return MeasureInput(volume, (LabelImage(NO_CLASS_NAME, volume),), None)


def default_smallest(found: MeasureInput, smallest: int | None) -> int:
    """Return the fewest voxels of an object: specks count if they have an id of their own."""
    if smallest is not None:
        return smallest
    return 1 if found.classes is None else MIN_VOXELS


def object_images(
    found: MeasureInput,
    classes: ClassesLike,
    smallest: int,
    folder: Path,
    workers: Workers = None,
) -> Steps[tuple[LabelImage, ...]]:
    """Return images of objects; those of class labels are found first.

    Parameters
    ----------
    found
        From `find_label_images`.
    classes
        The classes that are wanted; None for all.
    smallest
        Objects of fewer voxels are left out when they are found.
    folder
        Where the objects of class labels are written.
    workers
        As `find_instances` takes it.

    Raises
    ------
    UserError
        When a class is not there.
    """
    if found.classes is None:
        return _chosen(found.images, None if classes is None else list(map(str, classes)))
    yield from find_instances(
        found.labels,
        folder / "objects.zarr",
        classes=classes,
        smallest=smallest,
        workers=workers,
    )
    images = _listed(folder / "objects.zarr")
    size = found.labels.voxel_size
    return tuple(replace(i, volume=replace(i.volume, voxel_size=size)) for i in images)


def measured_names(labels: LabelsLike) -> tuple[str, tuple[str, ...]]:
    """Return which label image of a file is measured, and the names of all that it lists.

    The first is empty when all are measured, or the path is a label image itself.
    """
    if not isinstance(labels, (str, os.PathLike)):
        return "", ()
    names = listed_labels(Path(labels))
    if len(names) < 2 or not _is_class_file(Path(labels), names):
        return "", names
    return find_labels(Path(labels)).name, names


def _at_path(
    path: Path,
    table: tuple[ClassSpec, ...] | None,
    voxel_size: Sequence[float] | None,
    *,
    instances: bool,
) -> MeasureInput:
    names = listed_labels(path)
    if len(names) > 1 and not _is_class_file(path, names):
        images = _listed(path, voxel_size)
        return MeasureInput(images[0].volume, images, None)
    place = find_labels(path)
    volume = _opened(place, voxel_size)
    if not instances:
        table = table or read_class_table(place)
    if table is not None:
        return MeasureInput(volume, (), table)
    if not instances and not is_label_image(place):
        raise UserError(
            f"{place} has no class table; name its classes, as in --classes 1=mitochondrion, "
            "or add --instances if each value is an object"
        )
    return MeasureInput(volume, (LabelImage(_class_of(place), volume),), None)


def _is_class_file(path: Path, names: Sequence[str]) -> bool:
    """Whether a file with several label images has class labels in it."""
    return USUAL in names or any(read_class_table(path / "labels" / name) for name in names)


def _listed(path: Path, voxel_size: Sequence[float] | None = None) -> tuple[LabelImage, ...]:
    """Open all label images in an OME-Zarr."""
    places = [path / "labels" / name for name in listed_labels(path)]
    return tuple(
        LabelImage(_class_of(place, place.name), _opened(place, voxel_size)) for place in places
    )


def _opened(path: Path, voxel_size: Sequence[float] | None) -> Volume:
    """Open labels; a voxel size that is given counts instead of the file's."""
    volume = open_labels(path)
    if voxel_size is None:
        return volume
    return replace(volume, voxel_size=parse_voxel_size(voxel_size))


def _class_of(path: Path, otherwise: str = NO_CLASS_NAME) -> str:
    """Return the class that a label image of instances names in its metadata."""
    if not (path.is_dir() and is_zarr(path)):
        return otherwise
    try:
        record: Any = zarr.open_group(path, mode="r").attrs.get("scsam")
        return str(record[SETTINGS_KEY]["class"])
    except (*READ_ERRORS, KeyError):
        return otherwise


def _chosen(
    images: tuple[LabelImage, ...], classes: Sequence[str] | None
) -> tuple[LabelImage, ...]:
    if classes is None:
        return images
    by_name = {image.class_name.casefold(): image for image in images}
    missing = [name for name in classes if name.casefold() not in by_name]
    if missing or not classes:
        known = ", ".join(image.class_name for image in images)
        wrong = repr(missing[0]) if missing else "given"
        raise UserError(f"no class is called {wrong}; choose from: {known}")
    return tuple(by_name[name.casefold()] for name in dict.fromkeys(classes))


def open_grey(image: LabelsLike, labels: Volume) -> Volume:
    """Open the image of which there are labels.

    Raises
    ------
    UserError
        When it has another shape than the labels.
    """
    volume = _grey_volume(image)
    ones = (volume.depth, *volume.shape[-2:])
    others = (labels.depth, *labels.shape[-2:])
    if ones != others:
        raise UserError(
            f"the image {volume.name!r} has the shape {_times(volume.shape)}, but the labels "
            f"{labels.name!r} {_times(labels.shape)}; give the image that was labelled"
        )
    return volume


def _grey_volume(image: LabelsLike) -> Volume:
    if isinstance(image, (str, os.PathLike)):
        return open_grey_volume(image)
    if isinstance(image, Volume):
        return image
    return as_volume(image)


def _times(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
