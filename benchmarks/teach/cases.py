"""The classes that are taught, and where their slices are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.teach.strokes import Mask
from numpy.typing import NDArray
from skimage.segmentation import find_boundaries

from napari_scsam.io.volumes import open_labels, open_volume

Read = Callable[[Path, int], tuple[NDArray[Any], Mask]]

TUBES = (
    "medulla_unlabelled/training_sample2.tif",
    "medulla_unlabelled/training_sample2_bodies.tif",
)
LARGE = 40000
"""Voxels of a body that is looked at."""
SHARE = 0.1
"""Of the volume, about what the dark and the pale bodies have each."""

OTHERS = {
    1: "mitochondrion",
    2: "mitochondrial_boundary",
    3: "vesicle",
    4: "PSD",
    5: "myelin",
    6: "membrane",
}
"""Every class of the hippocampus, by the value in its labels."""


@dataclass(frozen=True)
class Case:
    """A class, and how to read the grey values and masks of its slices."""

    read: Read
    slices: tuple[int, int, int]
    """Taught on the first and the second; looked for on the third."""
    voxel_size: tuple[float, float, float] | None
    known: str = ""
    """What the network calls this class."""
    others: Mapping[str, Read] | None = None
    """The other classes that are labelled, by the network's names."""


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
FLY_OTHERS: Mapping[str, Read] = {"membrane": partial(read_fly, "membrane")}
FLY, SBEM, HIPPOCAMPUS = (10.0, 10.0, 10.0), (40.0, 10.0, 10.0), (5.0, 5.0, 5.0)


def hippocampus(value: int, part: tuple[slice, slice], slices: tuple[int, int, int]) -> Case:
    """Create a case of one class of the hippocampus, all of whose classes are labelled."""
    others = {name: labelled(*DEV, other, part) for other, name in OTHERS.items() if other != value}
    return Case(labelled(*DEV, value, part), slices, HIPPOCAMPUS, OTHERS[value], others)


CASES = {
    "dark profile, fly": Case(partial(read_fly, "dark"), (75, 150, 225), FLY, others=FLY_OTHERS),
    "pale profile, fly": Case(partial(read_fly, "pale"), (225, 150, 75), FLY, others=FLY_OTHERS),
    "membrane, fly": Case(partial(read_fly, "membrane"), (75, 150, 225), FLY),
    "mitochondrion, brain": Case(
        labelled(*BRAIN, TOP_RIGHT), (2, 7, 12), SBEM, known="mitochondrion"
    ),
    "mitochondrion, brain, elsewhere": Case(
        labelled(*BRAIN, BOTTOM_LEFT), (17, 3, 8), SBEM, known="mitochondrion"
    ),
    "chloroplast, leaf (SAM branch saw it)": Case(labelled(*LEAF, LEAF_PART), (1, 4, 6), None),
    "PSD, hippocampus (seen)": hippocampus(4, MIDDLE, (2, 11, 7)),
    "vesicle, hippocampus (seen)": hippocampus(3, CORNER, (3, 8, 9)),
}
