"""Segmenting a whole volume, slice by slice, into labels on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from napari_scsam.config import ClassSpec, Progress, UserError, VoxelSize, select_classes
from napari_scsam.data.ome_zarr import create_labels, finish_labels, write_labels
from napari_scsam.data.preprocess import Contrast, measure_contrast
from napari_scsam.data.volumes import Volume, as_volume
from napari_scsam.infer.postprocess import label_dtype
from napari_scsam.infer.predictor import Predictor
from napari_scsam.volume.ledger import Ledger

if TYPE_CHECKING:
    from napari_scsam.model import ScSAM

LABELS = "classes"
"""Name of the label image inside the OME-Zarr."""


def segment_volume(
    volume: Volume | ArrayLike,
    model: ScSAM | Predictor,
    out: str | Path,
    *,
    classes: Sequence[str] | None = None,
    voxel_size: VoxelSize | None = None,
    device: str = "auto",
    resume: bool = False,
) -> Generator[Progress, None, None]:
    """Label every slice of a volume; yields after each one, and closing it stops the run.

    Parameters
    ----------
    volume
        From `open_volume`, or an array (Y, X) or (Z, Y, X).
    model
        From `load_checkpoint`, or a predictor that holds it.
    out
        ``.zarr``: labels are written as they come, so a stopped run can be
        resumed and the volume may be larger than memory. ``.tif``: written at
        the end, in one piece.
    classes
        Names of those to write; all when not given.
    voxel_size
        nm along z, y, x, when `volume` is an array.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    resume
        Go on with a run that was stopped; slices that are done stay.

    Raises
    ------
    UserError
        When the output cannot be written, or the volume cannot be segmented.
    """
    source = volume if isinstance(volume, Volume) else as_volume(volume, voxel_size)
    predictor = model if isinstance(model, Predictor) else Predictor(model, device)
    if source.path is not None and source.path.resolve() == Path(out).resolve():
        raise UserError(f"the labels would overwrite the image {out}; give them another name")
    wanted, contrast = select_classes(predictor.classes, classes), measure_contrast(source.data)
    if Path(out).suffix.lower() == ".zarr":
        yield from _into_zarr(source, predictor, Path(out), wanted, contrast, resume)
    else:
        yield from _into_tiff(source, predictor, Path(out), wanted, contrast)


def _into_zarr(
    source: Volume, predictor: Predictor, out: Path, wanted: Sequence[ClassSpec], contrast: Contrast, resume: bool
) -> Generator[Progress, None, None]:
    ledger = Ledger(out / ".scsam_progress", _name_run(source, predictor, wanted, contrast), resume)
    dtype, going_on = label_dtype(predictor.classes), bool(ledger.done)
    labels = create_labels(out, source.shape, source.voxel_size, wanted, name=LABELS, dtype=dtype, origin=source.origin, resume=going_on)
    ledger.begin()
    for z in range(source.depth):
        yield Progress(z, source.depth, f"slice {z}")
        if z in ledger.done:
            continue
        labels[z if source.ndim == 3 else ...] = _slice_labels(source, predictor, z, wanted, contrast)
        ledger.add(z)
    finish_labels(out, LABELS)
    ledger.remove()
    yield Progress(source.depth, source.depth, "done")


def _name_run(source: Volume, predictor: Predictor, wanted: Sequence[ClassSpec], contrast: Contrast) -> dict[str, Any]:
    """Tell by what this run differs from another into the same file; slices of the two must not be mixed."""
    return {
        "shape": source.shape,
        "voxel_size": source.voxel_size,
        "origin": source.origin,
        "contrast": contrast.to_dict(),
        "classes": [c.to_dict() for c in wanted],
        "config": predictor.model.config.to_dict(),
        "weights": weights_hash(predictor.model),
    }


def weights_hash(model: ScSAM) -> str:
    """Give a hash that differs between models of one form with different weights."""
    digest = hashlib.blake2b(digest_size=16)
    for value in model.state_dict().values():
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _into_tiff(
    source: Volume, predictor: Predictor, out: Path, wanted: Sequence[ClassSpec], contrast: Contrast
) -> Generator[Progress, None, None]:
    if out.suffix.lower() not in (".tif", ".tiff"):
        raise UserError(f"labels cannot be written to {out.name!r}; end its name in .zarr or .tif")
    out.parent.mkdir(parents=True, exist_ok=True)  # now, not after hours of work
    labels = np.zeros((source.depth, *source.shape[-2:]), label_dtype(predictor.classes))
    for z in range(source.depth):
        yield Progress(z, source.depth, f"slice {z}")
        labels[z] = _slice_labels(source, predictor, z, wanted, contrast)
    write_labels(out, labels.reshape(source.shape), source.voxel_size, wanted, origin=source.origin)
    yield Progress(source.depth, source.depth, "done")


def _slice_labels(source: Volume, predictor: Predictor, z: int, wanted: Sequence[ClassSpec], contrast: Contrast) -> np.ndarray[Any, Any]:
    predictor.embeddings.clear()  # a slice is seen once; what is remembered would only fill memory
    predictor.set_image(source.plane(z), source.voxel_size, contrast=contrast)
    return predictor.segment([c.name for c in wanted])
