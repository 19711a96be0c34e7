"""Teach a class that the network does not know, by a few strokes on one slice.

    python examples/teach_a_class.py FOLDER

In napari you would paint the strokes. Here they are drawn by numbers, on a dark process of the fly.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from napari_scsam import Predictor, load_checkpoint, open_volume, save_checkpoint
from napari_scsam.samples.shipped import FILE

SLICE = 12


def main(folder: Path) -> None:
    """Write a checkpoint that knows the class into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    volume = open_volume(FILE)
    predictor = Predictor(load_checkpoint())
    predictor.set_image(volume.plane(SLICE), voxel_size=volume.voxel_size)

    on_it = np.zeros(volume.shape[1:], bool)
    beside_it = np.zeros_like(on_it)
    on_it[128:132, 4:20] = True
    beside_it[20:23, 150:200] = True
    beside_it[88:92, 90:104] = True
    predictor.teach("dark process", on_it, beside_it)

    for index in (SLICE, SLICE + 6):
        predictor.set_image(volume.plane(index), voxel_size=volume.voxel_size)
        found = predictor.segment(["dark process"]) > 0
        print(f"slice {index}: {found.mean():.1%} of the pixels")

    path = folder / "with_dark_process.safetensors"
    save_checkpoint(
        path,
        predictor.model,
        summary="The shipped model, and dark processes from three strokes.",
        licence="as the shipped model",
        training={"strokes": {"dark process": int(on_it.sum())}},
    )
    print("known to", path.name, "now:", *(each.name for each in load_checkpoint(path).classes))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
