"""Segmenting a whole volume, slice by slice, into labels on disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_scsam.config import ClassSpec, UserError, VoxelSize, select_classes
from napari_scsam.infer.disk_cache import default_cache
from napari_scsam.infer.postprocess import label_dtype
from napari_scsam.infer.predictor import Predictor, finish
from napari_scsam.infer.prepared_slice import Slice
from napari_scsam.infer.tile_encoder import weights_hash
from napari_scsam.io.contrast import Contrast, measure_contrast
from napari_scsam.io.labels import create_labels, finish_labels, write_labels
from napari_scsam.io.volumes import Volume, as_volume
from napari_scsam.steps import Progress
from napari_scsam.volume.ledger import LEDGER, Ledger
from napari_scsam.volume.output import check_output

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
    tta: bool = False,
    resume: bool = False,
    overwrite: bool = False,
) -> Generator[Progress, None, None]:
    """Label every slice of a volume; yields after each one, and closing it stops the run.

    Parameters
    ----------
    volume
        From `open_volume`, or an array (Y, X) or (Z, Y, X).
    model
        From `load_checkpoint`, or a predictor that holds it. With a model
        alone, embeddings that lie on disk are used.
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
    tta
        Average four views of each slice, in four times the time, as `Predictor` tells; a predictor that is given has its own word on it.
    resume
        Go on with a run that was stopped; slices that are done stay. Without it,
        or where the settings are others, a stopped run is begun anew.
    overwrite
        Replace finished labels at `out`. A project is never written into.

    Raises
    ------
    UserError
        When the output is there already or cannot be written, the volume cannot be segmented, or
        the network has learned no classes.
    """
    source = volume if isinstance(volume, Volume) else as_volume(volume, voxel_size)
    # Embeddings that `scsam embed` or the plugin kept are used. None are added: a volume may be far larger than the cache,
    # and would drive out of it what the user works on.
    predictor = (
        model
        if isinstance(model, Predictor)
        else Predictor(model, device, default_cache(), fill=False, tta=tta)
    )
    predictor.model.config.need_classes()  # now, not after the contrast was measured
    if source.path is not None and Path(out).resolve() in (
        source.path.resolve(),
        *source.path.resolve().parents,
    ):
        raise UserError(f"the labels would overwrite the image {out}; give them another name")
    check_output(Path(out), overwrite)
    wanted = select_classes(predictor.classes, classes)
    contrast = measure_contrast(source.data)
    if Path(out).suffix.lower() == ".zarr":
        yield from _into_zarr(source, predictor, Path(out), wanted, contrast, resume)
    else:
        yield from _into_tiff(source, predictor, Path(out), wanted, contrast)


def _into_zarr(
    source: Volume,
    predictor: Predictor,
    out: Path,
    wanted: Sequence[ClassSpec],
    contrast: Contrast,
    resume: bool,
) -> Generator[Progress, None, None]:
    ledger = Ledger(out / LEDGER, _name_run(source, predictor, wanted, contrast), resume)
    dtype = label_dtype(predictor.classes)
    going_on = bool(ledger.done)
    labels = create_labels(
        out,
        source.shape,
        source.voxel_size,
        wanted,
        name=LABELS,
        dtype=dtype,
        origin=source.origin,
        resume=going_on,
    )
    ledger.begin()

    def write(z: int, answer: Callable[[], NDArray[Any]]) -> None:
        labels[z if source.ndim == 3 else ...] = answer()
        ledger.add(z)

    writing: Future[None] | None = None
    with ThreadPoolExecutor(1) as writer:
        for z, slice_ in _slices(
            source, predictor, contrast, [z for z in range(source.depth) if z not in ledger.done]
        ):
            yield Progress(z, source.depth, f"slice {z}")
            answer = _slice_labels(predictor, slice_, wanted)
            if writing:
                writing.result()
            writing = writer.submit(write, z, answer)
        if writing:
            writing.result()
    finish_labels(out, LABELS)
    ledger.remove()
    yield Progress(source.depth, source.depth, "done")


def _name_run(
    source: Volume, predictor: Predictor, wanted: Sequence[ClassSpec], contrast: Contrast
) -> dict[str, Any]:
    """Tell by what this run differs from another into the same file; slices of the two must not be mixed."""
    return {
        "shape": source.shape,
        "voxel_size": source.voxel_size,
        "origin": source.origin,
        "contrast": contrast.to_dict(),
        "classes": [c.to_dict() for c in wanted],
        **({"views": [asdict(view) for view in predictor.views]} if predictor.tta else {}),
        "config": predictor.model.config.to_dict(),
        "weights": weights_hash(predictor.model),
    }


def _into_tiff(
    source: Volume, predictor: Predictor, out: Path, wanted: Sequence[ClassSpec], contrast: Contrast
) -> Generator[Progress, None, None]:
    if out.suffix.lower() not in (".tif", ".tiff"):
        raise UserError(f"labels cannot be written to {out.name!r}; end its name in .zarr or .tif")
    out.parent.mkdir(parents=True, exist_ok=True)  # now, not after hours of work
    labels = np.zeros((source.depth, *source.shape[-2:]), label_dtype(predictor.classes))
    for z, slice_ in _slices(source, predictor, contrast, range(source.depth)):
        yield Progress(z, source.depth, f"slice {z}")
        labels[z] = _slice_labels(predictor, slice_, wanted)()
    write_labels(out, labels.reshape(source.shape), source.voxel_size, wanted, origin=source.origin)
    yield Progress(source.depth, source.depth, "done")


def _slices(
    source: Volume, predictor: Predictor, contrast: Contrast, wanted: Sequence[int]
) -> Iterator[tuple[int, Slice]]:
    """Read slices, each while the one before is worked on."""
    with ThreadPoolExecutor(1) as reader:
        reading: deque[Future[Slice]] = deque()
        for number, z in enumerate(wanted):
            for ahead in wanted[number + len(reading) : number + 2]:
                reading.append(
                    reader.submit(
                        lambda z: predictor.prepare(
                            source.plane(z), source.voxel_size, contrast=contrast
                        ),
                        ahead,
                    )
                )
            yield z, reading.popleft().result()


def _slice_labels(
    predictor: Predictor, slice_: Slice, wanted: Sequence[ClassSpec]
) -> Callable[[], NDArray[Any]]:
    """Run the network on a slice, and give what makes labels of its answer, on any thread."""
    predictor.embeddings.clear()  # a slice is seen once; what is remembered would only fill memory
    predictor.set_slice(slice_)
    competing = predictor.competing(wanted)
    logits = finish(predictor.logits_steps([c.name for c in competing]))
    return partial(predictor.labels_from_logits, logits, competing, wanted, pixel=slice_.pixel)
