"""How well a few strokes teach a class: ``python -m benchmarks.teach --data FOLDER``.

Two and five strokes are drawn by rule on a class and as many beside it, on one
slice or two; the class is then looked for on another slice, by
`Predictor.teach` and `Predictor.segment`. A random forest on scikit-image's
filters and a logistic regression on the network's features learn from the same
strokes in the same run. Then four rounds of strokes correct what is wrong on
the taught slice.

Fly profiles and the brain are tissue that no encoder was trained on. The SAM
branch has seen the leaf, and both have seen the hippocampus: those rows are
an upper bound.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import multiscale_basic_features
from skimage.measure import label, regionprops
from skimage.morphology import skeletonize
from skimage.segmentation import find_boundaries
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from torch.nn import functional as F

from napari_scsam import Predictor, load_checkpoint
from napari_scsam.io.volumes import open_labels, open_volume
from napari_scsam.metrics import overlaps

Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]
Drawn = list[tuple[bool, Mask]]
Read = Callable[[Path, int], tuple[NDArray[Any], Mask]]

NAME = "taught"
LENGTH = 40
"""Pixels of a stroke."""
SMALLEST = 60
"""Pixels of an object that is worth a stroke."""
ROUNDS = 4
"""Of correcting strokes."""
TUBES = (
    "medulla_unlabelled/training_sample2.tif",
    "medulla_unlabelled/training_sample2_bodies.tif",
)
LARGE = 40000
"""Voxels of a body that is looked at."""
SHARE = 0.1
"""Of the volume, about what the dark and the pale bodies have each."""


@dataclass(frozen=True, eq=False)
class Plane:
    """A slice with the class on it, and what the baselines read."""

    grey: NDArray[Any]
    mask: Mask
    filters: Floats
    """Y×X×20, of scikit-image."""
    network: Floats
    """Y×X×288: the network's own features, each divided by its spread."""


@dataclass(frozen=True)
class Case:
    """A class, and how to read the grey values and masks of its slices."""

    read: Read
    slices: tuple[int, int, int]
    """Taught on the first and the second; looked for on the third."""
    voxel_size: tuple[float, float, float] | None


def labelled(image: str, labels: str, value: int | None, part: tuple[slice, slice]) -> Read:
    """Create a reader of one class of a label image; any value when None."""

    def read(data: Path, z: int) -> tuple[NDArray[Any], Mask]:
        grey = np.asarray(open_volume(data / image).plane(z))[part]
        values = np.asarray(open_labels(data / labels).plane(z))[part]
        return grey, values > 0 if value is None else values == value

    return read


def read_fly(kind: str, data: Path, z: int) -> tuple[NDArray[Any], Mask]:
    """Read dark or pale bodies, or the membranes between bodies."""
    image, bodies = open_volume(data / TUBES[0]), open_labels(data / TUBES[1])
    grey, plane = np.asarray(image.plane(z)), np.asarray(bodies.plane(z))
    if kind == "membrane":
        return grey, find_boundaries(plane, mode="thick")
    greys = np.stack([np.asarray(image.plane(each)) for each in range(image.depth)])
    ids = np.stack([np.asarray(bodies.plane(each)) for each in range(image.depth)])
    return grey, np.isin(plane, bodies_of(kind, greys, ids))


def bodies_of(kind: str, greys: NDArray[Any], ids: NDArray[Any]) -> NDArray[np.int64]:
    """Choose dark or pale ones of the large bodies, about a tenth of the volume.

    The methods were chosen on the darkest and the palest ones, which are left out.
    """
    sizes = np.bincount(ids.ravel())
    means = np.bincount(ids.ravel(), greys.ravel().astype(float)) / np.maximum(sizes, 1)
    large = np.flatnonzero((sizes > LARGE) & (np.arange(len(sizes)) > 0))
    order = large[np.argsort(means[large])]
    for _ in range(2):
        shares = np.cumsum(sizes[order]) / ids.size
        dark = order[shares < SHARE]
        pale = order[shares > shares[-1] - SHARE - 0.02]
        order = order[(shares >= SHARE) & (shares <= shares[-1] - SHARE - 0.02)]
    return dark if kind == "dark" else pale


