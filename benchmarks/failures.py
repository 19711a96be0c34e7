"""Draw where the shipped checkpoint fails most: the slice with the lowest Dice of each class.

On the brain, of the slices that choices are made by, wrong mitochondria are sorted by kind, too.

The pictures show the data, whose licences differ from ours, so they are drawn
where they are wanted and are no part of the project.

    python -m benchmarks.failures FOLDER
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.failure_kinds import KINDS, kinds_of, shares
from benchmarks.shipped import CASES, CHOSEN_BY, DATA, Case
from numpy.typing import NDArray

from napari_scsam.checkpoints.checkpoint import load_checkpoint
from napari_scsam.config import ClassSpec, select_classes
from napari_scsam.infer.picture import save_picture
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.contrast import measure_contrast, normalise
from napari_scsam.io.volumes import open_labels, open_volume

DRAWN = ("dev", "hippocampus_stack", "brain_sbem, chosen by")

OUTCOMES = (
    ClassSpec(1, "found", "#2ca02c"),
    ClassSpec(2, "invented", "#e0302a"),
    ClassSpec(3, "missed", "#3a6fe0"),
)

FEW = 500
"""A class of fewer pixels on a slice is not looked at there."""


def outcomes(
    predictor: Predictor, case: Case
) -> Iterator[tuple[ClassSpec, int, float, NDArray[np.float32], NDArray[Any]]]:
    """Return the Dice, the grey values and the `OUTCOMES` of every slice and class."""
    image = open_volume(DATA / case.image, case.voxel_size)
    labels = open_labels(DATA / case.labels)
    contrast = measure_contrast(image.data)
    mitochondrion = select_classes(predictor.classes, ["mitochondrion"])
    for z in case.slices or range(image.depth):
        predictor.set_image(image.plane(z), image.voxel_size, contrast=contrast)
        found = predictor.segment(["mitochondrion"] if case.mitochondria else None)
        truth = labels.plane(z)
        for spec in mitochondrion if case.mitochondria else predictor.classes:
            ours = found == spec.id
            theirs = truth == (1 if case.mitochondria else spec.id)
            if theirs.sum() >= FEW:
                dice = 2 * (ours & theirs).sum() / (ours.sum() + theirs.sum())
                yield (
                    spec,
                    z,
                    float(dice),
                    normalise(image.plane(z), contrast),
                    ours * 1 + (ours & ~theirs) + 3 * (theirs & ~ours),
                )


def main() -> None:
    """Draw the pictures and print their names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--checkpoint", default="default")
    given = parser.parse_args()
    predictor = Predictor(load_checkpoint(given.checkpoint), "cpu")
    for name in DRAWN:
        worst: dict[str, tuple[float, int, NDArray[np.float32], NDArray[Any]]] = {}
        for spec, z, dice, grey, pixels in outcomes(predictor, CASES[name]):
            if dice < worst.get(spec.name, (2.0,))[0]:
                worst[spec.name] = dice, z, grey, pixels
        for class_name, (dice, z, grey, pixels) in worst.items():
            path = given.folder / f"{name}_{class_name}_slice{z}.png"
            save_picture(path, grey, pixels, OUTCOMES)
            print(f"{path}: Dice {dice:.3f}", flush=True)
    draw_kinds(predictor, given.folder)


def draw_kinds(predictor: Predictor, folder: Path) -> None:
    """Draw the kinds of wrong mitochondria in some slices of the brain, and print their shares."""
    case = replace(CASES["brain_sbem, chosen by"], slices=CHOSEN_BY[::4])
    for spec, z, _, grey, pixels in outcomes(predictor, case):
        found = (pixels == 1) | (pixels == 2)
        truth = (pixels == 1) | (pixels == 3)
        kinds = kinds_of(found, truth, grey)
        path = folder / f"brain_{spec.name}_kinds_slice{z}.png"
        save_picture(path, grey, kinds, KINDS)
        found_shares = ", ".join(f"{k} {v:.2f}" for k, v in shares(kinds, truth).items())
        print(f"{path}: {found_shares}", flush=True)


if __name__ == "__main__":
    main()
