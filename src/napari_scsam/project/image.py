"""The image of a project: where it is, and whether a file is that image."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from pydantic import BaseModel, ConfigDict, Field

from napari_scsam.config import UserError, VoxelSize
from napari_scsam.io.label_header import LabelHeader
from napari_scsam.io.label_pyramid import new_level
from napari_scsam.io.locations import absolute_location, is_address, relative_location
from napari_scsam.io.read_errors import DamagedPartError
from napari_scsam.io.volumes import Volume, open_volume
from napari_scsam.steps import Progress

FINGERPRINT_PLANES = 5
"""Slices that a fingerprint reads; the whole volume would take too long."""
COMPARED_BYTES = 2**27
"""Bytes of slices whose hashes a project keeps: all slices of an image up to this size."""


class ImageMovedError(UserError):
    """The image of a project is not where it was; the user must show where it is."""


class ImageChangedError(ImageMovedError):
    """The image of a project is where it was, and its file shows something else.

    Parameters
    ----------
    volume
        What the file shows now.
    difference
        In what it differs, in words.
    fits
        Whether the labels still fit: the shape is the same.
    """

    def __init__(self, volume: Volume, difference: str, *, fits: bool) -> None:
        advice = "go on with it as it is, or attach another image"
        if not fits:
            advice = "its labels do not fit any more; attach another image"
        super().__init__(f"the image {volume.path} has changed: {difference}; {advice}")
        self.volume = volume
        self.difference = difference
        self.fits = fits


class ImageReference(BaseModel):
    """Which image a project belongs to. Keys that a newer version added are kept."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow")

    relative: str
    """Path from the project's folder, with ``/``; it holds when both are moved together."""
    absolute: str
    fingerprint: str
    shape: tuple[int, ...]
    dtype: str
    voxel_size: VoxelSize | None = None
    """nm along z, y, x, as the file says."""
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    slices: Mapping[str, str] = Field(default_factory=dict)
    """Hashes of slices, by their number; empty up to version 0.1."""

    @classmethod
    def of(cls, volume: Volume, project: Path) -> ImageReference:
        """Refer to a volume that was opened from a file."""
        absolute = absolute_location(str(volume.path))
        return cls(
            relative=relative_location(absolute, project.absolute()),
            absolute=absolute,
            fingerprint=fingerprint(volume.data),
            shape=tuple(int(n) for n in volume.shape),
            dtype=str(volume.dtype),
            voxel_size=volume.voxel_size,
            origin=volume.origin,
            slices=hash_slices(volume.data, sampled_slices(volume.data, COMPARED_BYTES)),
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ImageReference:
        """Read what `to_dict` wrote.

        Raises
        ------
        pydantic.ValidationError
            When a field is missing or of the wrong kind.
        """
        return cls.model_validate_json(json.dumps(data))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return self.model_dump()

    def find(self, project: Path) -> Volume:
        """Open the image, at its place relative to the project or at its absolute path.

        Raises
        ------
        ImageChangedError
            When it is there, but shows something else.
        ImageMovedError
            When it is in neither place.
        """
        changed: ImageChangedError | None = None
        places = [self.absolute]
        if not is_address(self.absolute):
            places.insert(0, os.path.normpath(project.absolute() / self.relative))
        for path in places:
            try:
                volume = open_volume(path)
            except UserError:
                continue
            difference = self.difference(volume)
            if not difference:
                return volume
            changed = changed or self._changed(volume, difference)
        if changed is not None:
            raise changed
        name = Path(self.absolute).name
        raise ImageMovedError(
            f"the image {name} of this project was not found, also not at {self.absolute}; "
            "show where it is now"
        )

    def check(self, volume: Volume) -> Volume:
        """Return the volume if it is this image.

        Raises
        ------
        UserError
            When it is another one.
        """
        difference = self.difference(volume)
        if difference:
            name = Path(self.absolute).name
            raise UserError(
                f"{volume.path} is not the image of this project ({name}): {difference}; "
                "choose that one"
            )
        return volume

    def difference(self, volume: Volume) -> str:
        """Return in what a volume differs from this image, in words; empty when it is this image.

        Slices that cannot be read are not compared: they are damaged, but of this image.
        """
        if volume.shape != self.shape:
            return f"its shape is {volume.shape}, not {self.shape}"
        if str(volume.dtype) != self.dtype:
            return f"its type is {volume.dtype}, not {self.dtype}"
        if self.slices:
            found = hash_slices(volume.data, sorted(map(int, self.slices)))
            return describe_changes(self.slices, found, self.shape)
        try:
            same = fingerprint(volume.data) == self.fingerprint
        except UserError:
            same = True
        return "" if same else "its pixels differ"

    def _changed(self, volume: Volume, difference: str) -> ImageChangedError:
        return ImageChangedError(volume, difference, fits=volume.shape == self.shape)


def describe_changes(
    before: Mapping[str, str], found: Mapping[str, str], shape: tuple[int, ...]
) -> str:
    """Return at which slices an image differs, in words; empty when it does nowhere.

    Parameters
    ----------
    before, found
        Hashes of slices by their number; `found` lacks those that cannot be read.
    shape
        Of the image.
    """
    compared = sorted(int(z) for z in found if z in before)
    changed = [z for z in compared if before[str(z)] != found[str(z)]]
    if not changed:
        return ""
    if len(shape) == 2:
        return "its pixels differ"
    note = ""
    if len(compared) < shape[0]:
        note = f" ({len(compared)} of {shape[0]} slices were compared)"
    if len(changed) == 1:
        return f"its pixels differ at slice {changed[0]}{note}"
    if changed == [z for z in compared if z >= changed[0]]:
        return f"its pixels differ from slice {changed[0]} on{note}"
    return f"its pixels differ from slice {changed[0]}, at {len(changed)} slices{note}"


def sampled_slices(image: Any, most: int) -> list[int]:
    """Return evenly spaced slices: all that `most` bytes hold, and at least `FINGERPRINT_PLANES`."""
    if image.ndim == 2:
        return [0]
    depth = int(image.shape[0])
    size = max(1, prod(image.shape[1:]) * np.dtype(image.dtype).itemsize)
    count = min(depth, max(FINGERPRINT_PLANES, most // size))
    return sorted({int(z) for z in np.linspace(0, depth - 1, count).round()})


def hash_slices(image: Any, slices: Sequence[int]) -> dict[str, str]:
    """Return a hash of each slice, by its number; slices that cannot be read are left out."""
    found = {}
    for z in slices:
        try:
            plane = image[...] if image.ndim == 2 else image[z]
        except UserError:
            continue
        content = np.ascontiguousarray(plane).tobytes()
        found[str(z)] = hashlib.blake2b(content, digest_size=8).hexdigest()
    return found


def fingerprint(image: Any) -> str:
    """Return a hash of shape, type and some slices of an image, (Y, X) or (Z, Y, X)."""
    header = f"{tuple(image.shape)} {np.dtype(image.dtype).str[1:]}"
    digest = hashlib.blake2b(header.encode(), digest_size=16)
    for plane in _sampled_planes(image):
        digest.update(np.ascontiguousarray(plane).tobytes())
    return digest.hexdigest()


def _sampled_planes(image: Any) -> Iterator[Any]:
    """Read up to `FINGERPRINT_PLANES` slices that are evenly spaced."""
    if image.ndim == 2:
        yield image[...]
        return
    depth = image.shape[0]
    for z in np.unique(
        np.linspace(0, depth - 1, min(depth, FINGERPRINT_PLANES)).round().astype(int)
    ):
        try:
            yield image[int(z)]
        except DamagedPartError:
            yield np.array([z])  # a damaged slice is another one than before and after


def copy_image(
    folder: Path, image: Any, voxel_size: VoxelSize | None, origin: tuple[float, float, float]
) -> Generator[Progress, None, Volume]:
    """Write an image in memory as an OME-Zarr, slice by slice; returns it as a volume.

    Parameters
    ----------
    folder
        The new OME-Zarr; must not exist.
    image
        (Y, X) or (Z, Y, X) grey values.
    voxel_size, origin
        nm along z, y, x.
    """
    group = zarr.open_group(folder, mode="w-", zarr_format=3)
    level = new_level(group, "0", tuple(image.shape), np.dtype(image.dtype))
    keys = list(slice_keys(image))
    for number, key in enumerate(keys):
        yield Progress(number, len(keys), "copying the image into the project")
        level[key] = np.asarray(image[key])
    header = LabelHeader(folder.name, image.ndim, voxel_size, origin, ())
    multiscale = header.attributes([[1] * image.ndim])["ome"]["multiscales"][0]
    del multiscale["type"]  # it names how coarser levels of labels are made
    group.update_attributes({"ome": {"version": "0.5", "multiscales": [multiscale]}})
    return open_volume(folder)


def slice_keys(image: Any) -> Iterator[Any]:
    """Return the index of each slice of a (Z, Y, X) image, or ``...`` for a (Y, X) image."""
    if image.ndim == 3:
        yield from range(image.shape[0])
    else:
        yield ...