LEAF = ("leaf/more_raw.tif", "leaf/more_chloroplast_instances.tif", None)
BRAIN = ("brain_sbem/raw.tif", "brain_sbem/mito.tif", None)
DEV = ("hippocampus/dev_raw.tif", "hippocampus/dev_labels.tif")
CORNER = (slice(0, 512), slice(0, 512))
MIDDLE = (slice(256, 768), slice(256, 1024))
TOP_RIGHT = (slice(0, 448), slice(512, 960))
BOTTOM_LEFT = (slice(512, 960), slice(0, 448))
LEAF_PART = (slice(1500, 2012), slice(1800, 2312))
FLY, SBEM, HIPPOCAMPUS = (10.0, 10.0, 10.0), (40.0, 10.0, 10.0), (5.0, 5.0, 5.0)

CASES = {
    "dark profile, fly": Case(partial(read_fly, "dark"), (75, 150, 225), FLY),
    "pale profile, fly": Case(partial(read_fly, "pale"), (225, 150, 75), FLY),
    "membrane, fly": Case(partial(read_fly, "membrane"), (75, 150, 225), FLY),
    "mitochondrion, brain": Case(labelled(*BRAIN, TOP_RIGHT), (2, 7, 12), SBEM),
    "mitochondrion, brain, elsewhere": Case(labelled(*BRAIN, BOTTOM_LEFT), (17, 3, 8), SBEM),
    "chloroplast, leaf (SAM branch saw it)": Case(labelled(*LEAF, LEAF_PART), (1, 4, 6), None),
    "PSD, hippocampus (seen)": Case(labelled(*DEV, 4, MIDDLE), (2, 11, 7), HIPPOCAMPUS),
    "vesicle, hippocampus (seen)": Case(labelled(*DEV, 3, CORNER), (3, 8, 9), HIPPOCAMPUS),
}


def read_plane(predictor: Predictor, case: Case, data: Path, index: int) -> Plane:
    """Read a slice, and what the baselines see of it."""
    grey, mask = case.read(data, index)
    predictor.set_image(grey, case.voxel_size)
    filters = multiscale_basic_features(grey, sigma_min=1, sigma_max=16).astype(np.float32)
    return Plane(grey, mask, filters, network_features(predictor, grey.shape))


@torch.inference_mode()
def network_features(predictor: Predictor, shape: tuple[int, ...]) -> Floats:
    """Read fused and detail features at each pixel, from the last tile that has it: Y×X×288."""
    model = predictor.slice.model_shape
    rows, columns = (
        (np.arange(size) + 0.5) * whole / size - 0.5
        for size, whole in zip(shape, model, strict=True)
    )
    found = np.zeros((*shape, 0), np.float32)
    for tile in predictor.tiles():
        inside = (
            np.flatnonzero((rows >= tile.y - 1) & (rows < tile.y + tile.height)),
            np.flatnonzero((columns >= tile.x - 1) & (columns < tile.x + tile.width)),
        )
        y = torch.from_numpy(2 * (rows[inside[0]] - tile.y + 0.5) / tile.height - 1).float()
        x = torch.from_numpy(2 * (columns[inside[1]] - tile.x + 0.5) / tile.width - 1).float()
        places = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)[None]
        embedding = predictor.embed(tile)
        maps = [embedding.fused.float().cpu(), embedding.detail.float().cpu()]
        values = [
            F.grid_sample(each, places, padding_mode="border", align_corners=False)[0]
            for each in maps
        ]
        channels = torch.cat(values).permute(1, 2, 0).numpy()
        if not found.size:
            found = np.zeros((*shape, channels.shape[-1]), np.float32)
        found[np.ix_(*inside)] = channels
    return (found - found.mean((0, 1))) / (found.std((0, 1)) + np.float32(1e-6))


