"""The ``labels/`` of an OME-Zarr image, where other viewers find the labels of the image."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import zarr

from napari_scsam.atomic import sync, sync_tree
from napari_scsam.config import UserError
from napari_scsam.errors import ZARR_DRAFT
from napari_scsam.io.label_root import is_label_root
from napari_scsam.io.ngff import OLD, version_of
from napari_scsam.io.zarr_access import is_zarr, ngff_attributes

DRAFT_SECONDS = 60.0
"""Age of a draft that nobody is writing any more."""


def open_image_labels(path: Path, advice: str) -> zarr.Group:
    """Open ``labels/`` of an OME-Zarr image of version 0.4 or 0.5, or create it.

    Parameters
    ----------
    path
        The image.
    advice
        What to do instead, at the end of every message.

    Raises
    ------
    UserError
        When it is not such an image, or cannot be written.
    """
    root = open_zarr_image(path, advice)
    try:
        return _labels_on_disk(root, path)
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error}); {advice}") from error


def open_zarr_image(path: Path, advice: str) -> zarr.Group:
    """Open an OME-Zarr image into which labels can go; nothing is written.

    Parameters and errors are those of `open_image_labels`.
    """
    if not (path.is_dir() and is_zarr(path)):
        raise UserError(f"{path.name} is not an OME-Zarr, so labels cannot go into it; {advice}")
    try:
        # Copies of the metadata, if there are any, do not list what is added.
        root = zarr.open_group(path, mode="r+", use_consolidated=False)
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error}); {advice}") from error
    except (ValueError, TypeError) as error:  # an array, or damaged metadata
        raise UserError(f"{path.name} is not an OME-Zarr image ({error}); {advice}") from error
    _check_image(root, path.name, advice)
    return root


def _labels_on_disk(root: zarr.Group, path: Path) -> zarr.Group:
    """Return ``labels/``, and wait until it is on disk if it is new: what it holds relies on it."""
    folder = path / "labels"
    remove_drafts(folder)
    if is_zarr(folder):
        return root.require_group("labels")
    labels = root.require_group("labels")
    sync_tree(folder)
    sync(path)
    return labels


def remove_drafts(folder: Path) -> None:
    """Remove what zarr leaves in a folder, but not below it, of writes that were killed.

    Those of the last minute stay: another process may be writing them.
    """
    for draft in folder.glob("*.partial"):
        with suppress(OSError):
            age = time.time() - draft.stat().st_mtime
            if ZARR_DRAFT.search(draft.name) and age > DRAFT_SECONDS:
                draft.unlink()


def _check_image(root: zarr.Group, name: str, advice: str) -> None:
    attributes = ngff_attributes(root)
    multiscales = attributes.get("multiscales")
    if not multiscales:
        raise UserError(
            f"{name} is a zarr without OME metadata, so other programs would not find labels in "
            f"it; {advice}"
        )
    if is_label_root(attributes):
        raise UserError(f"{name} holds labels and no image; {advice}")
    if version_of(root) == OLD and not _has_named_axes(multiscales):
        raise UserError(f"{name} is an OME-Zarr older than 0.4, which is only read; {advice}")


def _has_named_axes(multiscales: object) -> bool:
    """Whether the axes have types, as they have since NGFF 0.4."""
    try:
        axes = multiscales[0]["axes"]  # type: ignore[index]
        return bool(axes) and all(axis["name"] for axis in axes)
    except (TypeError, KeyError, IndexError):
        return False
