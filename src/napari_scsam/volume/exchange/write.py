"""Write results of other programs as labels of ours: classes, and the objects of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_scsam.config import ClassSpec, UserError, VoxelSize
from napari_scsam.infer.postprocess import label_dtype
from napari_scsam.io.label_header import label_header
from napari_scsam.io.labels import writing_new_labels
from napari_scsam.io.zarr_access import ZarrArray
from napari_scsam.project.project import CLASSES
from napari_scsam.steps import Progress, Steps
from napari_scsam.volume.exchange.read import ClassObjects, check_found
from napari_scsam.volume.instances.kinds import ObjectKind, check_folders


def write_results(
    results: Sequence[ClassObjects],
    classes: Sequence[ClassSpec],
    out: Path,
    voxel_size: VoxelSize | None = None,
) -> Steps[None]:
    """Write an OME-Zarr with the label image ``classes``, and one of objects for each class.

    Parameters
    ----------
    results
        From `read_results`; where two classes overlap, the first one stays.
    classes
        Of the class table, one for each result.
    out
        Ends in ``.zarr``, and does not exist; it appears when it is complete.
    voxel_size
        nm along z, y, x; by default as the result says.

    Raises
    ------
    UserError
        When the results differ in shape, have no objects, or the place will not do.
    """
    kinds = [ObjectKind(spec.name, (), taken=frozenset((CLASSES,))) for spec in classes]
    check_folders(kinds)
    first = results[0].volume
    for one in results:
        if one.volume.shape != first.shape:
            raise UserError(
                f"{one.name} has shape {one.volume.shape}, but {results[0].name} has "
                f"{first.shape}; import them one by one"
            )
    size = voxel_size or first.voxel_size
    dtype = np.dtype(label_dtype(classes))
    total = first.depth * (1 + len(results))
    images = [(label_header(CLASSES, first.shape, size, classes, first.origin, dtype), dtype)]
    for one, kind in zip(results, kinds, strict=True):
        own = one.volume.dtype
        images.append((label_header(kind.folder, first.shape, size, (), first.origin, own), own))
    found: set[str] = set()
    with writing_new_labels(out, images, first.shape) as levels:
        for z in range(first.depth):
            yield Progress(z, total, CLASSES)
            found |= _write_classes(levels[0], z, results, classes)
        check_found(results, found)
        for number, one in enumerate(results, 1):
            for z in range(first.depth):
                yield Progress(number * first.depth + z, total, classes[number - 1].name)
                levels[number][_key(levels[number], z)] = one.read(z)[1]
    yield Progress(total, total, "done")


def _write_classes(
    level: ZarrArray, z: int, results: Sequence[ClassObjects], classes: Sequence[ClassSpec]
) -> set[str]:
    """Write the classes of a slice, and return the names of those that are there."""
    labels = np.zeros(level.shape[-2:], level.dtype)
    found = set()
    for one, spec in zip(results, classes, strict=True):
        where = one.read(z)[0]
        if where.any():
            found.add(one.name)
        labels[where & (labels == 0)] = spec.id
    level[_key(level, z)] = labels
    return found


def _key(level: ZarrArray, z: int) -> tuple[int, ...]:
    """Return the index of a slice; a flat image is one."""
    return (z,) if level.ndim == 3 else ()
