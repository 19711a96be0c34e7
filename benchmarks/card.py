"""Time the recipes for bigger encoders, and tiles of their models, on a graphics card.

Weights are random, so nothing is downloaded; what is timed does not depend on
them. The data of the recipes are needed, or others by --data.

    python benchmarks/card.py
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from napari_scsam.config import UserError
from napari_scsam.infer.device import choose_device
from napari_scsam.infer.predictor import Predictor
from napari_scsam.model import ScSAM
from napari_scsam.train.drawing import spare_processes
from napari_scsam.train.recipe import Recipe, read_recipe
from napari_scsam.train.recipe_tables import Training
from napari_scsam.train.training import train

HERE = Path(__file__).resolve().parent
RECIPES = HERE.parent / "weights" / "recipes"
NAMES = ("vit_b", "vit_l_em", "vit_h", "timm_mae")

NEVER = 1_000_000


@dataclass(frozen=True)
class Cost:
    """The cost of one repetition."""

    milliseconds: float
    """Median of one."""
    gigabytes: float
    """Peak of the card's memory that torch gave out."""


def measure(act: Callable[[], object], warm: int, rounds: int) -> Cost:
    """Repeat an act that ends with a number on the host, or waits for the card itself."""
    torch.cuda.reset_peak_memory_stats()
    times = []
    for _ in range(warm + rounds):
        began = time.perf_counter()
        act()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return Cost(1000 * statistics.median(times[warm:]), torch.cuda.max_memory_allocated() / 1e9)


def step_of(recipe: Recipe, warm: int, rounds: int, **training: object) -> Cost:
    """Train for a few steps, into a temporary folder."""
    changed: Training = replace(recipe.training, steps=NEVER, save_every=NEVER, **training)  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as folder:
        processes = spare_processes(choose_device("cuda")) if changed.unfreeze else 0
        run = train(
            replace(recipe, training=changed), Path(folder) / "never.safetensors", "cuda", processes
        )
        cost = measure(lambda: next(run), warm, rounds)
        run.close()  # type: ignore[attr-defined]
    torch.cuda.empty_cache()
    return cost


def tile_of(recipe: Recipe, side: int) -> Cost:
    """Segment a square image that is one tile into all classes."""
    torch.manual_seed(0)
    model = ScSAM(replace(recipe.model, tile=side), recipe.classes).eval()
    predictor = Predictor(model, "cuda")
    image = np.random.default_rng(0).integers(0, 255, (side, side)).astype(np.uint8)

    def act() -> None:
        predictor.embeddings.clear()
        predictor.set_image(image)
        predictor.segment()

    return measure(act, 3, 7)


def without_weights(path: Path, data: Path | None) -> Recipe:
    """Read a recipe, and leave out the weights that it would start from."""
    recipe = read_recipe(path)
    source = recipe.sources[0]
    if data is not None:
        source = replace(source, image=data / source.image.name, labels=data / source.labels.name)
    return replace(
        recipe, sam_weights=None, mae_weights=None, sources=(replace(source, calibration=()),)
    )


def row(name: str, recipe: Recipe) -> Iterator[str]:
    """Measure the cells of a recipe's row."""
    yield name
    for side in (512, 1024):
        cost = tile_of(recipe, side)
        yield f"{cost.milliseconds:.0f} ms, {cost.gigabytes:.1f} GB"
    if recipe.training.unfreeze:
        cost = step_of(recipe, 4, 12)
        yield f"{cost.milliseconds:.0f} ms"
    else:
        pool = 8 * recipe.training.batch  # the first steps fill it, and embed their crops
        filling = step_of(recipe, 1, 6, pool=NEVER)
        after = step_of(recipe, 12, 20, pool=pool)
        cost = replace(after, gigabytes=max(filling.gigabytes, after.gigabytes))
        yield f"{filling.milliseconds:.0f} ms, later {after.milliseconds:.0f} ms"
    yield f"{cost.gigabytes:.1f} GB"
    yield f"{step_of(recipe, 4, 8, unfreeze=('sam',), batch=1).gigabytes:.1f} GB"


def main() -> None:
    """Print the table, row by row."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder with train_raw.tif and train_labels.tif")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    given = parser.parse_args()
    try:
        device = choose_device("cuda")
    except UserError as error:
        parser.error(str(error))
    print(f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}\n")
    print(
        "| recipe | 512 px tile | 1024 px tile | a training step as written | its memory | SAM's encoder learning too, batch 1 |"
    )
    print("|---|---|---|---|---|---|", flush=True)
    for name in given.only:
        print(
            "| "
            + " | ".join(row(name, without_weights(RECIPES / f"{name}.toml", given.data)))
            + " |",
            flush=True,
        )


if __name__ == "__main__":
    main()