def line_on(mask: Mask, part: Any, chance: np.random.Generator) -> Mask:
    """Draw a stroke along the middle of an object, three pixels wide."""
    padded = np.pad(part.image, 1)
    skeleton = skeletonize(padded)
    y, x = np.nonzero(skeleton)
    depth = ndimage.distance_transform_edt(padded)[y, x]
    start = int(depth.argmax())
    if depth.max() < 8 or part.area > 20000:
        start = int(chance.integers(len(y)))
    near = (y - y[start]) ** 2 + (x - x[start]) ** 2 <= (LENGTH / 2) ** 2
    line = np.zeros_like(skeleton)
    line[y[near], x[near]] = True
    numbers, _ = ndimage.label(line, np.ones((3, 3)))
    drawn = np.zeros_like(mask)
    drawn[part.slice] = (numbers == numbers[y[start], x[start]])[1:-1, 1:-1]
    return ndimage.binary_dilation(drawn) & mask


def line_beside(mask: Mask, close: bool, chance: np.random.Generator) -> Mask:
    """Draw a straight stroke on what is not the class, close by or anywhere."""
    away = ndimage.distance_transform_edt(~mask)
    least = 4 if (away > 4).mean() > 0.2 else 1
    rows, columns = np.nonzero((away > least) & ((away < 20) | (not close)))
    start = chance.integers(len(rows))
    angle = chance.uniform(0, np.pi)
    along = np.arange(LENGTH) - LENGTH / 2
    y = np.rint(rows[start] + along * np.sin(angle)).astype(int)
    x = np.rint(columns[start] + along * np.cos(angle)).astype(int)
    within = (y >= 0) & (x >= 0) & (y < mask.shape[0]) & (x < mask.shape[1])
    drawn = np.zeros_like(mask)
    drawn[y[within], x[within]] = True
    return ndimage.binary_dilation(drawn) & (away > min(3, least))


def draw(mask: Mask, count: int, chance: np.random.Generator) -> Drawn:
    """Draw strokes on `count` objects, and as many beside."""
    objects = [part for part in regionprops(label(mask)) if part.area >= SMALLEST]
    few = len(objects) < max(count, 4)
    areas = np.array([part.area for part in objects], float)
    weights = areas / areas.sum() if few else None
    chosen = chance.choice(len(objects), count, replace=few, p=weights)
    on = [(True, line_on(mask, objects[number], chance)) for number in chosen]
    return on + [(False, line_beside(mask, number % 2 == 0, chance)) for number in range(count)]


def correct(mask: Mask, answer: Mask, chance: np.random.Generator) -> Drawn:
    """Draw three strokes on what was missed and three on what was wrongly found, most on large."""
    drawn: Drawn = []
    for positive, wrong in ((True, mask & ~answer), (False, answer & ~mask)):
        cleaned = ndimage.binary_opening(wrong)
        parts = sorted(regionprops(label(cleaned)), key=lambda part: -part.area)[:10]
        if not parts:
            continue
        areas = np.array([part.area for part in parts], float)
        count = min(3, len(parts))
        chosen = chance.choice(len(parts), count, replace=False, p=areas / areas.sum())
        drawn += [(positive, line_on(cleaned, parts[number], chance)) for number in chosen]
    return drawn


def dice(found: Mask, mask: Mask) -> float:
    """Compute the Dice of two masks."""
    return overlaps(mask.astype(np.int64), found.astype(np.int64), [1])[1].dice


def show(predictor: Predictor, case: Case, plane: Plane, drawn: Drawn) -> None:
    """Teach the strokes of one slice."""
    predictor.set_image(plane.grey, case.voxel_size)
    sides = [np.zeros(plane.mask.shape, bool) for _ in range(2)]
    for positive, mask in drawn:
        sides[not positive] |= mask
    predictor.teach(NAME, *sides)


def answer(predictor: Predictor, case: Case, plane: Plane) -> Mask:
    """Look for the taught class on a slice."""
    predictor.set_image(plane.grey, case.voxel_size)
    ids = [spec.id for spec in predictor.classes if spec.name == NAME]
    found: Mask = predictor.segment([NAME]) == ids[0]
    return found


