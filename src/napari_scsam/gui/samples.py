"""The entries of napari's *File > Open Sample > ScSAM* menu."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.utils import DirectLabelColormap, progress
from napari.utils.notifications import show_info

from napari_scsam.config import UserError, VoxelSize
from napari_scsam.gui.notify import tell
from napari_scsam.samples.phantom import make_phantom
from napari_scsam.samples.public import fetch_sample

LayerData = tuple[Any, dict[str, Any], str]

NO_LAYERS: list[LayerData] = [(np.zeros((0, 1, 1), np.uint8), {"channel_axis": 0}, "image")]
"""An image without channels: napari adds no layer for it, where it would report an empty list, or an exception, as our fault."""


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
    """Fetch a public sample with a progress bar, and tell what it is and whose; or why it cannot be had."""
    steps = fetch_sample(name)
    with progress(total=0, desc=f"Downloading {name}") as bar:
        while True:
            try:
                step = next(steps)
            except StopIteration as stop:
                image, voxel_size, about = stop.value
                break
            except UserError as error:
                tell(error)
                return NO_LAYERS
            bar.total = step.total
            bar.update(step.done - bar.n)
    show_info(about)
    return [
        (
            image,
            {"name": name, "metadata": {"about": about}, **_scale(voxel_size, image.ndim)},
            "image",
        )
    ]


def _scale(voxel_size: VoxelSize | None, ndim: int = 3) -> dict[str, Any]:
    """Return napari's scale and units, or nothing where the size is unknown."""
    return {} if voxel_size is None else {"scale": voxel_size[-ndim:], "units": ("nm",) * ndim}
