"""What the same strokes teach a random forest and a logistic regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.teach.cases import Case
from benchmarks.teach.strokes import Drawn, Mask
from numpy.typing import NDArray
from skimage.feature import multiscale_basic_features
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from torch.nn import functional as F

from napari_scsam import Predictor
from napari_scsam.metrics import overlaps

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Plane:
    """A slice with the class on it, and what the baselines read."""

    grey: NDArray[Any]
    mask: Mask
    filters: Floats
    """Y×X×20, of scikit-image."""
    network: Floats
    """Y×X×288: the network's own features, each divided by its spread."""


def read_plane(
    predictor: Predictor, case: Case, data: Path, index: int, *, plain: bool = False
) -> Plane:
    """Read a slice, and what the baselines see of it unless it is to be `plain`."""
    grey, mask = case.read(data, index)
    if plain:
        nothing = np.zeros((*grey.shape, 0), np.float32)
        return Plane(grey, mask, nothing, nothing)
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


def dice(found: Mask, mask: Mask) -> float:
    """Compute the Dice of two masks."""
    return overlaps(mask.astype(np.int64), found.astype(np.int64), [1])[1].dice


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


def baselines(planes: Sequence[Plane], drawn: Sequence[Drawn], test: Plane) -> dict[str, float]:
    """Compute the Dice of both."""
    forest = RandomForestClassifier(
        100, min_samples_leaf=3, class_weight="balanced", random_state=0
    )
    regression = LogisticRegression(class_weight="balanced", max_iter=300)
    return {
        "forest": baseline(forest, "filters", planes, drawn, test),
        "regression": baseline(regression, "network", planes, drawn, test),
    }
