"""Which slice to correct next, and where on it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from napari_scsam.config import UserError
from napari_scsam.io.contrast import measure_contrast
from napari_scsam.steps import Progress, Steps

if TYPE_CHECKING:
    from napari_scsam.infer.predictor import Predictor
    from napari_scsam.io.volumes import Volume

COUNT = 10
"""Slices that are suggested, if no other number is given."""

REGION_SHARE = 3
"""A region is a square whose side is the slice's shorter side divided by this."""

REVIEWED_SHARE = 0.5
"""Share of a slice that a mask must cover for the slice to count as reviewed."""

Region = tuple[int, int, int, int]
"""Rows and columns (y0, x0, y1, x1) of a slice; the last are not included."""


@dataclass(frozen=True)
class Suggestion:
    """A slice that is worth correcting."""

    slice: int
    score: float
    """0 to 1: its distance from what is reviewed or suggested before it, by the depth."""
    region: Region | None
    """Where the network is least certain; None when it is certain, or has no classes."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def suggest(
    predictor: Predictor,
    image: Volume,
    reviewed: Collection[int] = (),
    *,
    mask: Volume | None = None,
    count: int = COUNT,
) -> Steps[list[Suggestion]]:
    """Suggest slices to correct next, the best first.

    Slices are spread evenly between those that are reviewed. In a simulation
    (``python -m benchmarks.suggest``) no order by uncertainty was better than that.
    Inside a slice the network's doubt shows where errors are, so a region is suggested
    by it. Only suggested slices are segmented.

    Parameters
    ----------
    predictor
        Holds the checkpoint and the device.
    image
        The volume.
    reviewed
        Slices that are reviewed.
    mask
        Of the image's shape, not 0 where it is reviewed; adds to `reviewed` those slices of
        which at least half is. Regions are looked for outside it.
    count
        Slices to suggest; fewer when fewer are left.

    Raises
    ------
    UserError
        When a slice does not exist, or the mask has another shape.
    """
    done = check_reviewed(image, reviewed, mask)
    chosen = list(islice(next_slices(image.depth, done), count))
    contrast = measure_contrast(image.data)
    found = []
    for number, (z, score) in enumerate(chosen):
        yield Progress(number, len(chosen), f"slice {z}")
        predictor.set_image(image.plane(z), image.pixel_size, contrast=contrast)
        found.append(Suggestion(z, score, worst_region(doubt_of(predictor, z, mask))))
    yield Progress(len(chosen), len(chosen), "done")
    return found


def check_reviewed(image: Volume, reviewed: Collection[int], mask: Volume | None) -> Sequence[int]:
    """Return the slices that are reviewed, in order.

    Raises
    ------
    UserError
        When one does not exist, or the mask has another shape.
    """
    beyond = [z for z in reviewed if not 0 <= z < image.depth]
    if beyond:
        last = image.depth - 1
        raise UserError(f"the image has no slice {beyond[0]}; its slices are 0 to {last}")
    if mask is None:
        return sorted(set(reviewed))
    if mask.shape != image.shape:
        raise UserError(
            f"the image has shape {image.shape} but the mask has {mask.shape}; "
            "give the mask of that image"
        )
    return sorted({*reviewed, *_masked(mask)})


def _masked(mask: Volume) -> Iterator[int]:
    """Yield the slices that a mask of reviewed pixels covers."""
    for z in range(mask.depth):
        plane = mask.plane(z)
        if np.count_nonzero(plane) / plane.size >= REVIEWED_SHARE:
            yield z


def next_slices(depth: int, reviewed: Sequence[int]) -> Iterator[tuple[int, float]]:
    """Yield the slices that are not reviewed, each as far as possible from those before it.

    This is the greedy solution of the k-centre problem (Gonzalez 1985). Each has its distance from
    the nearest one before it, as a share of the largest possible distance.
    """
    places = np.arange(depth)
    distances = np.full(depth, float(depth))
    for z in reviewed:
        distances = np.minimum(distances, abs(places - z))
    if not len(reviewed):
        yield depth // 2, 1.0
        distances = np.minimum(distances, abs(places - depth // 2))
    while distances.any():
        best = int(distances.argmax())
        yield best, float(distances[best]) / (depth - 1)
        distances = np.minimum(distances, abs(places - best))


def doubt_of(predictor: Predictor, z: int, mask: Volume | None) -> NDArray[np.float32]:
    """Compute the network's doubt on the current slice, Y×X; 0 where the mask is reviewed.

    A network without classes has none.
    """
    names = [spec.name for spec in predictor.model.classes]  # networks beside it learn nothing
    if not names:
        return np.zeros(predictor.slice.shape, np.float32)
    doubt = entropy(predictor.class_logits(names))
    if mask is not None:
        doubt[mask.plane(z) != 0] = 0
    return doubt


def entropy(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute the entropy of the class of each pixel, in nats: Y×X from K×Y×X logits.

    The background's logit is 0.
    """
    shares = log_softmax(np.concatenate([np.zeros_like(logits[:1]), logits]), axis=0)
    found: NDArray[np.float32] = -(np.exp(shares) * shares).sum(axis=0)
    return found


def worst_region(doubt: NDArray[np.float32]) -> Region | None:
    """Return the square with the most doubt on a Y×X slice; None when no pixel has any."""
    if not doubt.any():
        return None
    side = max(1, min(doubt.shape) // REGION_SHARE)
    sums = np.pad(doubt.astype(np.float64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    windows = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    y, x = (int(at) for at in np.unravel_index(int(windows.argmax()), windows.shape))
    return y, x, y + side, x + side
