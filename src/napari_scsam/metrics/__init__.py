"""Measures of how well labels agree with the truth, without torch and files.

Each metric counts on one slice and divides at the end. Counts of a class add up
over slices, so that an empty slice does not count as perfect.
"""

from napari_scsam.metrics.bootstrap import interval, resamples
from napari_scsam.metrics.boundary import BoundaryMatch, boundary_match
from napari_scsam.metrics.calibration import Calibration, calibration
from napari_scsam.metrics.counts import Counts, mean, pooled, ratio
from napari_scsam.metrics.objects import ObjectMatch, object_match
from napari_scsam.metrics.overlap import Overlap, dice, iou, overlaps

__all__ = [
    "BoundaryMatch",
    "Calibration",
    "Counts",
    "ObjectMatch",
    "Overlap",
    "boundary_match",
    "calibration",
    "dice",
    "interval",
    "iou",
    "mean",
    "object_match",
    "overlaps",
    "pooled",
    "ratio",
    "resamples",
]
