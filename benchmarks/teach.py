"""How well a few strokes teach a class: ``python -m benchmarks.teach``.

Strokes are drawn by rule on one slice: on some objects along their middle,
and twice as many on what is none, half of these close by. The class is then
looked for on another slice, once more after as many strokes on a third, which
add to the first. A random forest on scikit-image's filters (its trainable
segmenter) learns from the same strokes. Chloroplasts
are a class that the shipped network never learned; the brain is a tissue that
it never saw; classes of the hippocampus it knows, and is taught once more
under another name, so that these rows are no more than an upper bound.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import multiscale_basic_features
from skimage.measure import label, regionprops
from skimage.morphology import skeletonize
from sklearn.ensemble import RandomForestClassifier

from napari_scsam import Predictor, load_checkpoint
from napari_scsam.io.volumes import open_labels, open_volume
from napari_scsam.metrics import overlaps

HERE = Path(__file__).resolve().parent
LENGTH = 40
"""Pixels of a stroke."""
NAME = "taught"

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Case:
    """A class to teach on the first and second slice, and to find on the third."""

    image: str
    labels: str
    value: int | None
    """In the labels; any that is not background when None."""
    slices: tuple[int, int, int]
    voxel_size: tuple[float, float, float] | None
    part: tuple[tuple[int, int], tuple[int, int]] = ((0, 1024), (0, 1024))
    """Rows and columns that are looked at."""

    def read(self, data: Path) -> list[tuple[NDArray[Any], Mask]]:
        """Read the slices with their masks."""
        image = open_volume(data / self.image)
        labels = open_labels(data / self.labels)
        key = tuple(slice(*ends) for ends in self.part)
        planes = [
            (np.asarray(image.plane(z))[key], np.asarray(labels.plane(z))[key]) for z in self.slices
        ]
        return [
            (grey, values > 0 if self.value is None else values == self.value)
            for grey, values in planes
        ]


DEV = ("hippocampus/dev_raw.tif", "hippocampus/dev_labels.tif")

CASES = {
    "chloroplast, plant leaf": Case(
        "leaf/raw.tif",
        "leaf/chloroplast_instances.tif",
        None,
        (0, 1, 2),
        None,
        ((600, 1624), (1000, 2024)),
    ),
    "mitochondrion, brain": Case(
        "brain_sbem/raw.tif", "brain_sbem/mito.tif", None, (0, 10, 19), (40.0, 10.0, 10.0)
    ),
    **{
        f"{name}, hippocampus": Case(*DEV, value, (0, 5, 10), (5.0, 5.0, 5.0))
        for value, name in ((1, "mitochondrion"), (3, "vesicle"), (4, "PSD"), (6, "membrane"))
    },
}


def strokes(mask: Mask, count: int, chance: np.random.Generator) -> tuple[Mask, Mask]:
    """Draw strokes, 3 px wide: along the middle of `count` objects, and twice as many elsewhere."""
    inside = np.zeros_like(mask)
    outside = np.zeros_like(mask)
    objects = [found for found in regionprops(label(mask)) if found.area >= 60]
    for number in chance.choice(len(objects), min(count, len(objects)), replace=False):
        found = objects[number]
        y, x = np.nonzero(skeletonize(np.pad(found.image, 1))[1:-1, 1:-1])
        middle = ndimage.distance_transform_edt(np.pad(found.image, 1))[1:-1, 1:-1][y, x].argmax()
        near = (y - y[middle]) ** 2 + (x - x[middle]) ** 2 <= (LENGTH / 2) ** 2
        inside[found.slice][y[near], x[near]] = True
    away = ndimage.distance_transform_edt(~mask)
    for number in range(2 * count):
        y, x = np.nonzero((away > 4) & (away < 20) if number % 2 == 0 else away > 4)
        start = chance.integers(len(y))
        angle = chance.uniform(0, np.pi)
        along = np.arange(LENGTH) - LENGTH / 2
        y, x = (
            np.rint(at + along * by).astype(int)
            for at, by in ((y[start], np.sin(angle)), (x[start], np.cos(angle)))
        )
        within = (y >= 0) & (x >= 0) & (y < mask.shape[0]) & (x < mask.shape[1])
        outside[y[within], x[within]] = True
    return ndimage.binary_dilation(inside) & mask, ndimage.binary_dilation(outside) & (away > 3)


def dice(found: Mask, mask: Mask) -> float:
    """Return the Dice of two masks."""
    return overlaps(found, mask, [1])[1].dice


Plane = tuple[NDArray[Any], Mask]
Strokes = tuple[Mask, Mask]


def by_network(
    predictor: Predictor, case: Case, planes: list[Plane], drawn: list[Strokes]
) -> dict[str, Any]:
    """Teach the class on two slices; return the Dice on the last slice after each, and seconds."""
    predictor.restore_taught([])
    found = []
    seconds = []
    over = []
    for (grey, _), (inside, outside) in zip(planes, drawn, strict=False):
        predictor.set_image(grey, case.voxel_size)
        list(predictor.embed_steps())
        began = time.perf_counter()
        spec = predictor.teach(NAME, inside, outside)
        seconds.append(time.perf_counter() - began)
        over.append(spec.overrides)
        last, mask = planes[-1]
        predictor.set_image(last, case.voxel_size)
        found.append(dice(predictor.segment([NAME]) == spec.id, mask))
    return {"dice": found, "seconds": seconds, "over": over}


def by_forest(planes: list[Plane], drawn: list[Strokes]) -> list[float]:
    """Fit a forest to the same strokes; return the Dice on the last slice after each of them."""
    filtered = [multiscale_basic_features(grey, sigma_min=0.5, sigma_max=16) for grey, _ in planes]
    rows = [
        (np.concatenate([f[inside], f[outside]]), [inside.sum(), outside.sum()])
        for f, (inside, outside) in zip(filtered, drawn, strict=False)
    ]
    found = []
    for lessons in range(1, len(rows) + 1):
        forest = RandomForestClassifier(
            100, min_samples_leaf=3, class_weight="balanced", n_jobs=-1, random_state=0
        )
        answers = np.concatenate([np.repeat([1, 0], counts) for _, counts in rows[:lessons]])
        forest.fit(np.concatenate([values for values, _ in rows[:lessons]]), answers)
        last = filtered[-1]
        mask = planes[-1][1]
        found.append(
            dice(forest.predict(last.reshape(-1, last.shape[-1])).reshape(mask.shape) > 0, mask)
        )
    return found


def measure(
    predictor: Predictor, data: Path, counts: list[int], draws: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Teach each class with each count of strokes, with several draws of them."""
    for name, case in CASES.items():
        planes = case.read(data)
        for count in counts:
            chance = [np.random.default_rng(seed) for seed in range(draws)]
            drawn = [[strokes(mask, count, one) for _, mask in planes[:-1]] for one in chance]
            ours = [by_network(predictor, case, planes, lessons) for lessons in drawn]
            yield (
                f"{name}, {count} strokes",
                {"network": ours, "forest": [by_forest(planes, lessons) for lessons in drawn]},
            )


def row(name: str, found: dict[str, Any]) -> str:
    """Return a row: mean Dice over the draws, and the lowest."""
    ours = np.array([r["dice"] for r in found["network"]])
    forest = np.array(found["forest"])
    cells = [
        f"{after.mean():.3f} ({after.min():.3f})" for table in (ours, forest) for after in table.T
    ]
    return f"| {name} | {' | '.join(cells)} | {np.mean([r['seconds'] for r in found['network']]):.1f} |"


def main() -> None:
    """Print the table, and write every figure as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", default="default")
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "shared/data")
    parser.add_argument(
        "--strokes",
        type=int,
        nargs="+",
        default=[2, 5],
        help="on objects; twice as many go beside them",
    )
    parser.add_argument("--draws", type=int, default=2)
    parser.add_argument("--out", type=Path, default=HERE / "teach.json")
    given = parser.parse_args()
    predictor = Predictor(load_checkpoint(given.checkpoint))
    results = {}
    print(
        "| mean Dice (lowest) of the draws | taught | taught on two slices | forest | forest on two | seconds |"
    )
    print("| --- " * 6 + "|")
    for name, found in measure(predictor, given.data, given.strokes, given.draws):
        results[name] = found
        print(row(name, found), flush=True)
        given.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
