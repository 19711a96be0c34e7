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
from napari_scsam.samples.shipped import ABOUT_SAMPLE, open_shipped
from napari_scsam.steps import Progress, drive

LayerData = tuple[Any, dict[str, Any], str]

NO_LAYERS: list[LayerData] = [(np.zeros((0, 1, 1), np.uint8), {"channel_axis": 0}, "image")]
"""An image without channels, for which napari adds no layer.

napari would report an empty list or an exception as an error of the plugin.
"""


def shipped() -> list[LayerData]:
    """Open the real image in this package, and show what it is and who made it."""
    volume = open_shipped()
    image = np.asarray(volume.data[...])
    return [_image(volume.name, image, volume.voxel_size, ABOUT_SAMPLE)]


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
    return [_image(name, image, voxel_size, about)]


def _image(name: str, image: Any, voxel_size: VoxelSize | None, about: str) -> LayerData:
    """Return an image layer that says where it is from, and show it."""
    show_info(about)
    place = _scale(voxel_size, image.ndim)
    return (image, {"name": name, "metadata": {"about": about}, **place}, "image")


def _scale(voxel_size: VoxelSize | None, ndim: int = 3) -> dict[str, Any]:
    """Return napari's names of the axes, and scale and units where the size is known."""
    place: dict[str, Any] = {"axis_labels": tuple("zyx"[-ndim:])}
    if voxel_size is not None:
        place |= {"scale": voxel_size[-ndim:], "units": ("nm",) * ndim}
    return place
