"""Leave one source out: train without it, score on it, the recipe before against the present one.

Every run has as many steps, so that it takes as many minutes: both encoders are frozen, what comes
after them starts from random weights, and 128 crops are embedded once. The brain is never trained
on; of its slices only those are used here by which choices are made.

With --checkpoint, trained checkpoints are scored on all sources instead: figures to choose by.

    python -m benchmarks.sources [--checkpoint C ...] [--steps 100] [--seeds 0 1] [--only ROW ...] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.shipped import BRAIN, BRAIN_NM, CHOSEN_BY, DATA, DEV
from scipy.special import softmax

from napari_scsam.checkpoints.checkpoint import load_checkpoint
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.contrast import measure_contrast
from napari_scsam.io.volumes import open_labels, open_volume
from napari_scsam.metrics import calibration
from napari_scsam.model import ScSAMConfig
from napari_scsam.train.bodies import ORDERS, body_borders, turned
from napari_scsam.train.finetune.known_labels import UNKNOWN
from napari_scsam.train.recipe import Recipe, read_recipe
from napari_scsam.train.training import train

HERE = Path(__file__).resolve().parent
WEIGHTS = HERE.parent / "weights"
BEFORE = WEIGHTS / "recipes" / "even.toml"
PRESENT = WEIGHTS / "recipes" / "sources.toml"
MEDULLA = DATA / "medulla_unlabelled"
LEAF = DATA / "leaf"

BRAIN_SLICES = CHOSEN_BY[:5:4]
DEV_SLICES = (0, 5, 8, 11)
MEDULLA_SLICES = (60, 190)
"""Of each axis."""


@dataclass(frozen=True)
class Row:
    """One way of training, and the source that it never sees."""

    title: str
    recipe: Path
    without: str
    """Folder of the source that is left out; the brain always is."""
    similarity: str = "cosine"
    branches: str = "sam+mae"


ROWS = {
    "before": Row("recipe before", BEFORE, "medulla_unlabelled"),
    "present": Row("present recipe", PRESENT, "brain_sbem"),
    "present, no medulla": Row("present recipe", PRESENT, "medulla_unlabelled"),
    "present, no leaf": Row("present recipe", PRESENT, "leaf"),
    "softmax": Row("present, softmax over classes", PRESENT, "brain_sbem", "softmax"),
    "softmax, no medulla": Row(
        "present, softmax over classes", PRESENT, "medulla_unlabelled", "softmax"
    ),
    "several": Row("present, several prototypes a class", PRESENT, "brain_sbem", "several"),
    "several, no medulla": Row(
        "present, several prototypes a class", PRESENT, "medulla_unlabelled", "several"
    ),
    "relations": Row("present, relations as a token", PRESENT, "brain_sbem", "relations"),
    "dot": Row("present, dot product", PRESENT, "brain_sbem", "dot"),
}
"""The recipe before has nothing of the medulla without its own earlier answers, which are left out."""


def recipe_of(row: Row, seed: int, steps: int) -> Recipe:
    """Return the recipe of a run: the row's sources, from the branches' weights."""
    recipe = read_recipe(row.recipe)
    sources = [s for s in recipe.sources if "pseudo" not in s.labels.parts]
    kept = [replace(s, calibration=()) for s in sources if row.without not in s.image.parts]
    training = replace(
        recipe.training,
        steps=steps,
        save_every=steps,
        batch=4,
        crop=224,
        rate=1e-3,
        unfreeze=(),
        pool=128,
        prompts=0,
        hold=0.0,
        keep=0.0,
        seed=seed,
    )
    model = ScSAMConfig(
        sam="vit_t",
        nm_per_pixel=5.0,
        tile=448,
        similarity=row.similarity,
        branches=row.branches,
    )
    return Recipe(
        model,
        read_recipe(PRESENT).classes,
        tuple(kept),
        training,
        sam_weights=WEIGHTS / "branches" / "sam_tiny.safetensors",
        mae_weights=WEIGHTS / "mae_hybrid.safetensors",
    )


def membrane_dice(predictor: Predictor) -> float:
    """Compute Dice of the membranes between the medulla's neurons, on slices of three axes."""
    both = total = 0
    image = open_volume(MEDULLA / "training_sample2.tif")
    bodies = open_labels(MEDULLA / "training_sample2_bodies.tif")
    contrast = measure_contrast(image.data)
    number = next(c.id for c in predictor.classes if c.name == "membrane")
    for axis in ORDERS:
        grey = turned(image, axis)
        numbers = turned(bodies, axis)
        for z in MEDULLA_SLICES:
            truth = body_borders(numbers.plane(z)[None], 1)[0]
            predictor.set_image(grey.plane(z), grey.voxel_size, contrast=contrast)
            found = (predictor.segment(["membrane"]) == number) & (truth != UNKNOWN)
            both += int((found & (truth == 1)).sum())
            total += int(found.sum() + (truth == 1).sum())
    return 2 * both / total


CALIBRATIONS = {
    "as it is": (1.0, 0.0),
    "temperature x0.8": (0.8, 0.0),
    "temperature x1.5": (1.5, 0.0),
    "temperature x2": (2.0, 0.0),
    "logits less 0.5": (1.0, 0.5),
    "logits less 1": (1.0, 1.0),
}
"""By what mitochondrial logits are divided, and what is subtracted from them first."""


