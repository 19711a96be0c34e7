"""Boundary F1 (Csurka et al. 2013): how much of the outlines agrees within a tolerance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

from napari_scsam.metrics.counts import Counts, ratio


@dataclass(frozen=True)
class BoundaryMatch(Counts):
    """Outline pixels of one class; they add up over slices."""

    precise: int = 0
    """Of the predicted ones, those near a true one."""
    predicted: int = 0
    found: int = 0
    """Of the true ones, those near a predicted one."""
    truth: int = 0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 when only one has an outline, NaN when neither has."""
        if not (self.predicted and self.truth):
            return 0.0 if self.predicted or self.truth else float("nan")
        precision = self.precise / self.predicted
        recall = self.found / self.truth
        return float(np.nan_to_num(ratio(2 * precision * recall, precision + recall)))


def boundary_match(
    predicted: NDArray[np.bool_],
    truth: NDArray[np.bool_],
    tolerance: float,
    pixel_size: tuple[float, float] = (1.0, 1.0),
) -> BoundaryMatch:
    """Compare the outlines of two masks.

    Parameters
    ----------
    predicted, truth
        Y×X.
    tolerance
        Largest distance that counts as near, above 0, in the unit of `pixel_size`.
    pixel_size
        (y, x), say in nm; pixels need not be square.
    """
    ours = outline_points(predicted, pixel_size)
    theirs = outline_points(truth, pixel_size)
    return BoundaryMatch(
        near(ours, theirs, tolerance), len(ours), near(theirs, ours, tolerance), len(theirs)
    )


def outline_points(mask: NDArray[np.bool_], pixel_size: tuple[float, float]) -> NDArray[np.float64]:
    """Places (y, x) of the mask's pixels with a neighbour outside; the image's border is no outline."""
    places: NDArray[np.float64] = np.argwhere(
        mask & ~ndimage.binary_erosion(mask, border_value=1)
    ) * np.asarray(pixel_size, float)
    return places


def near(places: NDArray[np.float64], others: NDArray[np.float64], tolerance: float) -> int:
    """Count the places within the tolerance of any other."""
    if not (len(places) and len(others)):
        return 0
    # As exact as a distance transform, and several times as quick, since only near pixels are looked for.
    distances, _ = KDTree(others).query(places, distance_upper_bound=tolerance * (1 + 1e-9))
    return int(np.isfinite(distances).sum())
