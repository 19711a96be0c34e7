"""Mitochondria in 3-D: averaged along z, each slice alone, and slices stitched by overlap.

Run from the project's root: python -m benchmarks.objects.consistency [--slices 0 96] [--out FILE]

Instances of `hippocampus_stack` are matched with those of its labels, F1 at an IoU of 0.5. Objects
of the two sides are found alike, with 26 neighbours. Its labels leave out the outer membrane.

Stitching is that of cellpose's ``stitch_threshold`` (Stringer et al. 2021): an object of a slice
continues the one of the slice before whose IoU with it is the highest, from 0.25 on. The tissue is
that of the network's training, so the figures compare ways of joining slices, and nothing else.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cc3d
import numpy as np
import torch
from benchmarks.average_z import DATA, figures, masks
from numpy.typing import NDArray

from napari_scsam.checkpoints.checkpoint import load_checkpoint
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.find_labels import find_labels
from napari_scsam.io.volumes import open_labels, open_volume
from napari_scsam.metrics.objects import ObjectMatch, match_numbered
from napari_scsam.steps import Steps, drive
from napari_scsam.volume.instances.find import find_instances

OUT = Path(__file__).parent / "results" / "consistency.json"

SMALLEST = 500
"""Voxels of an object that counts: smaller ones are specks, in the labels as well."""

SMALLEST_IN_SLICE = 20
"""Pixels of an object of a slice that is stitched."""

STITCH_IOU = 0.25
"""As cellpose proposes it."""

Mask = NDArray[np.bool_]
Ids = NDArray[np.integer]


class RememberingPredictor(Predictor):
    """Computes each slice once, whatever is made of it."""

    def logits_steps(self, names: Sequence[str] | None = None) -> Steps[NDArray[np.float32]]:
        """Return what is remembered of the slice; else compute it."""
        kept = vars(self).setdefault("kept", {})
        key = (self.slice.key, tuple(names or ()))
        if key not in kept:
            kept[key] = (yield from super().logits_steps(names)).astype(np.float16)
        return kept[key].astype(np.float32)


def found_in_3d(mask: Mask, *, watershed: bool = False) -> Ids:
    """Return the instances (Z, Y, X) that `scsam instances` finds in a mask."""
    classes = {1: "mitochondrion"}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "objects.zarr"
        steps = find_instances(
            mask.astype(np.uint8), out, classes=classes, smallest=SMALLEST, watershed=watershed
        )
        drive(steps)
        return np.asarray(open_labels(find_labels(out)).data[...])


def stitched(mask: Mask) -> Ids:
    """Return objects of slices (Z, Y, X), joined where those of neighbours overlap."""
    ids = np.zeros(mask.shape, np.int64)
    last = 0
    before = np.zeros(mask.shape[1:], np.int64)
    for z, plane in enumerate(mask):
        parts = cc3d.dust(plane, threshold=SMALLEST_IN_SLICE, connectivity=8)
        parts = cc3d.connected_components(parts, connectivity=8).astype(np.int64)
        names, last = _names(parts, before, last)
        before = names[parts]
        ids[z] = before
    return _without_specks(ids)


def _names(parts: Ids, before: Ids, last: int) -> tuple[NDArray[np.int64], int]:
    """Return the id of each object of a slice, and the last id that was given."""
    names = np.zeros(int(parts.max()) + 1, np.int64)
    pairs, shared = np.unique(np.stack([parts.ravel(), before.ravel()]), axis=1, return_counts=True)
    sizes = np.bincount(parts.ravel())
    values, counts = np.unique(before, return_counts=True)
    earlier = dict(zip(values.tolist(), counts.tolist(), strict=True))
    best = dict.fromkeys(range(1, len(names)), STITCH_IOU)
    for (part, name), both in zip(pairs.T.tolist(), shared.tolist(), strict=True):
        if not part or not name:
            continue
        iou = both / (sizes[part] + earlier[name] - both)
        if iou >= best[part]:
            best[part] = iou
            names[part] = name
    for part in range(1, len(names)):
        if not names[part]:
            last += 1
            names[part] = last
    return names, last


def _without_specks(ids: Ids) -> Ids:
    values, dense = np.unique(ids, return_inverse=True)
    sizes = np.bincount(dense.ravel())
    kept = (sizes >= SMALLEST) & (values > 0)
    return (np.cumsum(kept) * kept)[dense].reshape(ids.shape)


def match(found: Ids, truth: Ids) -> dict[str, float]:
    """Return F1 at an IoU of 0.5, and what it is made of."""
    result: ObjectMatch = match_numbered(found, truth)
    return {
        "F1": round(result.f1, 3),
        "PQ": round(result.pq, 3),
        "matched": result.matched,
        "found": result.predicted,
        "in the labels": result.truth,
    }


def measure(slices: tuple[int, int]) -> dict[str, Any]:
    """Measure every way."""
    volume = open_volume(DATA / "raw.tif")
    predictor = RememberingPredictor(load_checkpoint(), "cpu")
    known = open_labels(DATA / "mito.tif").data[slice(*slices)] == 1
    truth = found_in_3d(known)
    alone = masks(volume, predictor, slices, average=False)
    averaged = masks(volume, predictor, slices, average=True)
    ways = {
        "1-2-1 along z, in 3-D": (averaged, found_in_3d(averaged)),
        "1-2-1 along z, in 3-D, watershed": (averaged, found_in_3d(averaged, watershed=True)),
        "each slice alone, in 3-D": (alone, found_in_3d(alone)),
        "each slice alone, in 3-D, watershed": (alone, found_in_3d(alone, watershed=True)),
        "each slice alone, stitched by overlap": (alone, stitched(alone)),
        "1-2-1 along z, stitched by overlap": (averaged, stitched(averaged)),
    }
    found = {name: match(ids, truth) | figures(mask, known) for name, (mask, ids) in ways.items()}
    return {
        "data": "hippocampus_stack",
        "slices": list(slices),
        "voxel_size": volume.voxel_size,
        "smallest": SMALLEST,
        "mitochondria": found,
    }


def main() -> None:
    """Print the figures as JSON, and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, nargs=2, default=(0, 96), metavar=("A", "B"))
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    result = measure(tuple(arguments.slices))
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
