"""Segmenting a whole volume, slice by slice, into labels on disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_scsam.config import ClassSpec, UserError, VoxelSize, select_classes
from napari_scsam.infer.disk_cache import default_cache
from napari_scsam.infer.postprocess import label_dtype
from napari_scsam.infer.predictor import Predictor
from napari_scsam.infer.prepared_slice import Slice
from napari_scsam.infer.tile_encoder import weights_hash
from napari_scsam.io.contrast import Contrast, measure_contrast
from napari_scsam.io.labels import create_labels, finish_labels, write_labels
from napari_scsam.io.volumes import Volume, as_volume
from napari_scsam.steps import Progress, Steps, drive
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
) -> Steps[None]:
    """Label every slice of a volume; yields after each one, and closing it stops the run.

    Parameters
    ----------
    volume
        From `open_volume`, or an array (Y, X) or (Z, Y, X).
    model
        From `load_checkpoint`, or a predictor that holds it. With a model alone, embeddings in
        the cache on disk are used.
    out
        ``.zarr``: labels are written slice by slice, so a stopped run can be resumed and the
        volume may be larger than memory. ``.tif``: written at the end, in one piece.
    classes
        Names of those to write; all when not given.
    voxel_size
        nm along z, y, x, when `volume` is an array.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``; of a model alone.
    tta
        Average four views of each slice, in four times the time; of a model alone.
    resume
        Continue a stopped run and keep its finished slices. Without it, or with other settings,
        a stopped run starts from the beginning.
    overwrite
        Replace finished labels at `out`. Projects are never written into.

    Raises
    ------
    UserError
        When the output exists or cannot be written, the volume cannot be segmented, the network
        has learned no classes, or `device` or `tta` is given with a predictor.
    """
    source = volume if isinstance(volume, Volume) else as_volume(volume, voxel_size)
    predictor = _predictor_of(model, device, tta)
    predictor.model.config.need_classes()  # now, not after the contrast was measured
    out = Path(out)
    _check_image_survives(source, out)
    check_output(out, overwrite)
    requested = select_classes(predictor.classes, classes)
    work = _Segmentation(source, predictor, requested, measure_contrast(source.data))
    if out.suffix.lower() == ".zarr":
        yield from work.into_zarr(out, resume)
    else:
        yield from work.into_tiff(out)


def _predictor_of(model: ScSAM | Predictor, device: str, tta: bool) -> Predictor:
    if not isinstance(model, Predictor):
        # Embeddings that `scsam embed` or the plugin cached are used. None are added: a volume may
        # be far larger than the cache, and would displace what the user works on.
        return Predictor(model, device, default_cache(), fill=False, tta=tta)
    if device != "auto" or tta:
        raise UserError(
            "a predictor has its own device and tta; set them in Predictor(model, device, tta=…), "
            "or give segment_volume the model"
        )
    return model


def _check_image_survives(source: Volume, out: Path) -> None:
    if source.path is None:
        return
    image = source.path.resolve()
    if out.resolve() in (image, *image.parents):
        raise UserError(f"the labels would overwrite the image {out}; give them another name")


@dataclass(frozen=True)
class _Segmentation:
    """One run over a volume."""

    source: Volume
    predictor: Predictor
    requested: Sequence[ClassSpec]
    contrast: Contrast

    def into_zarr(self, out: Path, resume: bool) -> Steps[None]:
        """Write labels slice by slice, each while the next one is computed."""
        source = self.source
        ledger = Ledger(out / LEDGER, self.settings(), resume)
        labels = create_labels(
            out,
            source.shape,
            source.voxel_size,
            self.requested,
            name=LABELS,
            dtype=label_dtype(self.predictor.classes),
            origin=source.origin,
            resume=bool(ledger.done),
        )
        ledger.begin()

        def write(z: int, labels_of_slice: Callable[[], NDArray[Any]]) -> None:
            index = z if source.ndim == 3 else ...
            labels[index] = labels_of_slice()
            ledger.add(z)

        left = [z for z in range(source.depth) if z not in ledger.done]
        writing: Future[None] | None = None
        with ThreadPoolExecutor(1) as writer:
            for z, slice_ in self.slices(left):
                yield Progress(z, source.depth, f"slice {z}")
                labels_of_slice = self.segment(slice_)
                if writing is not None:
                    writing.result()
                writing = writer.submit(write, z, labels_of_slice)
            if writing is not None:
                writing.result()
        finish_labels(out, LABELS)
        ledger.remove()
        yield Progress(source.depth, source.depth, "done")

    def into_tiff(self, out: Path) -> Steps[None]:
        """Write labels in one piece, at the end."""
        source = self.source
        if out.suffix.lower() not in (".tif", ".tiff"):
            raise UserError(
                f"labels cannot be written to {out.name!r}; end its name in .zarr or .tif"
            )
        out.parent.mkdir(parents=True, exist_ok=True)  # now, not after hours of work
        shape = (source.depth, *source.shape[-2:])
        labels = np.zeros(shape, label_dtype(self.predictor.classes))
        for z, slice_ in self.slices(range(source.depth)):
            yield Progress(z, source.depth, f"slice {z}")
            labels[z] = self.segment(slice_)()
        labels = labels.reshape(source.shape)
        write_labels(out, labels, source.voxel_size, self.requested, origin=source.origin)
        yield Progress(source.depth, source.depth, "done")

    def settings(self) -> dict[str, Any]:
        """Return what two runs must share for their slices to be mixed, as plain JSON values."""
        settings: dict[str, Any] = {
            "shape": self.source.shape,
            "voxel_size": self.source.voxel_size,
            "origin": self.source.origin,
            "contrast": self.contrast.to_dict(),
            "classes": [c.to_dict() for c in self.requested],
            "config": self.predictor.model.config.to_dict(),
            "weights": weights_hash(self.predictor.model),
        }
        if self.predictor.tta:
            settings["views"] = [asdict(view) for view in self.predictor.views]
        return settings

    def slices(self, indices: Sequence[int]) -> Iterator[tuple[int, Slice]]:
        """Read slices, each while the one before is segmented."""
        with ThreadPoolExecutor(1) as reader:
            reading: deque[Future[Slice]] = deque()
            for number, z in enumerate(indices):
                for ahead in indices[number + len(reading) : number + 2]:
                    reading.append(reader.submit(self.read, ahead))
                yield z, reading.popleft().result()

    def read(self, z: int) -> Slice:
        """Read a slice and prepare it for the network."""
        plane = self.source.plane(z)
        return self.predictor.prepare(plane, self.source.voxel_size, contrast=self.contrast)

    def segment(self, slice_: Slice) -> Callable[[], NDArray[Any]]:
        """Run the network on a slice, and return what computes its labels, on any thread."""
        predictor = self.predictor
        predictor.embeddings.clear()  # each slice is seen once; keeping them would fill memory
        predictor.set_slice(slice_)
        competing = predictor.competing(self.requested)
        logits = drive(predictor.logits_steps([c.name for c in competing]))
        return partial(
            predictor.labels_from_logits,
            logits,
            competing,
            self.requested,
            pixel_size=slice_.pixel_size,
        )
