"""Objects of whole volumes: connected components or watershed, block by block, without seams.

Three passes over blocks, each of which may run on many machines: provisional labels for each block;
labels that touch across blocks; ids in place of provisional labels. Memory does not grow with the
volume, and the result does not depend on the blocks.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_scsam.config import UserError
from napari_scsam.steps import Progress, Steps
from napari_scsam.volume.blocks import MOST_BLOCK_VOXELS
from napari_scsam.volume.instances.output import counts_of
from napari_scsam.volume.instances.request import Classes, LabelsLike, check_target, read_request
from napari_scsam.volume.instances.run import begin_run, instance_steps
from napari_scsam.volume.instances.run_folder import (
    InstanceFolder,
    check_instances_output,
    finished_settings,
)
from napari_scsam.volume.workers import Workers, check_workers, keep_workers
from napari_scsam.volume.writing.only_writer import only_writer


def find_instances(
    labels: LabelsLike,
    out: str | os.PathLike[str],
    *,
    classes: Classes | None = None,
    smallest: int | None = None,
    smallest_um3: float | None = None,
    watershed: bool = False,
    fill_holes: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    workers: Workers = None,
    most_voxels: int = MOST_BLOCK_VOXELS,
) -> Steps[dict[str, int]]:
    """Find the objects of each class in labels of any size, and give each an id of its own.

    Voxels that share a face, an edge or a corner are one object (26 neighbours in a volume, 8 in a
    slice). Ids are dense, from 1 on, in the order of the objects' first voxels.

    Parameters
    ----------
    labels
        Labels of classes: a path of what `scsam segment` or the plugin wrote, of a project, or of
        an OME-Zarr with labels in it; a volume from `open_labels`; or an array (Y, X) or (Z, Y, X).
    out
        ``.zarr``: one label image for each class, named after it. ``.tif``: of one class, for
        what fits into memory.
    classes
        Names of classes; all when not given, but for parts of others. The boundary of a
        mitochondrion belongs to its mitochondrion. For labels without a class table, names by
        label value, as in ``{1: "mitochondrion"}``; without these each value counts by itself.
    smallest, smallest_um3
        Objects of fewer voxels, or of a smaller volume in µm³, are left out; by default those of
        fewer than 10 voxels. `smallest` 1 keeps all.
    watershed
        Split objects that touch each other at a neck.
    fill_holes
        Fill background that one object encloses, with no other object in it.
    resume
        Continue a stopped run with the same labels and options.
    overwrite
        Replace finished instances, which stay until the new ones are whole, or a stopped run.
    workers
        None, a number of processes on this computer, or the address of a dask scheduler.
    most_voxels
        Of a block. The result does not depend on it.

    Returns
    -------
    dict
        The number of objects by class name.

    Raises
    ------
    UserError
        When the labels cannot be read or hold no such class, or the output is taken.
    PartlyDoneError
        At the end, when some blocks could not be read. The others are written.
    """
    request = read_request(
        labels,
        classes,
        smallest=smallest,
        smallest_um3=smallest_um3,
        watershed=watershed,
        fill_holes=fill_holes,
    )
    target = Path(out)
    check_target(target, request)
    folder = InstanceFolder(target)
    folder.tidy()
    check_instances_output(folder, resume=resume, overwrite=overwrite)
    settings = request.settings()
    if resume and target.exists() and not folder.path.exists():
        _check_finished(target, settings)
        yield Progress(1, 1, "finished before")
        return counts_of(target)
    check_workers(workers)
    with only_writer(folder.out, Path(f"{folder.path}.lock")):
        run = begin_run(
            folder, request, settings, resume=resume, workers=workers, most_voxels=most_voxels
        )
        with keep_workers(workers) as kept:
            run.workers = kept
            return (yield from instance_steps(run))


def _check_finished(target: Path, settings: Mapping[str, Any]) -> None:
    """Check that a finished output is what a continued run would have written."""
    if finished_settings(target) != settings:
        raise UserError(
            f"{target} is finished, but has other labels or options; "
            "give another name, or --overwrite to replace it"
        )
