"""The image that a project belongs to: where it lies, and whether what lies there is it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from napari_scsam.config import UserError, VoxelSize
from napari_scsam.io.label_header import LabelHeader
from napari_scsam.io.label_pyramid import new_level
from napari_scsam.io.volumes import Volume, open_volume
from napari_scsam.steps import Progress

PLANES = 5
"""Slices that a fingerprint looks at; the whole volume would take too long to read."""


class ImageMovedError(UserError):
    """The image of a project is not where it was; the user must show where it is."""


@dataclass(frozen=True)
class ImageReference:
    """Which image a project belongs to."""

    relative: str
    """Path from the project's own folder, with ``/``: what still holds when both are moved together."""
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
            shape=volume.shape,
            dtype=str(volume.dtype),
            voxel_size=volume.voxel_size,
            origin=volume.origin,
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ImageReference:
        """Read what `to_dict` wrote."""
        values = dict(data) | {
            k: tuple(data[k]) for k in ("shape", "voxel_size", "origin") if data.get(k) is not None
        }
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    def find(self, project: Path) -> Volume:
        """Open the image, beside the project or where it was.

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
            f"the image {name} of this project is neither beside it nor at {self.absolute}; show where it is now"
        )

    def check(self, volume: Volume) -> Volume:
        """Return the volume back if it is this image.

        Raises
        ------
        UserError
            When it is another one.
        """
        if volume.shape != self.shape or fingerprint(volume.data) != self.fingerprint:
            raise UserError(
                f"{volume.path} is not the image of this project ({Path(self.absolute).name}); choose that one"
            )
        return volume


def fingerprint(image: Any) -> str:
    """Return a hash of shape, type and some slices of an image, (Y, X) or (Z, Y, X), read lazily."""
    digest = hashlib.blake2b(
        f"{tuple(image.shape)} {np.dtype(image.dtype).str[1:]}".encode(), digest_size=16
    )
    depth = image.shape[0] if image.ndim == 3 else 1
    for z in np.unique(np.linspace(0, depth - 1, min(depth, PLANES)).round().astype(int)):
        digest.update(
            np.ascontiguousarray(image[int(z)] if image.ndim == 3 else image[...]).tobytes()
        )
    return digest.hexdigest()


def copy_image(
    folder: Path, image: Any, voxel_size: VoxelSize | None, origin: tuple[float, float, float]
) -> Generator[Progress, None, Volume]:
    """Write an image that no file holds as an OME-Zarr of its own, slice by slice; returns it as a volume.

    Parameters
    ----------
    folder
        Where; must not exist.
    image
        (Y, X) or (Z, Y, X) grey values.
    voxel_size, origin
        nm along z, y, x.
    """
    group = zarr.open_group(folder, mode="w-", zarr_format=3)
    level = new_level(group, "0", tuple(image.shape), np.dtype(image.dtype))
    for z in range(image.shape[0] if image.ndim == 3 else 1):
        yield Progress(z, image.shape[0], "copying the image into the project")
        key = z if image.ndim == 3 else ...
        level[key] = np.asarray(image[key])
    header = LabelHeader(folder.name, image.ndim, voxel_size, origin, ()).attributes(
        [[1] * image.ndim]
    )
    multiscales = [{k: v for k, v in header["ome"]["multiscales"][0].items() if k != "type"}]
    group.update_attributes({"ome": {"version": "0.5", "multiscales": multiscales}})
    return open_volume(folder)


def _relative(absolute: str, folder: Path) -> str:
    try:
        return Path(os.path.relpath(absolute, folder)).as_posix()
    except ValueError:  # another drive of Windows
        return absolute
