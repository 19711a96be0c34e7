"""Open images of grey values; files that say that they hold labels are refused."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import zarr

from napari_scsam.errors import UserError
from napari_scsam.io.contents import is_label_image
from napari_scsam.io.formats.hdf5 import split_hdf5_path
from napari_scsam.io.formats.precomputed import INFO, is_precomputed, parse_info
from napari_scsam.io.label_files.hdf5 import DATASET
from napari_scsam.io.label_root import is_label_root
from napari_scsam.io.locations import file_of, is_address, parse_location
from napari_scsam.io.read_errors import READ_ERRORS
from napari_scsam.io.remote.labels import lies_in_labels
from napari_scsam.io.volumes import Volume, open_volume
from napari_scsam.io.zarr_access import is_zarr, ngff_attributes


def open_grey_volume(
    path: str | os.PathLike[str],
    voxel_size: Sequence[float] | float | None = None,
    *,
    channel: int | None = None,
    time: int | None = None,
) -> Volume:
    """Open a volume of grey values, as `open_volume` does.

    Raises
    ------
    UserError
        As `open_volume`, and when the file says that it holds labels.
    """
    volume = open_volume(path, voxel_size, channel=channel, time=time)
    if volume.dtype.kind in "iu" and (volume.says_labels or says_labels(os.fspath(path))):
        raise UserError(f"{path} holds labels and no grey values; give the image that was labelled")
    return volume


def says_labels(location: str) -> bool:
    """Whether a file says that it holds labels: by our record, its metadata, or what is around it.

    Nothing is guessed from the values.

    Parameters
    ----------
    location
        As `open_volume` takes it.
    """
    if is_address(location):
        return lies_in_labels(parse_location(location).text)
    hdf5 = split_hdf5_path(parse_location(location).text)
    if hdf5 is not None and (hdf5[1] or DATASET).strip("/") != DATASET:
        return False
    file = file_of(location)
    if is_label_image(file) or _leads_to_labels(file) or _is_segmentation(file):
        return True
    folder = Path(os.path.abspath(file))  # noqa: PTH100 - links are not followed
    return any(_is_labels_group(outer) or is_label_image(outer) for outer in _zarrs_around(folder))


def _leads_to_labels(folder: Path) -> bool:
    """Whether a group of an OME-Zarr only leads to labels inside it."""
    if not is_zarr(folder):
        return False
    try:
        attributes = ngff_attributes(zarr.open_group(folder, mode="r"))
        return is_label_root(attributes) or _is_labels_group(folder)
    except READ_ERRORS:  # an array
        return False


def _is_segmentation(folder: Path) -> bool:
    """Whether a folder is a precomputed volume of labels."""
    if not is_precomputed(folder):
        return False
    info = parse_info((folder / INFO).read_bytes())
    return info is not None and info.get("type") == "segmentation"


def _zarrs_around(folder: Path) -> list[Path]:
    """Return the zarr groups that a folder lies in, innermost first."""
    found = []
    for outer in folder.parents:
        if not is_zarr(outer):
            break
        found.append(outer)
    return found


def _is_labels_group(folder: Path) -> bool:
    """Whether a zarr group is the ``labels/`` of an OME-Zarr."""
    return folder.name == "labels" and is_zarr(folder.parent)
