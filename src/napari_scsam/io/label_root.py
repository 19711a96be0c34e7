"""The root of an OME-Zarr that holds labels alone: an image whose levels are those of the labels.

Programs that open the root, and know no ``labels/``, see the labels as an image. No voxel is stored
twice: the paths of the levels lead into ``labels/``, as NGFF 0.5 allows.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import zarr

from napari_scsam.io.zarr_access import ngff_attributes

LABELS_PREFIX = "labels/"
"""How the paths of such levels begin."""


def point_root(folder: Path, name: str) -> None:
    """Make the root of an OME-Zarr an image whose levels are those of a label image in it.

    A root that is another image stays as it is.

    Parameters
    ----------
    folder
        The OME-Zarr.
    name
        Of the label image.
    """
    root = zarr.open_group(folder, mode="r+")
    attributes = ngff_attributes(root)
    if attributes.get("multiscales") and not is_label_root(attributes):
        return
    labels = ngff_attributes(zarr.open_group(folder / "labels" / name, mode="r"))
    image = {key: value for key, value in labels["multiscales"][0].items() if key != "type"}
    image["datasets"] = [
        {**level, "path": f"{LABELS_PREFIX}{name}/{level['path']}"} for level in image["datasets"]
    ]
    found = {"version": "0.5", "multiscales": [image]}
    if found != attributes:
        root.update_attributes({"ome": found})


def root_name(folder: Path) -> str:
    """Return the label image that the root of an OME-Zarr leads to; empty when it leads to none."""
    attributes = ngff_attributes(zarr.open_group(folder, mode="r"))
    if not is_label_root(attributes):
        return ""
    path = str(attributes["multiscales"][0]["datasets"][0]["path"])
    return path.removeprefix(LABELS_PREFIX).rpartition("/")[0]


def is_label_root(attributes: Mapping[str, Any]) -> bool:
    """Whether the OME-Zarr metadata of a root only lead to labels inside it."""
    try:
        levels = attributes["multiscales"][0]["datasets"]
        return all(str(level["path"]).startswith(LABELS_PREFIX) for level in levels) and bool(
            levels
        )
    except (KeyError, IndexError, TypeError):
        return False
