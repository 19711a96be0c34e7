"""Boxes beside their ellipses, clicks, and the predicted quality: ``python -m benchmarks.prompts``.

Objects of seven kinds are asked for by their box, and by one to three clicks in the middle of the
largest error. Beside the box stands the ellipse inscribed in it. ``--fit`` fits the numbers of
``napari_scsam/infer/box_prior.py`` again, on other objects than those that are scored: slices of
the hippocampus training set, two leaf slices, and sections of the fly's bodies along three axes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.linear_model import LogisticRegression

from napari_scsam import Predictor, load_checkpoint
from napari_scsam.infer import box_prior
from napari_scsam.infer.patch import Patch, agreement
from napari_scsam.io.contrast import measure_contrast
from napari_scsam.io.volumes import open_labels, open_volume
from napari_scsam.train.scoring.click_evaluation import shown_by
from napari_scsam.train.scoring.simulated_user import next_click, objects_of_slice

HERE = Path(__file__).resolve().parent
MAX_CLICKS = 3
PIXELS = 600
"""Pixels of a box that the fit looks at."""


@dataclass(frozen=True)
class Kind:
    """Objects of one kind on some slices."""

    image: str
    labels: str
    slices: tuple[int, ...]
    voxel_size: tuple[float, float, float] | None
    values: tuple[int, ...] = ()
    """Classes whose components are the objects; () where labels are object ids."""
    borders: int | None = None
    """The class that cuts the slice into profiles."""
    axis: int = 0
    smallest: int = 40

    def planes(self, data: Path) -> Iterator[tuple[NDArray[Any], NDArray[Any], Any]]:
        """Yield slices with object labels, and the contrast of the volume."""
        image = open_volume(data / self.image)
        labels = open_labels(data / self.labels)
        contrast = measure_contrast(image.data)
        for index in self.slices:
            key = (slice(None),) * self.axis + (index,)
            values = np.asarray(labels.data[key])
            if self.borders is not None:
                values = ndimage.label(values != self.borders)[0]
            elif self.values:
                values = np.isin(values, self.values).astype(np.int32)
            yield np.asarray(image.data[key]), values, contrast


FLY = ("medulla_unlabelled/training_sample2.tif", "medulla_unlabelled/training_sample2_bodies.tif")
LEAF = ("leaf/more_raw.tif", "leaf/more_chloroplast_instances.tif")
NEW_LEAF = ("leaf/raw.tif", "leaf/chloroplast_instances.tif")
BRAIN = ("brain_sbem/raw.tif", "brain_sbem/mito.tif")
FIVE, TEN = (5.0, 5.0, 5.0), (10.0, 10.0, 10.0)


def hippocampus(part: str, slices: tuple[int, ...]) -> dict[str, Kind]:
    """Return the kinds of a part of the hippocampus, on some slices."""
    files = (f"hippocampus/{part}_raw.tif", f"hippocampus/{part}_labels.tif")
    return {
        "mitochondrion, hippocampus": Kind(*files, slices, FIVE, (1, 2)),
        "vesicle, hippocampus": Kind(*files, slices, FIVE, (3,)),
        "PSD, hippocampus": Kind(*files, slices, FIVE, (4,)),
        "profile, hippocampus": Kind(*files, slices, FIVE, borders=6, smallest=500),
    }


SCORED = {
    **hippocampus("dev", (3, 8)),
    "mitochondrion, brain": Kind(*BRAIN, (7, 15), (40.0, 10.0, 10.0), (1,), smallest=60),
    "chloroplast, leaf": Kind(*LEAF, (3, 4), None, smallest=200),
    "body, fly": Kind(*FLY, (205, 222, 240), TEN, smallest=80),
}
FITTED = {
    **hippocampus("train", (3, 17, 30)),
    "chloroplast, leaf": Kind(*NEW_LEAF, (0, 2), None, smallest=200),
    "body, fly, z": Kind(*FLY, (60,), TEN, smallest=80),
    "body, fly, y": Kind(*FLY, (100,), TEN, axis=1, smallest=80),
    "body, fly, x": Kind(*FLY, (170,), TEN, axis=2, smallest=80),
}


@dataclass(frozen=True)
class Asked:
    """What one object came to."""

    box: float
    ellipse: float
    clicks: tuple[float, ...]
    box_quality: float
    click_qualities: tuple[float, ...]


def drawn(kind: Kind, data: Path, count: int, seed: int) -> Iterator[tuple[Any, Any, Patch]]:
    """Yield some objects of each slice that do not touch its border, with slice and contrast."""
    chance = np.random.default_rng(seed)
    for grey, values, contrast in kind.planes(data):
        height, width = values.shape
        objects = [
            o
            for o in objects_of_slice(values, kind.smallest)
            if min(o.y, o.x) > 0
            and o.y + o.mask.shape[0] < height
            and o.x + o.mask.shape[1] < width
        ]
        each = max(1, count // len(kind.slices))
        for number in chance.permutation(len(objects))[:each]:
            yield grey, contrast, objects[number]


def ellipse_agreement(target: Patch) -> float:
    """Compute the IoU of an object with the ellipse in its box."""
    height, width = target.mask.shape
    y, x = np.mgrid[:height, :width] + 0.5
    inside = ((y - height / 2) / (height / 2)) ** 2 + ((x - width / 2) / (width / 2)) ** 2 <= 1
    return float((inside & target.mask).sum() / (inside | target.mask).sum())


def ask(predictor: Predictor, target: Patch) -> Asked:
    """Ask for an object by its box, and by clicks."""
    boxed = predictor.predict_prompts(boxes=target.box)
    shown = Patch(np.zeros_like(target.mask), target.y, target.x)
    clicks, ious, qualities, answer = [], [], [], None
    for _ in range(MAX_CLICKS):
        if (click := next_click(target, shown)) is not None:
            clicks.append(click)
            places = [(c.x, c.y) for c in clicks]
            sides = [int(c.inside) for c in clicks]
            answer = predictor.predict_prompts(places, sides, masks=answer)
            shown = shown_by(answer)
        ious.append(agreement(target, shown))
        qualities.append(float(answer.quality[0]) if answer is not None else 0.0)
    return Asked(
        agreement(target, shown_by(boxed)),
        ellipse_agreement(target),
        tuple(ious),
        float(boxed.quality[0]),
        tuple(qualities),
    )


def score(data: Path, count: int, seed: int) -> dict[str, Any]:
    """Score all kinds; print a line for each."""
    predictor = Predictor(load_checkpoint("default"), "cpu")
    results = {}
    for name, kind in SCORED.items():
        rows = []
        for grey, contrast, target in drawn(kind, data, count, seed):
            predictor.set_image(grey, kind.voxel_size, contrast=contrast)
            rows.append(ask(predictor, target))
        results[name] = {
            "objects": len(rows),
            "box": float(np.mean([r.box for r in rows])),
            "ellipse": float(np.mean([r.ellipse for r in rows])),
            "clicks": np.mean([r.clicks for r in rows], axis=0).tolist(),
            "box quality": float(np.mean([r.box_quality for r in rows])),
            "click quality": np.mean([r.click_qualities for r in rows], axis=0).tolist(),
        }
        print(name, json.dumps(results[name]), flush=True)
    return results


def fit(data: Path, count: int) -> None:
    """Fit the numbers of the box prior, and print them in their order there."""
    predictor = Predictor(load_checkpoint("default"), "cpu")
    rows, truths, weights = [], [], []
    chance = np.random.default_rng(0)
    for kind in FITTED.values():
        for grey, contrast, target in drawn(kind, data, count, 0):
            predictor.set_image(grey, kind.voxel_size, contrast=contrast)
            features, truth = box_features(predictor, target)
            chosen = chance.choice(len(truth), min(len(truth), PIXELS), replace=False)
            rows.append(features[chosen])
            truths.append(truth[chosen])
            weights.append(np.full(len(chosen), 1000 / len(chosen)))
    model = LogisticRegression(max_iter=800)
    model.fit(np.concatenate(rows), np.concatenate(truths), np.concatenate(weights))
    print("WEIGHTS, then BIAS by certainty and size:", model.coef_[0].round(3).tolist())
    print("BIAS:", model.intercept_.round(3).tolist(), "+ 0.3, as IoU likes larger masks")


def box_features(predictor: Predictor, target: Patch) -> tuple[NDArray[Any], NDArray[Any]]:
    """Compute the features of the pixels in a box, without the prior, and whether each is inside."""
    slice_ = predictor.slice
    x0, y0, x1, y1 = target.box
    box = torch.tensor([[x0, y0, x1, y1]], dtype=torch.float32)
    with_network_alone = torch.from_numpy(network_logits(predictor, target))[None]
    known = with_network_alone.clamp(-box_prior.LOGIT_LIMIT, box_prior.LOGIT_LIMIT)
    size = box[:, 2:] - box[:, :2]
    radius, inside = box_prior.ellipse_radius(known, box, size, 1.0)
    certainty = float(box_prior.expected_iou(known)[0]) - box_prior.CERTAINTY
    side = float(size.prod().sqrt()) * slice_.zoom[0] / box_prior.USUAL_SIDE
    by = (1.0, certainty, float(np.log(side)))
    maps = (known / 4, torch.tanh(known / 2), (1 - radius).clamp(-1, 1), (1 - radius).clamp(-1, 0))
    columns = [m[inside].numpy() * factor for m in maps for factor in by]
    columns += [np.full_like(columns[0], factor) for factor in by[1:]]
    truth = np.zeros(slice_.shape, bool)
    height, width = target.mask.shape
    truth[target.y : target.y + height, target.x : target.x + width] = target.mask
    return np.stack(columns, 1), truth[inside[0].numpy()]


def network_logits(predictor: Predictor, target: Patch) -> NDArray[np.float32]:
    """Compute the network's own answer to a box, Y×X logits, without the ellipse."""
    from unittest.mock import patch

    with patch("napari_scsam.infer.predictor.with_box_prior", lambda logits, *_: logits):
        return predictor.predict_prompts(boxes=target.box).logits[0]


def main() -> None:
    """Score, or fit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "shared/data")
    parser.add_argument("--objects", type=int, default=40, help="of each kind")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--fit", action="store_true")
    arguments = parser.parse_args()
    if arguments.fit:
        fit(arguments.data, arguments.objects)
        return
    results = score(arguments.data, arguments.objects, arguments.seed)
    (HERE / "prompts.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
