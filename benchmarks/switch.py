"""Train the shipped weights on with another similarity of the class prompt, and score them.

The encoders stay as they are. The shipped model's answers are held to where labels do not decide.
Each takes a few minutes of one core. The brain's slices are those by which choices are made.

    python -m benchmarks.switch [--similarity cosine softmax] [--steps 300] [--seed 0]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import torch
from benchmarks.shipped import BRAIN, BRAIN_NM, CHOSEN_BY, DATA
from benchmarks.sources import PRESENT, mean_dice, membrane_dice, taken_for_organelles

from napari_scsam.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from napari_scsam.checkpoints.find import find_checkpoint
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.contrast import measure_contrast
from napari_scsam.io.volumes import open_labels, open_volume
from napari_scsam.model import ScSAM
from napari_scsam.train import training
from napari_scsam.train.recipe import Recipe, read_recipe


def brain_dice(predictor: Predictor) -> float:
    """Compute Dice of the brain's mitochondria on all slices by which choices are made."""
    image = open_volume(DATA / BRAIN[0], BRAIN_NM)
    labels = open_labels(DATA / BRAIN[1])
    contrast = measure_contrast(image.data)
    both = total = 0
    for z in CHOSEN_BY:
        predictor.set_image(image.plane(z), image.voxel_size, contrast=contrast)
        found = predictor.segment(["mitochondrion"]) > 0
        truth = labels.plane(z) > 0
        both += int((found & truth).sum())
        total += int(found.sum() + truth.sum())
    return 2 * both / total


def scores_of(path: Path) -> dict[str, float]:
    """Score a checkpoint."""
    predictor = Predictor(load_checkpoint(path), "cpu")
    return {
        "brain mitochondrion": brain_dice(predictor),
        "medulla membrane": membrane_dice(predictor),
        "leaf taken for organelles": taken_for_organelles(predictor),
        "hippocampus five classes": mean_dice(predictor),
    }


def switched(shipped: Path, similarity: str, seed: int, folder: Path) -> Path:
    """Write the shipped weights with another similarity; what that adds is random."""
    old = load_checkpoint(shipped)
    torch.manual_seed(seed)
    new = ScSAM(replace(old.config, similarity=similarity), old.classes)
    new.load_state_dict(old.state_dict(), strict=False)
    start = folder / "start.safetensors"
    save_checkpoint(start, new, summary="", licence="", training={}, half=False)
    return start


def recipe_of(start: Path, seed: int, steps: int) -> Recipe:
    """Return the recipe of a run: the present sources, without the release's own answers."""
    present = read_recipe(PRESENT)
    settings = replace(
        present.training,
        steps=steps,
        save_every=steps,
        crop=320,
        rate=3e-4,
        decoder_rate=1e-4,
        unfreeze=(),
        pool=192,
        keep=0.0,
        seed=seed,
    )
    sources = tuple(s for s in present.sources if "pseudo" not in s.labels.parts)
    config = load_checkpoint(start).config
    return Recipe(config, present.classes, sources, settings, start=start)


def main() -> None:
    """Print the scores of the shipped weights, and of each similarity."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--similarity", nargs="+", default=["cosine", "softmax"])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    shipped = find_checkpoint()
    print("shipped", json.dumps(scores_of(shipped)), flush=True)
    for similarity in given.similarity:
        with tempfile.TemporaryDirectory() as name:
            start = switched(shipped, similarity, given.seed, Path(name))
            out = Path(name) / "trained.safetensors"
            recipe = recipe_of(start, given.seed, given.steps)
            parent = load_checkpoint(shipped).eval().requires_grad_(False)
            held_to = parent.to(memory_format=torch.channels_last)
            # The weights at the start have another similarity; their answers are no parent's.
            with patch.object(training, "parent_of", return_value=held_to):
                for _ in training.train(recipe, out, "cpu"):
                    pass
            print(similarity, json.dumps(scores_of(out)), flush=True)


if __name__ == "__main__":
    main()
