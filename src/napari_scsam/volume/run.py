"""Segmenting a whole volume, slice by slice, into labels on disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_scsam.config import (
    ClassSpec,
    UserError,
    VoxelSize,
    parse_voxel_size,
    select_classes,
)
from napari_scsam.errors import PartlyDoneError
from napari_scsam.infer.disk_cache import default_cache
from napari_scsam.infer.postprocess import label_dtype
from napari_scsam.infer.predictor import Predictor
from napari_scsam.infer.prepared_slice import Slice
from napari_scsam.infer.tile_encoder import weights_hash
from napari_scsam.io.contents import Contents, what_is
from napari_scsam.io.contrast import Contrast, measure_contrast
from napari_scsam.io.label_header import LabelHeader, label_header
from napari_scsam.io.labels import write_labels
from napari_scsam.io.lazy import DamagedPartError
from napari_scsam.io.volumes import Volume, as_volume
from napari_scsam.io.zarr_access import ZarrArray
from napari_scsam.project.image import fingerprint
from napari_scsam.steps import Progress, Steps, drive
from napari_scsam.volume.ledger import (
    FinishedSlice,
    Ledger,
    as_stored,
    check_same_run,
    pixels_hash,
)
from napari_scsam.volume.output import check_output
from napari_scsam.volume.run_labels import (
    LABELS,
    Place,
    create_run_labels,
    find_stopped,
    finish_run_labels,
    finished_run,
    is_whole,
    open_run_labels,
    table_of,
    tidy,
    write_slice,
)

if TYPE_CHECKING:
    from napari_scsam.model import ScSAM

FINISHED = "finished before"
"""What the only step of a run says that has nothing left to do."""


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
        nm along z, y, x; by default what `volume` says.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``; of a model alone.
    tta
        Average four views of each slice, in four times the time; of a model alone.
    resume
        Continue a stopped run of the same image, checkpoint and options, and keep its finished
        slices. Nothing is done for a finished one.
    overwrite
        Replace finished labels or a stopped run at `out`: they stay until the new ones are whole.
        Projects are never written into.

    Raises
    ------
    UserError
        When the output exists or cannot be written, a stopped run there is another one, the volume
        cannot be segmented, the network has learned no classes, or `device` or `tta` is given with
        a predictor.
    PartlyDoneError
        After the last slice, when some could not be read. The labels of the others are written.
    """
    source = _as_source(volume, voxel_size)
    predictor = _predictor_of(model, device, tta)
    predictor.model.config.need_classes()  # now, not after the contrast was measured
    out = Path(out)
    _check_image_survives(source, out)
    tidy(out)
    check_output(out, overwrite=overwrite, resume=resume)
    requested = select_classes(predictor.classes, classes)
    work = _Segmentation(source, predictor, requested, measure_contrast(source.data))
    if out.suffix.lower() == ".zarr":
        yield from work.into_zarr(out, resume)
    else:
        yield from work.into_tiff(out)


