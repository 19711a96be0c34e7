"""Asking the network to learn classes from all strokes, and to forget them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.jobs.slice_request import SliceSegmentation
from napari_scsam.gui.jobs.teach import Lessons, PlaneStrokes, TeachRequest, teach_strokes_steps
from napari_scsam.gui.layers.class_table import classes_of
from napari_scsam.gui.layers.plane import Plane
from napari_scsam.gui.own_classes import check_name, class_to_teach, key_of
from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.project.label_table import LabelTable
from napari_scsam.gui.project.model import ProjectModel
from napari_scsam.gui.project.strokes import StrokeStore
from napari_scsam.gui.tools.accept import Accepting
from napari_scsam.gui.tools.write_labels import LabelsWriter
from napari_scsam.gui.words import capitalized, count_of
from napari_scsam.project.strokes import StrokeKey

if TYPE_CHECKING:
    from napari_scsam.config import TaughtClass
    from napari_scsam.gui.jobs.slice_request import SliceRequest
    from napari_scsam.gui.session import Session

NO_NAME = "the class to teach has no name; type one into the field next to Teach"


class StrokeLearning:
    """Keeps the network taught by the strokes; made by ``session.part(StrokeLearning)``.

    One job teaches all that waits, and a newer job replaces an older one. When a job is cancelled,
    the network knows what it knew before.
    """

    changed = Signal()
    """Classes were taught or forgotten."""
    about_to_write = Signal()
    """An answer is about to be written; the labels layer may just have been added."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._choices = session.choices
        self._jobs = session.jobs
        self._keeper = session.part(ProjectKeeper)
        session.part(ProjectModel)  # it restores what was taught before this looks for it
        self._table = session.part(LabelTable)
        self._store = session.part(StrokeStore)
        self._writer = session.part(LabelsWriter)
        self._waiting: dict[tuple[ClassSpec, Plane], None] = {}
        """What is to be learned, oldest first."""
        self._learned: set[tuple[str, str]] = set()
        """Checkpoints, and the classes that they learned from strokes in this window."""
        self._replayed: Hashable = None
        """The checkpoint, and the project and volume whose strokes it was taught."""
        self._volume: Hashable = None
        self._has_failed = False
        """Whether the job that is dropped next has failed, and was not cancelled."""
        self._jobs.failed.connect(self._on_failed)
        self._jobs.dropped.connect(self._on_dropped)
        self._choices.checkpoint_changed.connect(self._follow)
        self._choices.image_changed.connect(self._follow)
        self._keeper.changed.connect(self._follow)
        self._store.changed.connect(self._on_project)

    @property
    def taught(self) -> tuple[ClassSpec, ...]:
        """Classes that strokes taught here, or are about to teach."""
        specs = [t.spec for t in self._choices.taught] + [spec for spec, _ in self._waiting]
        shown = {key_of(spec): self._choices.current(spec) or spec for spec in specs}
        return tuple(shown.values())

    def spec_of(self, name: str) -> ClassSpec:
        """Return the class of a name, a new one if there is none.

        Raises
        ------
        UserError
            When the name is empty, or is what the network calls another class.
        """
        if not name:
            raise UserError(NO_NAME)
        labels = self._session.labels
        in_labels = classes_of(labels) if labels is not None else None
        waiting = [spec for spec, _ in self._waiting if self._choices.current(spec) is None]
        known = tuple(dict.fromkeys((*self._choices.classes, *waiting)))
        others = [each for each in known if each.name.casefold() != name.casefold()]
        if len(others) == len(known):
            check_name(name, others)
        # An id of the network means another class to it, even where the labels have another id.
        used = [*(in_labels or ()), *self._table.ids_in_use()]
        return class_to_teach(name, known, used)

    def learn(self, spec: ClassSpec, planes: Iterable[Plane]) -> None:
        """Learn a class from its strokes, which changed on some planes."""
        planes = tuple(planes)
        if not self._store.marks(spec.known_as, planes):
            self._unlearn(spec, planes)
            return
        for plane in planes:
            self._waiting.pop((spec, plane), None)
            self._waiting[spec, plane] = None
        self._submit()

    def forget(self, name: str) -> None:
        """Forget a class and its strokes; where it has pixels, labels keep it."""
        spec = next((each for each in self.taught if each.name == name), None)
        known_as = name
        if spec is not None:
            known_as = spec.known_as
        self._store.forget(known_as)
        self._drop(known_as)
        spec = self._choices.current(ClassSpec(1, known_as))
        if spec is None:
            self._session.status.emit(f"{capitalized(name)} is forgotten.")
        elif self._choices.can_segment(spec):
            reset = f"{capitalized(name)} was reset to the saved version; its pixels keep it."
            self._session.status.emit(reset)
        else:
            self._table.remove_if_unused(spec)

    # What is sent to the worker thread

    def _submit(self, *, shown: bool = True) -> None:
        """Learn all that waits, in one job."""
        request = self._session.try_request(classes=True)
        if request is None:
            return
        restarted = frozenset(s for s, _ in self._waiting if not self._has_learned(s, request))
        for spec in restarted:
            self._wait_for_all(spec)
        strokes = tuple(self._strokes(spec, plane) for spec, plane in self._waiting)
        asked = TeachRequest(request, strokes, restarted, self._choices.taught, shown)
        make = partial(teach_strokes_steps, self._session.engine, asked)
        self._jobs.submit(Job.TEACH, make, partial(self._on_taught, asked))
        self.changed.emit()

    def _has_learned(self, spec: ClassSpec, request: SliceRequest) -> bool:
        """Whether the network learned a class here.

        What it learned in an earlier window cannot be corrected stroke by stroke.
        """
        return (request.checkpoint, key_of(spec)) in self._learned

    def _wait_for_all(self, spec: ClassSpec) -> None:
        """Learn a class from its strokes on all planes; the planes that wait stay last."""
        waiting = self._waiting
        everywhere = {(spec, plane): None for plane in self._store.planes(spec.known_as)}
        self._waiting = {**{key: None for key in everywhere if key not in waiting}, **waiting}

    def _strokes(self, spec: ClassSpec, plane: Plane) -> PlaneStrokes:
        key = StrokeKey.of(spec.known_as, plane.axis)
        return PlaneStrokes(spec, plane, self._store.array(key))

    # What comes back

    def _on_taught(self, request: TeachRequest, lessons: Lessons) -> None:
        self._waiting.clear()
        for known in lessons.taught:
            self._add(request.slice.checkpoint, known)
        if self._jobs.busy(Job.LOAD):  # it was asked for before this class was known
            self._choices.network_outdated.emit(False)
        self.changed.emit()
        if lessons.segmentation is not None:
            self._write(lessons.segmentation)
        else:
            self._report_replay(request)

    def _add(self, checkpoint: str, known: TaughtClass) -> None:
        spec = known.spec
        is_new = all(key_of(spec) != key_of(earlier.spec) for earlier in self._choices.taught)
        self._learned.add((checkpoint, key_of(spec)))
        self._choices.add_taught(known)
        if is_new:
            self._session.part(Accepting).choose_target(self._choices.current(spec) or spec)

    def _write(self, found: SliceSegmentation) -> None:
        segmentation = self._writer.without_forgotten(found)
        if segmentation is None:
            return
        request = segmentation.request
        self._choices.choose_classes(request.classes)
        self._writer.output(request)
        self.about_to_write.emit()
        self._writer.write(segmentation)

    def _report_replay(self, request: TeachRequest) -> None:
        names = " and ".join(dict.fromkeys(strokes.spec.name for strokes in request.strokes))
        slices = len({strokes.plane for strokes in request.strokes})
        self._session.status.emit(
            f"This network has learned {names} from your strokes on {count_of(slices, 'slice')}."
        )

    def _on_dropped(self, job: Hashable) -> None:
        """Return to what the network knew before a job that was cancelled or failed.

        What waits is learned with the next stroke.
        """
        has_failed = self._has_failed
        self._has_failed = False
        if job == Job.LOAD and not has_failed and not self._jobs.busy(Job.LOAD):
            self._sync_if_loaded()
        elif job == Job.TEACH and not self._jobs.busy(Job.TEACH):
            self._choices.network_outdated.emit(False)
            self.changed.emit()

    def _on_failed(self) -> None:
        self._has_failed = True  # to try the same again would fail again

    def _sync_if_loaded(self) -> None:
        """Make the loaded network know the classes that it should; this cannot be cancelled."""
        info = self._choices.checkpoint
        if info is not None and self._session.engine.is_loaded(info.reference):
            self._choices.network_outdated.emit(False)

    # Forgetting

    def _drop(self, name: str) -> None:
        """Make the network forget a class; what else waits is learned."""
        key = name.casefold()
        self._learned = {pair for pair in self._learned if pair[1] != key}
        self._jobs.cancel(Job.TEACH)
        self._waiting = {pair: None for pair in self._waiting if key_of(pair[0]) != key}
        known = [t for t in self._choices.taught if key_of(t.spec) == key]
        for taught in known:
            self._choices.forget(taught)
        if not known:
            self._choices.network_outdated.emit(False)
        if self._waiting:
            self._submit()
        self.changed.emit()

    def _unlearn(self, spec: ClassSpec, planes: tuple[Plane, ...]) -> None:
        """Follow the removal of the last stroke on a class."""
        was_known = key_of(spec) in {key_of(known) for known in self.taught}
        self._drop(spec.known_as)
        if not was_known:
            text = f"Now paint on {spec.name} too; nothing is learned from strokes beside it alone."
            self._session.status.emit(text)
            return
        request = self._session.try_request()
        if request is not None:
            for plane in planes:
                self._writer.write(nothing_found(request, spec, plane))

    # Another network

    def _on_project(self) -> None:
        """Learn from the beginning in another project: its classes were taught elsewhere."""
        self._learned.clear()

    def _follow(self) -> None:
        """Teach another network, or that of another project, by the strokes that are kept."""
        info = self._choices.checkpoint
        if info is None or self._choices.image is None:
            return
        project = self._keeper.project
        if project is not None and not self._keeper.hashes.current():
            return  # the project knows what this network was taught, once it has its hash
        volume = self._choices.volume_of(self._choices.image)
        if volume != self._volume:
            self._volume = volume
            self._waiting.clear()
        now = (info.path, project, volume)
        if now == self._replayed:
            return
        self._replayed = now
        if not (info.prompts_only or info.classes_only):
            self._replay()

    def _replay(self) -> None:
        for name in self._store.names():
            if name.casefold() not in self._choices.taught_names:
                spec = self._choices.current(ClassSpec(1, name)) or self.spec_of(name)
                for plane in self._store.planes(name):
                    self._waiting[spec, plane] = None
        if self._waiting:
            self._submit(shown=False)


def nothing_found(request: SliceRequest, spec: ClassSpec, plane: Plane) -> SliceSegmentation:
    """Return the answer that clears a class on a plane."""
    asked = replace(request, plane=plane, classes=(spec,), region=None)
    labels = np.zeros(plane.shape(request.data.shape), np.uint8)
    return SliceSegmentation(asked, labels, "", 0.0, taught=True)
