"""One run, from the data to its scores."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.accuracy.budget import Trainer, fit, seconds_a_step
from benchmarks.accuracy.forest import ForestLogits, fit_forest
from benchmarks.accuracy.pixels import PixelPredictor
from benchmarks.accuracy.plan import VARIANTS, Run, Scale
from benchmarks.accuracy.unet import UNetLogits, train_unet

from napari_scsam.checkpoints.checkpoint import load_checkpoint
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.volumes import Volume, as_volume, open_labels, open_volume
from napari_scsam.model import ScSAMConfig
from napari_scsam.steps import drive
from napari_scsam.train.calibrate import calibrate
from napari_scsam.train.recipe import Recipe
from napari_scsam.train.recipe_tables import LabelledSource, Training
from napari_scsam.train.scoring.evaluate import evaluate
from napari_scsam.train.scoring.scores import Scores
from napari_scsam.train.training import train

TRAINERS: Mapping[str, Trainer] = {"scsam": partial(train, device="cpu"), "unet": train_unet}
"""What trains each kind that is trained step by step."""

Made = tuple[Predictor | PixelPredictor, dict[str, Any]]
"""What segments, and what it took to make it."""

FIRST_PART = 5
"""Slices of the scored volume that lie on one side of the training slices, z 0 to 4; the only ones with myelin."""


@dataclass(frozen=True)
class Bench:
    """What all runs share."""

    scale: Scale
    recipe: Recipe
    data: Path
    """Folder with ``train_raw.tif``, ``dev_raw.tif`` and their labels."""
    out: Path
    prices: Mapping[str, float] = field(default_factory=dict)
    """CPU seconds of a step of each variant, where they are known."""

    def checkpoint(self, run: Run) -> Path:
        """Return the path of a run's weights."""
        return self.out / "runs" / f"{run.name}.safetensors"

    def budget(self, run: Run) -> float:
        """Return the CPU seconds that a run may train."""
        return 60 * self.scale.minutes * VARIANTS[run.variant].share

    def steps(self, run: Run) -> int:
        """Return the number of steps within a run's budget."""
        price = self.prices.get(run.variant) or self.prices[run.variant.removesuffix("+")]
        return max(1, round(self.budget(run) / price))


def recipe_of(bench: Bench, run: Run) -> Recipe:
    """Return a run's recipe: the shared one with the run's slices and the variant's settings."""
    variant = VARIANTS[run.variant]
    scale = bench.scale
    source = next(s for s in bench.recipe.sources if not s.instances)
    source = replace(
        source,
        image=bench.data / "train_raw.tif",
        labels=bench.data / "train_labels.tif",
        objects=(),
        borders=(),
        slices=run.slices,
        calibration=(),
    )
    training = replace(
        bench.recipe.training,
        unfreeze=variant.unfreeze,
        prompts=0,
        rounds=1,
        seed=run.seed,
        crop=scale.crop,
        batch=scale.batch,
        steps=1,
        save_every=1,
    )
    return replace(
        bench.recipe,
        model=replace(bench.recipe.model, tile=scale.tile, **variant.model),
        sources=(source,),
        training=training,
    )


def settings_of(bench: Bench, run: Run) -> dict[str, Any]:
    """Return all that a result depends on, as plain JSON values; equal runs are not repeated.

    Settings of the recipe that stand at their defaults are left out: one that is added later changes no earlier run.
    """
    recipe = recipe_of(bench, run)
    weights = [path for path in (recipe.sam_weights, recipe.mae_weights) if path]
    shared = {
        k: v for k, v in asdict(bench.scale).items() if k not in ("training", "subsets", "seeds")
    }
    named = {
        **spare(recipe),
        "classes": [f"{c.id} {c.name}" for c in recipe.classes],
    }  # colours and descriptions change nothing
    settings = {
        "variant": asdict(VARIANTS[run.variant]),
        "recipe": named,
        "weights": [digest(p) for p in weights],
        **shared,
    }
    if {run.variant, run.variant.removesuffix("+")} & set(bench.prices):
        settings["steps"] = bench.steps(run)
    plain: dict[str, Any] = json.loads(json.dumps(settings))
    return plain


