"""The image of a project: where it is, and whether a file is that image."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from pydantic import BaseModel, ConfigDict

from napari_scsam.config import UserError, VoxelSize
from napari_scsam.io.label_header import LabelHeader
from napari_scsam.io.label_pyramid import new_level
from napari_scsam.io.volumes import Volume, open_volume
from napari_scsam.steps import Progress

PLANES = 5
"""Slices that a fingerprint reads; the whole volume would take too long."""


class ImageMovedError(UserError):
    """The image of a project is not where it was; the user must show where it is."""


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

    @classmethod
    def of(cls, volume: Volume, project: Path) -> ImageReference:
        """Refer to a volume that was opened from a file."""
        absolute = os.path.abspath(str(volume.path))  # noqa: PTH100  # may end with the :/path of HDF5
        return cls(
            relative=_relative(absolute, project.absolute()),
            absolute=absolute,
            fingerprint=fingerprint(volume.data),
            shape=tuple(int(n) for n in volume.shape),
            dtype=str(volume.dtype),
            voxel_size=volume.voxel_size,
            origin=volume.origin,
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
        ImageMovedError
            When it is in neither place.
        """
        for path in (os.path.normpath(project.absolute() / self.relative), self.absolute):
            try:
                return self.check(open_volume(path))
            except UserError:
                continue
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
        if volume.shape != self.shape or fingerprint(volume.data) != self.fingerprint:
            name = Path(self.absolute).name
            raise UserError(
                f"{volume.path} is not the image of this project ({name}); choose that one"
            )
        return volume


def fingerprint(image: Any) -> str:
    """Return a hash of shape, type and some slices of an image, (Y, X) or (Z, Y, X)."""
    header = f"{tuple(image.shape)} {np.dtype(image.dtype).str[1:]}"
    digest = hashlib.blake2b(header.encode(), digest_size=16)
    for plane in _sampled_planes(image):
        digest.update(np.ascontiguousarray(plane).tobytes())
    return digest.hexdigest()


def _sampled_planes(image: Any) -> Iterator[Any]:
    """Read up to `PLANES` slices that are evenly spaced."""
    if image.ndim == 2:
        yield image[...]
        return
    depth = image.shape[0]
    for z in np.unique(np.linspace(0, depth - 1, min(depth, PLANES)).round().astype(int)):
        yield image[int(z)]


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


def _relative(absolute: str, folder: Path) -> str:
    try:
        return Path(os.path.relpath(absolute, folder)).as_posix()
    except ValueError:  # another drive of Windows
        return absolute