def mitochondria(predictor: Predictor) -> tuple[float, dict[str, float]]:
    """Compute Dice of the brain's mitochondria, and the calibration error of each calibration.

    The boundary counts with the interior.
    """
    image = open_volume(DATA / BRAIN[0], BRAIN_NM)
    labels = open_labels(DATA / BRAIN[1])
    contrast = measure_contrast(image.data)
    rows = [
        row
        for row, spec in enumerate(predictor.classes, 1)
        if "mitochondrion" in (spec.name, spec.part_of)
    ]
    both = total = 0
    errors: dict[str, list[float]] = {name: [] for name in CALIBRATIONS}
    for z in BRAIN_SLICES:
        predictor.set_image(image.plane(z), image.voxel_size, contrast=contrast)
        found = predictor.segment(["mitochondrion"]) > 0
        truth = labels.plane(z) > 0
        logits = predictor.class_logits()
        scores = np.concatenate([np.zeros_like(logits[:1]), logits])
        for name, (temperature, less) in CALIBRATIONS.items():
            changed = scores.copy()
            changed[rows] -= less
            shares = softmax(changed / temperature, axis=0)[rows].sum(0).clip(0, 1)
            errors[name].append(calibration(shares, truth).error)
        both += int((found & truth).sum())
        total += int(found.sum() + truth.sum())
    means = {name: statistics.mean(values) for name, values in errors.items()}
    return 2 * both / total, means


def mean_dice(predictor: Predictor) -> float:
    """Compute the mean Dice of the classes on held-out slices of the hippocampus."""
    image = open_volume(DATA / DEV[0])
    labels = open_labels(DATA / DEV[1])
    contrast = measure_contrast(image.data)
    counts = np.zeros((len(predictor.classes), 2))
    for z in DEV_SLICES:
        predictor.set_image(image.plane(z), image.voxel_size, contrast=contrast)
        found = predictor.segment()
        truth = labels.plane(z)
        for row, spec in enumerate(predictor.classes):
            both = (found == spec.id) & (truth == spec.id)
            counts[row] += 2 * both.sum(), (found == spec.id).sum() + (truth == spec.id).sum()
    return float((counts[:, 0] / counts[:, 1]).mean())


def taken_for_organelles(predictor: Predictor) -> float:
    """Compute the share of the pixels of chloroplasts that are called an organelle."""
    image = open_volume(LEAF / "raw.tif")
    labels = open_labels(LEAF / "chloroplast_instances.tif")
    window = (slice(800, 1700), slice(1200, 2100))
    predictor.set_image(image.plane(1)[window], contrast=measure_contrast(image.data))
    found = predictor.segment(["mitochondrion", "vesicle", "PSD"])
    inside = labels.plane(1)[window] > 0
    return float((found[inside] > 0).mean())


def scores_of(checkpoint: Path | str) -> dict[str, float]:
    """Score a checkpoint on every source."""
    predictor = Predictor(load_checkpoint(checkpoint), "cpu")
    dice, errors = mitochondria(predictor)
    return {
        "brain mitochondrion": dice,
        **{f"calibration error, {name}": error for name, error in errors.items()},
        "medulla membrane": membrane_dice(predictor),
        "leaf taken for organelles": taken_for_organelles(predictor),
        "hippocampus five classes": mean_dice(predictor),
    }


def perform(row: Row, seed: int, steps: int) -> dict[str, Any]:
    """Train and score one run."""
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run.safetensors"
        for _ in train(recipe_of(row, seed, steps), out, "cpu"):
            pass
        minutes = (time.process_time() - began) / 60
        return {"steps": steps, "cpu_minutes": round(minutes, 2), **scores_of(out)}


UNSEEN = {
    "before": ("brain mitochondrion", "medulla membrane", "leaf taken for organelles"),
    "present": ("brain mitochondrion",),
    "present, no medulla": ("brain mitochondrion", "medulla membrane"),
    "present, no leaf": ("brain mitochondrion", "leaf taken for organelles"),
}
"""What a row has not been trained on; of other rows, the brain alone."""

COLUMNS = (
    "brain mitochondrion",
    "medulla membrane",
    "leaf taken for organelles",
    "hippocampus five classes",
)


def table(results: dict[str, Any]) -> Iterator[str]:
    """Draw the table: means over seeds, each seed in brackets, a star at sources that were seen."""
    yield "| row | seeds | " + " | ".join(COLUMNS) + " |"
    yield "|---|---|" + "---|" * len(COLUMNS)
    for name, row in ROWS.items():
        runs = [run for key, run in results.items() if key.rsplit(" seed", 1)[0] == name]
        if not runs:
            continue
        cells = []
        for column in COLUMNS:
            seen = "" if column in UNSEEN.get(name, COLUMNS[:1]) else " \\*"
            each = ", ".join(f"{run[column]:.3f}" for run in runs)
            cells.append(f"{statistics.mean(run[column] for run in runs):.3f} ({each}){seen}")
        yield f"| {name}: {row.title} | {len(runs)} | " + " | ".join(cells) + " |"


def main(arguments: list[str] | None = None) -> None:
    """Train what has no result yet, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--only", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--out", type=Path, default=HERE / "sources.json")
    parser.add_argument("--checkpoint", nargs="+", default=[])
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if given.checkpoint:
        for name in given.checkpoint:
            rounded = {k: round(v, 3) for k, v in scores_of(name).items()}
            print(name, json.dumps(rounded), flush=True)
        return
    results = json.loads(given.out.read_text()) if given.out.exists() else {}
    for seed in given.seeds:
        for name in given.only:
            key = f"{name} seed{seed}"
            if results.get(key, {}).get("steps") != given.steps:
                results[key] = perform(ROWS[name], seed, given.steps)
                given.out.write_text(json.dumps(results, indent=1) + "\n")
                print(key, results[key], flush=True)
    print(*table(results), sep="\n")


if __name__ == "__main__":
    main()
