"""The real electron-microscopy image in this package: the first picture needs no network.

`fly_medulla/README.md` says who made it, under which licence, and what was cut out.
"""

from __future__ import annotations

from pathlib import Path

from napari_scsam.io.volumes import Volume, open_volume

FILE = Path(__file__).parent / "fly_medulla" / "fly_medulla.tif"
"""24 slices of 250×250 pixels, with their voxel size."""

ABOUT_SAMPLE = (
    "Fruit-fly medulla, FIB-SEM, 24 slices of 10 nm, FlyEM at Janelia (Parag et al. 2015). "
    "Licence: Creative Commons attribution. The network learned from pseudo-labels of this volume."
)


def open_shipped() -> Volume:
    """Open the image, (24, 250, 250) uint8 at 10 nm along z, y and x."""
    return open_volume(FILE)
