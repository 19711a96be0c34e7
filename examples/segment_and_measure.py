"""Segment an image, number its objects, and measure them.

    python examples/segment_and_measure.py FOLDER

The image is the one in the package: fly medulla, FlyEM at Janelia, Parag et al. 2015, CC BY.
"""

from __future__ import annotations

import sys
from pathlib import Path

from napari_scsam import (
    drive,
    find_instances,
    load_checkpoint,
    measure_objects,
    open_volume,
    segment_volume,
)
from napari_scsam.samples.shipped import FILE


def main(folder: Path) -> None:
    """Write labels, objects and a table of them into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    volume = open_volume(FILE)
    print("shape:", volume.shape, "nm along z, y, x:", volume.voxel_size)

    labels = folder / "labels.zarr"
    steps = segment_volume(volume, load_checkpoint(), labels, slices=range(8, 16))
    for step in steps:  # a generator: a program can show how far it is
        print(step.what, f"({step.done} of {step.total})")

    objects = folder / "objects.zarr"
    print("objects:", drive(find_instances(labels, objects)))  # `drive` runs one to its end

    table = drive(measure_objects(objects, folder / "table.csv", image=FILE))
    volumes = table.columns["volume_um3"]
    for name in ("mitochondrion", "membrane"):
        found = volumes[table.columns["class"] == name]
        print(f"{name}: {len(found)} objects, {found.sum():.4f} µm³ in all")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
