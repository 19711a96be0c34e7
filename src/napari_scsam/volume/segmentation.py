"""One run over a volume: slice by slice, or on workers, into an OME-Zarr or a TIFF."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import UserError
from napari_scsam.errors import NAMED_RUNS, PartlyDoneError, list_slices
from napari_scsam.infer.postprocess import label_dtype
from napari_scsam.io.contents import Contents, what_is
from napari_scsam.io.label_files.kinds import check_suffix
from napari_scsam.io.label_header import LabelHeader, label_header
from napari_scsam.io.labels import write_labels
from napari_scsam.io.volumes import Volume
from napari_scsam.io.zarr_access import ZarrArray
from napari_scsam.steps import Progress, Steps
from napari_scsam.volume.answer import Answer, Working
from napari_scsam.volume.labelling import Labelling
from napari_scsam.volume.made import made_record, network_hash, seen_record
from napari_scsam.volume.output import make_writable_folder
from napari_scsam.volume.run_plan import RunPlan
from napari_scsam.volume.writing.group_writer import GroupWriter
from napari_scsam.volume.writing.ledger import Ledger, as_stored, check_same_run
from napari_scsam.volume.writing.run_labels import (
    LABELS,
    RunTarget,
    class_table_json,
    create_run_labels,
    find_stopped,
    finish_run_labels,
    finished_run,
    open_run_labels,
    seen_by_finished_run,
)
from napari_scsam.volume.writing.written_slices import group_of, is_whole

FINISHED = "finished before"
"""What the only step of a run says that has nothing left to do."""

COMPARING = "comparing"
"""How steps begin in which slices of a finished run are compared with the image."""


@dataclass(frozen=True)
class VolumeSegmentation:
    """One run over a volume."""

    labelling: Labelling
    image: str
    """Fingerprint of the image."""
    failed: dict[int, str] = field(default_factory=dict)
    """What was wrong with slices that workers could not compute."""

    @property
    def source(self) -> Volume:
        """The image."""
        return self.labelling.source

    @property
    def plan(self) -> RunPlan:
        """What is labelled."""
        return self.labelling.plan

    def into_zarr(
        self, out: Path, resume: bool, workers: tuple[str, str, int | str] | None = None
    ) -> Steps[None]:
        """Write labels slice by slice, each while the next one is computed.

        With `workers`, checkpoint, device and where they are, they do that.
        """
        run = as_stored(self.settings())
        place = find_stopped(out) if resume else None
        earlier = finished_run(out)
        if resume and place is None and earlier is not None:
            check_same_run(earlier, run, out)
            yield from self._check_seen(out)
            yield Progress(len(self.plan.slices), len(self.plan.slices), FINISHED)
            return
        if place is None:
            place = RunTarget(out, beside=what_is(out) is not Contents.NOTHING)
            level = create_run_labels(
                place,
                self._header(),
                self.source.shape,
                self._dtype,
                probabilities=self.plan.probabilities,
            )
            ledger = Ledger(place.ledger, run)
        else:
            ledger = Ledger(place.ledger, run)
            ledger.read()
            level = open_run_labels(place, self.source.shape, self._dtype)
            self._check_done(level, ledger)
        ledger.begin()
        if workers is None:
            yield from self._write_slices(level, ledger)
        else:
            yield from self._write_on_workers(level, ledger, place, workers)
        self._check_any_read()
        self._check_none_failed(out)
        seen = self._seen(ledger)
        finish_run_labels(place, run, class_table_json(self._header().classes), seen)
        self._report_damage()
        yield Progress(len(self.plan.slices), len(self.plan.slices), "done")

    def _seen(self, ledger: Ledger) -> dict[str, Any] | None:
        """Return what the run saw of its image; None if version 0.1 did not record it."""
        done = ledger.done.items()
        pixels = {z: slice_.pixels for z, slice_ in done if self.labelling.is_wanted(z)}
        unread = set(self._unread())
        if not all(text for z, text in pixels.items() if z not in unread):
            return None
        return seen_record(pixels, sorted(unread))

    def _check_seen(self, out: Path) -> Steps[None]:
        """Check that an image is as it was when its labels were finished.

        Raises
        ------
        UserError
            When a slice was damaged then, or has other pixels now.
        """
        earlier = seen_by_finished_run(out)
        if earlier is None:
            return
        if earlier.get("unread") != []:
            raise PartlyDoneError(
                f"slices of {self.source.name} could not be read when {out} was written; "
                "replace what is damaged, and start again with --overwrite"
            )
        pixels: dict[int, str] = {}
        for number, z in enumerate(self.plan.slices):
            yield Progress(number, len(self.plan.slices), f"{COMPARING} slice {z}")
            if self.labelling.is_wanted(z):
                pixels[z] = self.labelling.hash_of_slice(z)
        if seen_record(pixels, ()) != earlier:
            raise UserError(
                f"{self.source.name} has changed since {out} was finished; "
                "start again with --overwrite"
            )

    def _check_done(self, level: ZarrArray, ledger: Ledger) -> None:
        """Drop slices from the ledger that are not there whole.

        Slices that share a file with one that is not done are dropped, too: they are written
        together.

        Raises
        ------
        UserError
            When a finished slice of the image has other pixels now.
        """
        lost = set()
        wanted = set(self.plan.slices)
        for z, finished in ledger.done.items():
            group = wanted.intersection(group_of(level, z))
            if not group <= ledger.done.keys() or not is_whole(level, z, finished.chunks):
                lost |= group & ledger.done.keys()
        for z, finished in ledger.done.items():
            if z in lost or finished.pixels == "":
                continue
            if finished.pixels != self.labelling.hash_of_slice(z):
                raise UserError(
                    f"slice {z} of {self.source.name} has changed since it was segmented; "
                    "start again with --overwrite"
                )
        ledger.forget(sorted(lost))

    def _write_slices(self, level: ZarrArray, ledger: Ledger) -> Steps[None]:
        """Segment the slices that are not done."""
        writer = GroupWriter(level, self.plan)

        def write(answer: Answer) -> None:
            for finished in writer.add(answer):
                ledger.add(finished)

        left = [z for z in self.plan.slices if z not in ledger.done]
        writing: Future[None] | None = None
        with ThreadPoolExecutor(1) as thread, closing(self.labelling.answers(left)) as answers:
            for z in left:
                answer = yield from self._awaited(answers, z)
                if writing is not None:
                    writing.result()
                    writing = None
                if answer is not None:
                    writing = thread.submit(write, answer)
            if writing is not None:
                writing.result()
        for finished in writer.flush():
            ledger.add(finished)

    def _write_on_workers(
        self,
        level: ZarrArray,
        ledger: Ledger,
        place: RunTarget,
        where: tuple[str, str, int | str],
    ) -> Steps[None]:
        """Segment the slices that are not done, on workers; the ledger is written here."""
        from napari_scsam.volume.run_workers import WorkerRun, groups_of_slices, label_on_workers

        checkpoint, device, workers = where
        left = [z for z in self.plan.slices if z not in ledger.done]
        if not left:
            return
        groups = groups_of_slices(left, level, self.source, self.plan, workers)
        job = WorkerRun.of(self.labelling, place.group, checkpoint, device)
        done = len(self.plan.slices) - len(left)
        yield Progress(done, len(self.plan.slices), f"slice {left[0]}")
        for result in label_on_workers(job, groups, workers):
            self.source.data.check()
            for finished in result.finished:
                ledger.add(finished)
            self.labelling.damaged.update(result.damaged)
            self.failed.update(
                dict.fromkeys(result.slices, result.failure) if result.failure else {}
            )
            done += len(result.slices)
            yield Progress(done, len(self.plan.slices), f"slice {result.slices[-1]}")

    def _progress(self, z: int) -> Progress:
        """Return the step before a slice is computed."""
        slices = self.plan.slices
        return Progress(bisect_left(slices, z), len(slices), f"slice {z}")

    def _awaited(self, answers: Iterator[Answer | Working | None], z: int) -> Steps[Answer | None]:
        """Return the next slice; the work that it shares with others is a step, too."""
        step = self._progress(z)
        yield step
        answer = next(answers)
        while isinstance(answer, Working):
            yield replace(step, what=f"{step.what}, {answer.describe()}")
            answer = next(answers)
        return answer

    @property
    def _dtype(self) -> np.dtype[Any]:
        return np.dtype(label_dtype(self.labelling.predictor.classes))

    def _header(self) -> LabelHeader:
        source = self.source
        requested = self.labelling.requested
        return label_header(
            LABELS, source.shape, source.voxel_size, requested, source.origin, self._dtype
        )

    def into_one_file(self, out: Path) -> Steps[None]:
        """Write labels as TIFF, MRC or HDF5, in one piece, at the end."""
        source = self.source
        check_suffix(out)
        make_writable_folder(out)
        labels = np.zeros((source.depth, *source.shape[-2:]), self._dtype)
        pixels: dict[int, str] = {}
        with closing(self.labelling.answers(self.plan.slices)) as answers:
            for z in self.plan.slices:
                answer = yield from self._awaited(answers, z)
                if answer is not None:
                    labels[(z, *self.plan.window)] = answer.labels()
                    pixels[z] = answer.pixels
        self._check_any_read()
        labels = labels.reshape(source.shape)
        classes = self.labelling.requested
        made = self._made(pixels, labels)
        write_labels(out, labels, source.voxel_size, classes, origin=source.origin, made=made)
        self._report_damage()
        yield Progress(len(self.plan.slices), len(self.plan.slices), "done")

    def _made(self, pixels: dict[int, str], labels: NDArray[Any]) -> dict[str, Any] | None:
        """Return what the labels of a whole image were made from; None for those of a part."""
        plan = self.plan
        if not plan.whole or plan.mask is not None or plan.axes > 1:
            return None
        network = network_hash(self.labelling.predictor)
        return made_record(pixels, self._unread(), labels, network, average_z=plan.average_z)

    def settings(self) -> dict[str, Any]:
        """Return what two runs must share for their slices to be mixed, as plain JSON values."""
        predictor = self.labelling.predictor
        settings: dict[str, Any] = {
            "image": self.image,
            "shape": self.source.shape,
            "voxel_size": self.source.voxel_size,
            "origin": self.source.origin,
            "contrast": self.labelling.contrast.to_dict(),
            "classes": [c.to_dict() for c in self.labelling.requested],
            **self.labelling.network_settings(),
            **self.plan.settings(),
        }
        if predictor.tta or predictor.coarse:
            settings["views"] = self.labelling.views()
        return settings

    def _unread(self) -> list[int]:
        """Return the slices that were wanted and could not be read."""
        return [z for z in self.plan.slices if z in self.labelling.damaged]

    def _damaged(self) -> list[UserError]:
        """Return what was wrong with them."""
        return [self.labelling.damaged[z] for z in self._unread()]

    def _check_any_read(self) -> None:
        """Raise what was wrong when no slice could be read: there is nothing to write."""
        damaged = self._damaged()
        if len(damaged) == len(self.plan.slices):
            raise damaged[0]

    def _check_none_failed(self, out: Path) -> None:
        """Name the slices that no worker could compute; the run is not finished then.

        Raises
        ------
        PartlyDoneError
            When there are any; the labels of the others are written.
        """
        if not self.failed:
            return
        first = next(iter(self.failed))
        raise PartlyDoneError(
            f"{len(self.failed)} of {len(self.plan.slices)} slices could not be computed, "
            f"{list_slices(self.failed, NAMED_RUNS)} ({self.failed[first]}); "
            f"the others in {out} are done, "
            "so try these again with --resume"
        )

    def _report_damage(self) -> None:
        """Name the slices that could not be read.

        Raises
        ------
        PartlyDoneError
            When there are any; the labels of the others are written.
        """
        damaged = self._damaged()
        if not damaged:
            return
        raise PartlyDoneError(
            f"{len(damaged)} of {len(self.plan.slices)} slices could not be read and have no labels "
            f"({damaged[0]}); the others are done, so replace what is damaged and segment again"
        )