def spare(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as plain values, without the defaults."""
    values = recipe.to_dict()
    usual = Recipe(ScSAMConfig(), (), (), Training()).to_dict()
    training = beside(values["training"], usual["training"])
    training["augmentation"] = beside(
        values["training"]["augmentation"], usual["training"]["augmentation"]
    )
    source = LabelledSource(Path(), Path()).to_dict()
    return values | {
        "model": beside(values["model"], usual["model"]),
        "training": training,
        "sources": [beside(s, source) for s in values["sources"]],
    }


def beside(values: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that differ from the usual ones."""
    return {key: value for key, value in values.items() if key not in usual or value != usual[key]}


def prices_of(bench: Bench, runs: Iterable[Run]) -> dict[str, float]:
    """Measure the cost of a step of each variant in these runs, in CPU seconds on one thread."""
    torch.set_num_threads(1)
    asked = {
        run.variant: run
        for run in runs
        if VARIANTS[run.variant].kind in TRAINERS and VARIANTS[run.variant].share == 1
    }
    trainers = {
        key: (TRAINERS[VARIANTS[key].kind], recipe_of(bench, run)) for key, run in asked.items()
    }
    return seconds_a_step(trainers, bench.scale.probe)


@cache
def digest(path: Path) -> str:
    """Return a short hash of a file of weights."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def perform(bench: Bench, run: Run) -> dict[str, Any]:
    """Train, segment and score; the record of a run in ``results.json``."""
    torch.set_num_threads(1)
    kinds = {
        "scsam": make_scsam,
        "unet": make_unet,
        "forest": make_forest,
        "calibrated": make_calibrated,
    }
    predictor, record = kinds[VARIANTS[run.variant].kind](bench, run)
    began = time.process_time()
    # A duck is enough: evaluate asks for no more than a PixelPredictor has.
    scores = drive(evaluate(predictor, *pair(bench, "dev"), slices=bench.scale.evaluated))  # type: ignore[arg-type]
    return {
        **record,
        "evaluation_cpu_seconds": time.process_time() - began,
        "scores": scores.to_dict(),
        "parts": parts_of(scores, bench.scale),
    }


def make_scsam(bench: Bench, run: Run) -> Made:
    """Train a ScSAM."""
    out = bench.checkpoint(run)
    record = fit(TRAINERS["scsam"], recipe_of(bench, run), out, bench.steps(run))
    return Predictor(load_checkpoint(out), "cpu"), record


def make_unet(bench: Bench, run: Run) -> Made:
    """Train a U-Net."""
    out = bench.checkpoint(run)
    classes = bench.recipe.classes
    record = fit(TRAINERS["unet"], recipe_of(bench, run), out, bench.steps(run))
    return PixelPredictor(classes, UNetLogits(out, len(classes)), bench.scale.tile), record


def make_forest(bench: Bench, run: Run) -> Made:
    """Grow a forest; it sees whole slices, since its filters have no borders to learn."""
    forest, record = fit_forest(
        recipe_of(bench, run), bench.scale.points, bench.scale.trees, bench.budget(run)
    )
    return PixelPredictor(
        bench.recipe.classes, ForestLogits(forest, len(bench.recipe.classes)), tile=4096
    ), record


def make_calibrated(bench: Bench, run: Run) -> Made:
    """Calibrate what another run trained, on slices that no run learns from."""
    began = time.process_time()
    base = run.base
    if base is None:
        raise ValueError(f"{run.name} names no run to calibrate")
    predictor = Predictor(load_checkpoint(bench.checkpoint(base)), "cpu")
    drive(calibrate(predictor, *pair(bench, "train"), slices=bench.scale.held_out))
    model = predictor.model
    found = {"temperature": model.temperature.item(), "thresholds": model.thresholds.tolist()}
    return predictor, {**found, "cpu_seconds": time.process_time() - began}


def pair(bench: Bench, name: str) -> tuple[Volume, Volume]:
    """Open a volume and its labels, cut to the scale's side."""
    image = open_volume(bench.data / f"{name}_raw.tif")
    labels = open_labels(bench.data / f"{name}_labels.tif")
    if bench.scale.side is None:
        return image, labels
    part = (slice(None), slice(bench.scale.side), slice(bench.scale.side))
    image, labels = (
        as_volume(np.stack([v.plane(z) for z in range(v.depth)])[part], v.voxel_size, v.name)
        for v in (image, labels)
    )
    return image, labels


def parts_of(scores: Scores, scale: Scale) -> dict[str, Any]:
    """Score the parts of the volume before and behind the training slices separately."""
    slices = list(zip(sorted(scale.evaluated), scores.slices, strict=True))
    parts = {
        "z<=4": [s for z, s in slices if z < FIRST_PART],
        "z>=134": [s for z, s in slices if z >= FIRST_PART],
    }
    return {name: replace(scores, slices=tuple(part)).to_dict() for name, part in parts.items()}
