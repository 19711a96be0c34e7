"""Which image a run belongs to."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.io.contrast import WHOLE_BYTES
from napari_scsam.io.lazy import LazyArray
from napari_scsam.io.slabs import slab_depth
from napari_scsam.project.image import FINGERPRINT_PLANES, fingerprint

FEW = 0.05
"""Share of a large volume that a fingerprint may read."""


def image_fingerprint(image: LazyArray, sample: Sequence[NDArray[Any]]) -> str:
    """Return a hash of an image, by which a stopped run knows it again.

    It is that of a project, where it is quick. Else whole slices would be much to read, and what
    the contrast was measured on stands for the image.

    Parameters
    ----------
    image
        (Y, X) or (Z, Y, X).
    sample
        From `sample_planes`.
    """
    read = FINGERPRINT_PLANES * slab_depth(image.shape, image.chunks)
    if image.ndim == 2 or image.nbytes <= WHOLE_BYTES or read <= FEW * image.shape[0]:
        return fingerprint(image)
    return _hash_of(f"{tuple(image.shape)} {np.dtype(image.dtype).str[1:]}", sample)


def _hash_of(header: str, parts: Sequence[NDArray[Any]]) -> str:
    digest = hashlib.blake2b(header.encode(), digest_size=16)
    for part in parts:
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()
