"""What averaging the logits of neighbouring slices changes, on consecutive slices 5 nm apart.

Run from the project's root: python benchmarks/average_z.py [--slices 24 72] [--out FILE]

Mitochondria of `hippocampus_stack`, whose labels leave out the outer membrane. Flicker is how much
of the mitochondria changes from one slice to the next, beside what changes in the labels.
"""

from __future__ import annotations

import argparse
import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_scsam.checkpoints.checkpoint import load_checkpoint
from napari_scsam.config import select_classes
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.contrast import measure_contrast
from napari_scsam.io.volumes import Volume, open_labels, open_volume
from napari_scsam.volume.labelling import Labelling
from napari_scsam.volume.run_plan import plan_run

HERE = Path(__file__).parent
DATA = HERE.parents[1] / "shared" / "data" / "hippocampus_stack"


def masks(
    volume: Volume, predictor: Predictor, slices: tuple[int, int], *, average: bool
) -> NDArray[np.bool_]:
    """Return the mitochondria of slices, Z×Y×X."""
    plan = plan_run(volume.shape, range(*slices), average_z=average)
    requested = select_classes(predictor.classes, ["mitochondrion", "mitochondrial_boundary"])
    contrast = measure_contrast(volume.data)
    labelling = Labelling(volume, predictor, requested, contrast, replace(plan, average_z=average))
    with closing(labelling.answers(plan.slices)) as answers:
        planes = [answer.labels() for answer in answers if answer is not None]
    return np.stack(planes) == requested[0].id


def figures(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> dict[str, float]:
    """Return Dice, and changes from slice to slice beside those of the labels."""
    dice = 2 * (found & truth).sum() / (found.sum() + truth.sum())
    changes = (found[1:] != found[:-1]).sum() / (truth[1:] != truth[:-1]).sum()
    return {"Dice": round(float(dice), 4), "flicker": round(float(changes), 3)}


def measure(slices: tuple[int, int]) -> dict[str, Any]:
    """Measure both ways."""
    volume = open_volume(DATA / "raw.tif")
    predictor = Predictor(load_checkpoint(), "cpu")
    truth = open_labels(DATA / "mito.tif").data[slice(*slices)] == 1
    result: dict[str, Any] = {"slices": list(slices), "voxel_size": volume.voxel_size}
    for name, average in (("each slice alone", False), ("1-2-1 along z", True)):
        result[name] = figures(masks(volume, predictor, slices, average=average), truth)
    return result


def main() -> None:
    """Print the figures as JSON, and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, nargs=2, default=(24, 72), metavar=("A", "B"))
    parser.add_argument("--out", type=Path, default=HERE / "average_z.json")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    result = measure(tuple(arguments.slices))
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
