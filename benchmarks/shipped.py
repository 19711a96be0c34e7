"""The figures of the shipped checkpoint's model card.

Run from the project's root: python benchmarks/shipped.py [--checkpoint C] [--only NAME ...]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_scsam.checkpoints.checkpoint import load_checkpoint
from napari_scsam.config import VoxelSize, select_classes
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.volumes import open_labels, open_volume
from napari_scsam.steps import drive
from napari_scsam.train.scoring.click_evaluation import evaluate_clicks
from napari_scsam.train.scoring.evaluate import evaluate

HERE = Path(__file__).parent
DATA = HERE.parents[1] / "shared" / "data"


@dataclass(frozen=True)
class Case:
    """One labelled volume and how it is scored."""

    image: str
    labels: str
    mitochondria: bool = False
    """Value 1 is mitochondrion, and there is nothing else."""
    voxel_size: VoxelSize | None = None
    """Said to the model in place of what the file says."""
    unknown: bool = False
    """Nobody says the voxel size."""
    slices: tuple[int, ...] | None = None
    clicks: int = 0
    careful: bool = False
    """Several views of each slice are averaged."""


BRAIN = ("brain_sbem/raw.tif", "brain_sbem/mito.tif")
STACK = ("hippocampus_stack/raw.tif", "hippocampus_stack/mito.tif")
DEV = ("hippocampus/dev_raw.tif", "hippocampus/dev_labels.tif")

BRAIN_NM = (40.0, 10.0, 10.0)
CHOSEN_BY = tuple(range(0, 20, 2))
"""Slices of the brain by which weights and recipes are chosen."""

REPORTED = tuple(range(1, 20, 2))
"""Slices of the brain that are scored once, when nothing is left to choose."""

CASES = {
    "dev": Case(*DEV),
    "dev z<=4": Case(*DEV, slices=tuple(range(5))),
    "dev z>=134": Case(*DEV, slices=tuple(range(5, 12))),
    "hippocampus_stack": Case(*STACK, mitochondria=True, slices=tuple(range(0, 96, 8))),
    "hippocampus_stack, size unknown": Case(
        *STACK, mitochondria=True, unknown=True, slices=tuple(range(0, 96, 8))
    ),
    "brain_sbem, chosen by": Case(*BRAIN, mitochondria=True, voxel_size=BRAIN_NM, slices=CHOSEN_BY),
    "brain_sbem": Case(*BRAIN, mitochondria=True, voxel_size=BRAIN_NM, slices=REPORTED),
    "brain_sbem, size unknown": Case(*BRAIN, mitochondria=True, unknown=True, slices=REPORTED),
    "dev, careful": Case(*DEV, careful=True),
    "hippocampus_stack, careful": Case(
        *STACK, mitochondria=True, slices=tuple(range(0, 96, 8)), careful=True
    ),
    "brain_sbem, careful": Case(
        *BRAIN, mitochondria=True, voxel_size=BRAIN_NM, slices=REPORTED, careful=True
    ),
    "brain_sbem, clicks": Case(
        *BRAIN, mitochondria=True, voxel_size=BRAIN_NM, slices=REPORTED, clicks=3
    ),
    "dev, clicks": Case(*DEV, slices=(0, 5, 8, 11), clicks=3),
}


def score(predictor: Predictor, case: Case) -> dict[str, Any]:
    """Evaluate one case."""
    predictor.tta = case.careful
    image = open_volume(DATA / case.image, case.voxel_size)
    labels = open_labels(DATA / case.labels)
    if case.unknown:
        image = replace(image, voxel_size=None, sides=(None, None, None))
    # Of labels that the checkpoint has no class for, such as myelin, nothing is scored.
    mapping = {spec.id: spec for spec in predictor.classes}
    if case.mitochondria:
        mapping = {1: select_classes(predictor.classes, ["mitochondrion"])[0]}
    if case.clicks:
        if not case.mitochondria:  # a mitochondrion with its boundary is one object
            mapping = {1: predictor.classes[0], 2: predictor.classes[0]}
        return drive(
            evaluate_clicks(predictor, image, labels, case.clicks, mapping, slices=case.slices)
        ).to_dict()
    return drive(evaluate(predictor, image, labels, mapping, slices=case.slices)).to_dict()


def speed(predictor: Predictor, side: int = 1024, repeats: int = 5) -> dict[str, float]:
    """Return the median seconds to segment a 1-megapixel slice, with four views, and per class."""
    rng = np.random.default_rng(0)
    careful = []
    first = []
    second = []

    def seconds(classes: list[str] | None = None) -> float:
        began = time.perf_counter()
        predictor.segment(classes)
        return time.perf_counter() - began

    for _ in range(repeats):
        for predictor.tta, found in ((True, careful), (False, first)):
            predictor.embeddings.clear()
            predictor.set_image(rng.integers(0, 255, (side, side)).astype(np.uint8), 5.0)
            found.append(seconds())
        second.append(seconds(["mitochondrion"]))
    return {
        "megapixel_seconds": float(np.median(first)),
        "megapixel_careful_seconds": float(np.median(careful)),
        "second_class_seconds": float(np.median(second)),
        "threads": torch.get_num_threads(),
    }


def rows(results: dict[str, Any]) -> Iterator[str]:
    """Draw the table for the model card."""
    for name, found in results.items():
        if "clicks" in found:
            yield (
                f"{name}: IoU after 1, 2, … clicks "
                + ", ".join(f"{v:.3f}" for v in found["clicks"]["iou"])
                + f"; box {found['box_iou']:.3f}"
            )
        elif "classes" in found:
            scores = ", ".join(
                f"{c['name']} {c['dice']:.3f}" for c in found["classes"] if c["dice"] is not None
            )
            yield f"{name}: Dice {scores}; mean {found['mean_dice']:.3f}"
        else:
            yield f"{name}: " + ", ".join(f"{k} {v:.3g}" for k, v in found.items())


def main() -> None:
    """Score the requested cases, print the table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", default="default")
    parser.add_argument("--only", nargs="+", choices=[*CASES, "speed"], default=[*CASES, "speed"])
    parser.add_argument("--out", type=Path, default=HERE / "shipped.json")
    arguments = parser.parse_args()
    results = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    predictor = Predictor(load_checkpoint(arguments.checkpoint), "cpu")
    for name in arguments.only:
        results[name] = speed(predictor) if name == "speed" else score(predictor, CASES[name])
        print(*rows({name: results[name]}), flush=True)
        arguments.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
