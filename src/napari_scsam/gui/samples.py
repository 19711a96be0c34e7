"""The entries of napari's *File > Open Sample > ScSAM* menu."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.utils import DirectLabelColormap, progress
from napari.utils.notifications import show_info

from napari_scsam.config import UserError, VoxelSize
from napari_scsam.gui.notify import notify_error
from napari_scsam.samples.phantom import make_phantom
from napari_scsam.samples.public import fetch_sample
from napari_scsam.steps import Progress, drive

LayerData = tuple[Any, dict[str, Any], str]

NO_LAYERS: list[LayerData] = [(np.zeros((0, 1, 1), np.uint8), {"channel_axis": 0}, "image")]
"""An image without channels, for which napari adds no layer.

napari would report an empty list or an exception as an error of the plugin.
"""


def phantom() -> list[LayerData]:
    """Create the synthetic cell: its image and its true labels."""
    made = make_phantom()
    scale = _scale(made.voxel_size)
    colours = DirectLabelColormap(
        color_dict={None: "transparent", 0: "transparent"} | {c.id: c.colour for c in made.classes}
    )
    names = {
        "index": [0, *(c.id for c in made.classes)],
        "class": ["background", *(c.name for c in made.classes)],
    }
    return [
        (made.image, {"name": "synthetic EM cell", **scale}, "image"),
        (
            made.labels,
            {
                "name": "synthetic EM cell, true labels",
                "colormap": colours,
                "features": names,
                **scale,
            },
            "labels",
        ),
    ]


def hippocampus() -> list[LayerData]:
    """Download five slices of mouse hippocampus."""
    return _public("hippocampus")


def fly_medulla() -> list[LayerData]:
    """Download a stack of fruit-fly medulla."""
    return _public("fly_medulla")


def leaf() -> list[LayerData]:
    """Download one slice of a plant leaf."""
    return _public("leaf")


def _public(name: str) -> list[LayerData]:
    """Download a public sample with a progress bar, and show what it is and who made it."""
    with progress(total=0, desc=f"Downloading {name}") as bar:

        def show(step: Progress) -> None:
            bar.total = step.total
            bar.update(step.done - bar.n)

        try:
            image, voxel_size, about = drive(fetch_sample(name), show)
        except UserError as error:
            notify_error(error)
            return NO_LAYERS
    show_info(about)
    place = _scale(voxel_size, image.ndim)
    return [(image, {"name": name, "metadata": {"about": about}, **place}, "image")]


def _scale(voxel_size: VoxelSize | None, ndim: int = 3) -> dict[str, Any]:
    """Return napari's scale and units, or nothing where the size is unknown."""
    if voxel_size is None:
        return {}
    return {"scale": voxel_size[-ndim:], "units": ("nm",) * ndim}
