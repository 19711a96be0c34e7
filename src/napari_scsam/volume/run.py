"""Segmenting a whole volume, slice by slice, into labels on disk."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from numpy.typing import ArrayLike

from napari_scsam.config import (
    ClassSpec,
    UserError,
    VoxelSize,
    parse_voxel_size,
    select_classes,
)
from napari_scsam.io.contrast import Contrast, contrast_of, sample_planes
from napari_scsam.io.slabs import with_slabs
from napari_scsam.io.volumes import Volume, as_volume
from napari_scsam.remote.predictor import RemotePredictor
from napari_scsam.remote.there import ThereVolume
from napari_scsam.steps import Steps
from napari_scsam.volume.cluster import Workers, check_workers
from napari_scsam.volume.labelling import Labelling
from napari_scsam.volume.mask import open_mask, read_mask
from napari_scsam.volume.output import check_no_slice, check_output
from napari_scsam.volume.remote_labelling import RemoteLabelling
from napari_scsam.volume.run_image import image_fingerprint
from napari_scsam.volume.run_plan import RunPlan, averages_by_itself, plan_run
from napari_scsam.volume.segmentation import VolumeSegmentation
from napari_scsam.volume.there_labelling import ThereLabelling
from napari_scsam.volume.three_axes import CUBE_AXES, check_isotropic
from napari_scsam.volume.writing.into_image import check_labels_fit_image
from napari_scsam.volume.writing.only_writer import lock_of, only_writer
from napari_scsam.volume.writing.run_labels import stopped_run, tidy

if TYPE_CHECKING:
    from napari_scsam.infer.predictor import Predictor
    from napari_scsam.model import ScSAM


def segment_volume(
    volume: Volume | ArrayLike,
    model: ScSAM | Predictor | RemotePredictor | str | Path,
    out: str | Path,
    *,
    classes: Sequence[str] | None = None,
    voxel_size: VoxelSize | None = None,
    device: str = "auto",
    tta: bool = False,
    coarse: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    slices: Sequence[int] | None = None,
    region: str | None = None,
    mask: str | Path | None = None,
    average_z: bool | None = None,
    axes: int = 1,
    probabilities: bool = False,
    workers: Workers = None,
    into: bool = False,
) -> Steps[None]:
    """Label every slice of a volume; yields after each one, and closing it stops the run.

    Parameters
    ----------
    volume
        From `open_volume`, or an array (Y, X) or (Z, Y, X).
    model
        From `load_checkpoint`, or a predictor that holds it, here or on a server. Workers need the
        name or path of a checkpoint. Without a predictor, embeddings in the cache on disk are used.
    out
        ``.zarr``: labels are written slice by slice. A stopped run can be resumed, and the volume
        may be larger than memory. ``.tif``, ``.mrc`` or ``.h5``: written at the end, in one piece.
    classes
        Names of those to write; all when not given.
    voxel_size
        nm along z, y, x; by default what `volume` says.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``; of a model alone.
    tta
        Average four views of each slice, in four times the time; of a model alone.
    coarse
        Never enlarge the image to the network's pixel size: quicker and less exact; of a model
        alone.
    resume
        Continue a stopped run of the same image, checkpoint and options, and keep its finished
        slices. Nothing is done for a finished one.
    overwrite
        Replace finished labels or a stopped run at `out`: they stay until the new ones are whole.
        Projects are never written into.
    slices
        Numbers of the slices to label; the others stay empty.
    region
        The part to label, ``z0:z1,y0:y1,x0:x1`` in voxels.
    mask
        Path of an image or labels of the same shape, or coarser by whole numbers. Voxels where it
        is 0 get no label, and tiles without any other voxel are not computed.
    average_z
        Average the logits of each slice with those of its neighbours, with weights 1, 2 and 1.
        When not given, this is done where slices are at most 10 nm apart. Neighbours that look
        different, as beside a gap, are left out.
    axes
        3 labels slices along z, y and x, and averages the logits of the three. This takes at least
        three times as long. The voxels must be about as long along each axis.
    probabilities
        Write the probability of each class as well, 0 to 255, into ``probabilities`` of the label
        image (`napari_scsam.volume.probabilities`).
    workers
        Where the work is done, as `run_tasks` takes it; each worker loads the checkpoint.
    into
        Whether `out` is an OME-Zarr image, into which the labels are to go.

    Raises
    ------
    UserError
        When the output exists or cannot be written, or a stopped run there is another one. Also
        when the volume cannot be segmented or the network has learned no classes. Also when
        `device`, `tta` or `coarse` is given with a predictor.
    PartlyDoneError
        After the last slice, when some could not be read or computed. The labels of the others
        are written.
    """
    source = _as_source(volume, voxel_size)
    out = Path(out)
    is_zarr = into or out.suffix.lower() == ".zarr"
    _check_outcome(source, model, workers, is_zarr=is_zarr, probabilities=probabilities)
    predictor = _predictor_of(model, device, tta=tta, coarse=coarse)
    _need_classes(predictor)  # now, not after the contrast was measured
    plan = plan_run(source.shape, slices, region, probabilities=probabilities)
    plan = _with_extras(plan, source, mask, axes, average_z)
    with only_writer(out, lock_of(out, into=into)):
        if into:
            wishes = {"overwrite": overwrite, "resume": resume, "probabilities": probabilities}
            check_labels_fit_image(out, source, **wishes)
        else:
            _check_image_survives(source, out)
            tidy(out)
            check_output(out, overwrite=overwrite, resume=resume)
        if average_z is None:
            earlier = stopped_run(out) if resume else None
            average_z = axes == 1 and averages_by_itself(source.shape, source.voxel_size)
            if earlier is not None:  # by this version or an earlier one, which did not average
                average_z = bool(earlier.get("average_z", False))
        plan = replace(plan, average_z=average_z and source.depth > 1)
        requested = sorted(select_classes(predictor.classes, classes), key=lambda c: c.id)
        source = with_slabs(source)
        contrast, fingerprint = _measure(source)
        labelling = _labelling(source, predictor, requested, contrast, plan)
        work = VolumeSegmentation(labelling, fingerprint)
        if not is_zarr:
            yield from work.into_one_file(out)
        elif workers is None:
            yield from work.into_zarr(out, resume)
        else:
            chosen = (str(model), device, workers)
            yield from work.into_zarr(out, resume, chosen)


def _with_extras(
    plan: RunPlan, source: Volume, mask: str | Path | None, axes: int, average_z: bool | None
) -> RunPlan:
    """Return a plan with a mask and the axes that are averaged.

    Raises
    ------
    UserError
        When the mask does not fit the volume, or slices do not look alike along all axes.
    """
    _check_axes(source, axes, average_z)
    if mask is not None:
        opened = open_mask(mask, source.shape, source.voxel_size)
        plan = replace(plan, mask=read_mask(opened, plan.slices, plan.window))
    return replace(plan, axes=axes)


def _check_axes(source: Volume, axes: int, average_z: bool | None) -> None:
    if axes == 1:
        return
    if axes != CUBE_AXES:
        raise UserError(
            f"slices are averaged along 1 or {CUBE_AXES} axes, not {axes}; give one of them"
        )
    if average_z:
        raise UserError("three axes average along z, too; leave out --average-z or --axes")
    check_isotropic(source.shape, source.voxel_size)


def _as_source(volume: Volume | ArrayLike, voxel_size: VoxelSize | None) -> Volume:
    if not isinstance(volume, Volume):
        return as_volume(volume, voxel_size)
    if voxel_size is None:
        return volume
    return replace(volume, voxel_size=parse_voxel_size(voxel_size))


def _check_outcome(
    source: Volume,
    model: ScSAM | Predictor | RemotePredictor | str | Path,
    workers: Workers,
    *,
    is_zarr: bool,
    probabilities: bool,
) -> None:
    """Check what only labels in an OME-Zarr can have, before anything is read."""
    if probabilities and not is_zarr:
        raise UserError("probabilities are written into an OME-Zarr; end the output in .zarr")
    if workers is None:
        return
    if not is_zarr:
        raise UserError("several workers cannot write one file; end the output in .zarr")
    if source.path is None:
        raise UserError("workers read the image from a file; save it, and open it from there")
    if not isinstance(model, str | Path):
        raise UserError("workers load the network themselves; give the path of its checkpoint")
    check_workers(workers)


def _predictor_of(
    model: ScSAM | Predictor | RemotePredictor | str | Path,
    device: str,
    *,
    tta: bool,
    coarse: bool,
) -> Predictor | RemotePredictor:
    if isinstance(model, RemotePredictor):
        model.tta = tta
        model.coarse = coarse
        return model
    from napari_scsam.checkpoints.checkpoint import load_checkpoint
    from napari_scsam.infer.disk_cache import default_cache
    from napari_scsam.infer.predictor import Predictor

    if isinstance(model, str | Path):
        model = load_checkpoint(model)
    if not isinstance(model, Predictor):
        # Embeddings that `scsam embed` or the plugin cached are used. None are added: a volume may
        # be far larger than the cache, and would displace what the user works on.
        return Predictor(model, device, default_cache(), fill=False, tta=tta, coarse=coarse)
    if device != "auto" or tta or coarse:
        raise UserError(
            "a predictor has its own device, tta and coarse; set them in Predictor(model, …), "
            "or give segment_volume the model"
        )
    return model


def _need_classes(predictor: Predictor | RemotePredictor) -> None:
    """Raise a `NoClassesError` if a network has learned no classes."""
    if isinstance(predictor, RemotePredictor):
        predictor.need_classes()
    else:
        predictor.model.config.need_classes()


def _measure(source: Volume) -> tuple[Contrast, str]:
    """Return the contrast of a volume and its fingerprint; the server has measured its own."""
    if isinstance(source, ThereVolume):
        return source.contrast, source.fingerprint
    sample = sample_planes(source.data)
    return contrast_of(sample), image_fingerprint(source.data, sample)


def _labelling(
    source: Volume,
    predictor: Predictor | RemotePredictor,
    requested: Sequence[ClassSpec],
    contrast: Contrast,
    plan: RunPlan,
) -> Labelling:
    """Return what labels slices, here or on a server."""
    if isinstance(source, ThereVolume):
        return ThereLabelling(source, cast("Any", predictor), requested, contrast, plan)
    if isinstance(predictor, RemotePredictor):
        return RemoteLabelling(source, cast("Any", predictor), requested, contrast, plan)
    return Labelling(source, predictor, requested, contrast, plan)


def _check_image_survives(source: Volume, out: Path) -> None:
    if source.path is None:
        return
    image = source.path.resolve()
    if Path(os.path.realpath(out)) in (image, *image.parents):  # resolve() fails in circles
        raise UserError(f"the labels would overwrite the image {out}; give them another name")
    check_no_slice(out, image)
