"""A segmentation that goes into ``labels/`` of an OME-Zarr image, and leaves the image as it is."""

from __future__ import annotations

import os
from math import ceil
from pathlib import Path

import numpy as np

from napari_scsam.config import UserError
from napari_scsam.errors import TakenError
from napari_scsam.io.contents import is_ours
from napari_scsam.io.contrast import WHOLE_BYTES
from napari_scsam.io.image_labels import open_image_labels, open_zarr_image
from napari_scsam.io.labels import is_own_label_image
from napari_scsam.io.ngff import OLD, version_of
from napari_scsam.io.read_errors import DamagedPartError
from napari_scsam.io.volumes import Volume, open_volume
from napari_scsam.remote.there import ThereVolume
from napari_scsam.volume.writing.run_labels import LABELS, find_stopped, finished_run, tidy

COMPARED_SLICES = 64
"""Most slices of a large image that are compared with those of the volume."""

ADVICE = "write the labels as a file of their own (-o labels.zarr)"


def check_labels_fit_image(
    image: Path,
    source: Volume,
    *,
    overwrite: bool = False,
    resume: bool = False,
    probabilities: bool = False,
) -> None:
    """Check that labels of a volume may be written into an OME-Zarr, and create its ``labels/``.

    Parameters
    ----------
    image
        The OME-Zarr image, of version 0.4 or 0.5.
    source
        What is segmented: of the shape of the image.
    overwrite, resume
        As in `segment_volume`.
    probabilities
        Whether they are asked for, too.

    Raises
    ------
    UserError
        When it is not such an image, cannot be written, or is of another shape or other pixels.
    TakenError
        When it holds such labels and they may not be replaced.
    """
    root = open_zarr_image(image, ADVICE)
    whole = open_volume(image)
    shape = whole.shape
    if shape != source.shape:
        raise UserError(
            f"{image.name} has the shape {shape}, but the volume has {source.shape}; "
            "give the OME-Zarr of this volume"
        )
    if probabilities and version_of(root) == OLD:
        raise UserError(
            f"{image.name} is an OME-Zarr 0.4, which takes labels and no probabilities; {ADVICE}"
        )
    if overwrite and resume:
        raise UserError(
            "--resume continues a run and --overwrite starts it again; choose one of them"
        )
    tidy(image)  # first: the ledger of a run that was killed at its end is no foreign file
    _check_taken(image, overwrite=overwrite, resume=resume)
    _check_same_pixels(image, whole, source)
    open_image_labels(image, ADVICE)


def _check_same_pixels(image: Path, whole: Volume, source: Volume) -> None:
    """Check that what is segmented is a copy of the image, where it is another file.

    Of large images, `COMPARED_SLICES` slices are compared, evenly spaced.

    Raises
    ------
    UserError
        When it is not.
    """
    if isinstance(source, ThereVolume):  # its pixels are on the server
        return
    if source.path is not None and os.path.realpath(source.path) == os.path.realpath(image):
        return
    slices = range(source.depth)
    if source.data.nbytes > WHOLE_BYTES:
        slices = range(0, source.depth, ceil(source.depth / COMPARED_SLICES))
    for z in slices:
        try:
            same = np.array_equal(whole.plane(z), source.plane(z), equal_nan=True)
        except DamagedPartError:
            continue  # the run itself names it
        if not same:
            raise UserError(
                f"slice {z} of {source.name} has other pixels than that of {image.name}; "
                "give the OME-Zarr of this volume"
            )


def _check_taken(image: Path, *, overwrite: bool, resume: bool) -> None:
    stopped = find_stopped(image) is not None
    if stopped and not (resume or overwrite):
        raise TakenError(
            f"{image} holds a stopped run; "
            "add --resume to continue it, or --overwrite to start again"
        )
    target = image / "labels" / LABELS
    if not target.exists():
        return
    if not is_ours(target):
        raise TakenError(f"{target} was written by another program; rename it, or {ADVICE}")
    if not is_own_label_image(target):
        raise TakenError(f"{target} holds other files, so it is not replaced; move them away")
    continued = resume and (stopped or finished_run(image) is not None)
    if not (continued or overwrite or stopped):
        raise TakenError(
            f"{target} already exists, and its labels may have been corrected; "
            "add --overwrite to replace them"
        )