def _as_source(volume: Volume | ArrayLike, voxel_size: VoxelSize | None) -> Volume:
    if not isinstance(volume, Volume):
        return as_volume(volume, voxel_size)
    if voxel_size is None:
        return volume
    return replace(volume, voxel_size=parse_voxel_size(voxel_size))


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
    damaged: list[DamagedPartError] = field(default_factory=list)
    """What was wrong with slices that could not be read."""

    def into_zarr(self, out: Path, resume: bool) -> Steps[None]:
        """Write labels slice by slice, each while the next one is computed."""
        run = as_stored(self.settings())
        place = find_stopped(out) if resume else None
        earlier = finished_run(out)
        if resume and place is None and earlier is not None:
            check_same_run(earlier, run, out)
            yield Progress(self.source.depth, self.source.depth, FINISHED)
            return
        if place is None:
            place = Place(out, beside=what_is(out) is not Contents.NOTHING)
            level = create_run_labels(place, self._header(), self.source.shape, self._dtype)
            ledger = Ledger(place.ledger, run)
        else:
            ledger = Ledger(place.ledger, run)
            ledger.read()
            level = open_run_labels(place, self.source.shape, self._dtype)
            self._check_done(level, ledger)
        ledger.begin()
        yield from self._write_slices(level, ledger)
        self._check_any_read()
        finish_run_labels(place, run, table_of(self._header().classes))
        self._report_damage()
        yield Progress(self.source.depth, self.source.depth, "done")

    def _check_done(self, level: ZarrArray, ledger: Ledger) -> None:
        """Drop slices from the ledger that are not there whole.

        Raises
        ------
        UserError
            When a finished slice of the image has other pixels now.
        """
        lost = []
        for z, finished in ledger.done.items():
            if not is_whole(level, z, finished.chunks):
                lost.append(z)
            elif finished.pixels not in ("", pixels_hash(self.source.plane(z))):
                raise UserError(
                    f"slice {z} of {self.source.name} has changed since it was segmented; "
                    "start again with --overwrite"
                )
        ledger.forget(lost)

    def _write_slices(self, level: ZarrArray, ledger: Ledger) -> Steps[None]:
        """Segment the slices that are not done."""
        depth = self.source.depth

        def write(z: int, pixels: str, labels_of_slice: Callable[[], NDArray[Any]]) -> None:
            chunks = write_slice(level, z, labels_of_slice())
            ledger.add(FinishedSlice(z, pixels, chunks))

        left = [z for z in range(depth) if z not in ledger.done]
        writing: Future[None] | None = None
        with ThreadPoolExecutor(1) as writer:
            for z, (slice_, pixels) in self.slices(left):
                yield Progress(z, depth, f"slice {z}")
                labels_of_slice = self.segment(slice_)
                if writing is not None:
                    writing.result()
                writing = writer.submit(write, z, pixels, labels_of_slice)
            if writing is not None:
                writing.result()

    @property
    def _dtype(self) -> np.dtype[Any]:
        return np.dtype(label_dtype(self.predictor.classes))

    def _header(self) -> LabelHeader:
        source = self.source
        return label_header(
            LABELS, source.shape, source.voxel_size, self.requested, source.origin, self._dtype
        )

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
        for z, (slice_, _) in self.slices(range(source.depth)):
            yield Progress(z, source.depth, f"slice {z}")
            labels[z] = self.segment(slice_)()
        self._check_any_read()
        labels = labels.reshape(source.shape)
        write_labels(out, labels, source.voxel_size, self.requested, origin=source.origin)
        self._report_damage()
        yield Progress(source.depth, source.depth, "done")

    def settings(self) -> dict[str, Any]:
        """Return what two runs must share for their slices to be mixed, as plain JSON values."""
        settings: dict[str, Any] = {
            "image": fingerprint(self.source.data),
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

    def slices(self, indices: Sequence[int]) -> Iterator[tuple[int, tuple[Slice, str]]]:
        """Read slices, each while the one before is segmented."""
        with ThreadPoolExecutor(1) as reader:
            reading: deque[Future[tuple[Slice, str]]] = deque()
            for number, z in enumerate(indices):
                for ahead in indices[number + len(reading) : number + 2]:
                    reading.append(reader.submit(self.read, ahead))
                try:
                    prepared = reading.popleft().result()
                except DamagedPartError as error:
                    self.damaged.append(error)  # it costs its slice, and no other
                    continue
                yield z, prepared

    def _check_any_read(self) -> None:
        """Raise what was wrong when no slice could be read: there is nothing to write."""
        if len(self.damaged) == self.source.depth:
            raise self.damaged[0]

    def _report_damage(self) -> None:
        """Name the slices that could not be read.

        Raises
        ------
        PartlyDoneError
            When there are any; the labels of the others are written.
        """
        if not self.damaged:
            return
        count = len(self.damaged)
        raise PartlyDoneError(
            f"{count} of {self.source.depth} slices could not be read and have no labels "
            f"({self.damaged[0]}); the others are done, so replace what is damaged and segment again"
        )

    def read(self, z: int) -> tuple[Slice, str]:
        """Read a slice, prepared for the network, and the hash of its pixels."""
        plane = self.source.plane(z)
        size = self.source.voxel_size
        slice_ = self.predictor.prepare(plane, size, contrast=self.contrast)
        return slice_, pixels_hash(plane)

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
