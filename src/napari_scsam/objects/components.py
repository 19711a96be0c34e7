"""Connected components: the one definition of what belongs together.

Voxels that share a face, an edge or a corner are connected: 26 neighbours in a volume, 8 in a slice.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray


def neighbourhood(ndim: int) -> NDArray[np.bool_]:
    """Return a voxel and its neighbours, for functions of SciPy and scikit-image."""
    return np.ones((3,) * ndim, bool)


def label_components(mask: NDArray[Any], *, faces_only: bool = False) -> NDArray[np.int32]:
    """Return a mask's connected components, numbered from 1 on by their first voxels.

    Parameters
    ----------
    mask
        True in the components.
    faces_only
        Do not connect voxels that share only an edge or a corner.
    """
    structure = None if faces_only else neighbourhood(mask.ndim)
    numbers: NDArray[np.int32] = scipy.ndimage.label(mask, structure)[0]
    return numbers


def small_components(mask: NDArray[np.bool_], smallest: float) -> NDArray[np.bool_]:
    """Return the voxels in components of fewer than `smallest` voxels."""
    numbers = label_components(mask)
    small = np.bincount(numbers.ravel()) < smallest
    small[0] = False
    found: NDArray[np.bool_] = small[numbers]
    return found


def mean_in_components(mask: NDArray[np.bool_], values: NDArray[Any]) -> NDArray[np.float64]:
    """Return the mean of `values` over the component of each voxel; 0 outside the mask."""
    numbers = label_components(mask)
    sizes = np.bincount(numbers.ravel())
    totals = np.bincount(numbers.ravel(), np.where(mask, values, 0).ravel())
    means: NDArray[np.float64] = (totals / np.maximum(sizes, 1))[numbers]
    return means