def baseline(
    model: Any, kind: str, planes: Sequence[Plane], drawn: Sequence[Drawn], test: Plane
) -> float:
    """Compute the Dice of a scikit-learn classifier, on each second pixel along both axes."""
    pairs = [
        (getattr(plane, kind)[mask], positive)
        for plane, strokes in zip(planes, drawn, strict=True)
        for positive, mask in strokes
    ]
    values = np.concatenate([rows for rows, _ in pairs])
    model.fit(values, np.repeat([side for _, side in pairs], [len(rows) for rows, _ in pairs]))
    shown = getattr(test, kind)[::2, ::2]
    answers = model.predict(shown.reshape(-1, shown.shape[-1])).reshape(shown.shape[:2])
    return dice(answers.astype(bool), test.mask[::2, ::2])


def teach_once(
    predictor: Predictor, case: Case, planes: Sequence[Plane], count: int, seed: int
) -> dict[str, float]:
    """Teach on all slices but the last, and look on the last, by each method."""
    *shown, test = planes
    drawn = [
        draw(plane.mask, count, np.random.default_rng([seed, number]))
        for number, plane in enumerate(shown)
    ]
    predictor.restore_taught([])
    began = time.perf_counter()
    for plane, strokes in zip(shown, drawn, strict=True):
        show(predictor, case, plane, strokes)
    found = answer(predictor, case, test)
    scores = {"seconds": time.perf_counter() - began, "taught": dice(found, test.mask)}
    forest = RandomForestClassifier(
        100, min_samples_leaf=3, class_weight="balanced", random_state=0
    )
    regression = LogisticRegression(class_weight="balanced", max_iter=300)
    scores["forest"] = baseline(forest, "filters", shown, drawn, test)
    scores["regression"] = baseline(regression, "network", shown, drawn, test)
    return scores


def teach_in_rounds(predictor: Predictor, case: Case, planes: Sequence[Plane], seed: int) -> Any:
    """Correct the answer on the first slice again and again; Dice on the last after each round."""
    chance = np.random.default_rng(seed)
    predictor.restore_taught([])
    drawn = draw(planes[0].mask, 2, chance)
    scores = []
    for _ in range(ROUNDS + 1):
        show(predictor, case, planes[0], drawn)
        scores.append(dice(answer(predictor, case, planes[-1]), planes[-1].mask))
        drawn = correct(planes[0].mask, answer(predictor, case, planes[0]), chance)
    return scores


def main() -> None:
    """Print the table, and keep every figure in JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--checkpoint", default="default")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--classes", default="", help="those whose name holds this")
    parser.add_argument("--out", type=Path, default=Path("teach.json"))
    given = parser.parse_args()
    predictor = Predictor(load_checkpoint(given.checkpoint))
    results: dict[str, Any] = {}
    print(
        "| class | slices | strokes | taught | forest | regression | seconds |\n" + "|---" * 7 + "|"
    )
    for name, case in CASES.items():
        if given.classes not in name:
            continue
        planes = [read_plane(predictor, case, given.data, index) for index in case.slices]
        for slices, count in ((1, 2), (1, 5), (2, 2), (2, 5)):
            used = [*planes[:slices], planes[2]]
            found = [teach_once(predictor, case, used, count, seed) for seed in given.seeds]
            results[f"{name}, {slices} slices, {count} strokes"] = found
            keys = ("taught", "forest", "regression", "seconds")
            means = [f"{np.mean([each[key] for each in found]):.3f}" for key in keys]
            print(f"| {name} | {slices} | {count} | {' | '.join(means)} |", flush=True)
        rounds = [teach_in_rounds(predictor, case, planes, seed) for seed in given.seeds]
        results[f"{name}, rounds"] = rounds
        for scores in rounds:
            print(f"{name}, rounds: {' '.join(f'{score:.2f}' for score in scores)}", flush=True)
        given.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
