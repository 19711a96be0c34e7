"""What one viewer segments with: the verbs behind the panels. It holds no widget.

Pixels live in napari layers, the model and the embeddings in the `Engine` on
the worker thread; the session knows what was chosen, and passes requests down
and results up.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.utils.notifications import show_info
from napari.utils.transforms import Affine
from numpy.typing import NDArray
from psygnal import Signal

from napari_scsam.config import ClassSpec, NoClassesError, TaughtClass, UserError, VoxelSize, family
from napari_scsam.gui.jobs.engine import Engine, ModelInfo, Segmentation, SliceRequest
from napari_scsam.gui.jobs.worker import Report, Worker
from napari_scsam.gui.layers.class_table import read_units
from napari_scsam.gui.layers.images import Sources
from napari_scsam.gui.layers.labels_for_image import Outputs
from napari_scsam.gui.layers.plane import Plane, check_image, full_resolution, shown_plane
from napari_scsam.gui.layers.write_prediction import OrganelleLabels
from napari_scsam.gui.notify import tell
from napari_scsam.gui.words import capital, sentence
from napari_scsam.gui.workarounds.garbage import Garbage
from napari_scsam.io.contrast import Contrast

if TYPE_CHECKING:
    from napari.types import LayerData
    from napari.utils.events import Event
    from napari.viewer import Viewer

    from napari_scsam.checkpoints.checkpoint import CheckpointInfo

Protection = Callable[[Labels, Plane, slice, NDArray[Any]], NDArray[np.bool_]]
"""Given a labels layer, a plane, rows of it and their labels: which of these pixels the model must not change."""

Part = TypeVar("Part")

INTO_LABELS = ("segment", "run", "carry")
"""Work whose result goes into the labels layer of the image; `parts` of a session know some of these kinds alone."""

OF_IMAGE = (*INTO_LABELS, "ready", "prompt", "teach", "prefetch")
"""Work that needs the image."""

REMEMBERED_SLICES = 8
"""Picking a class segments at once on the slices embedded last; so many are likely still in memory."""


class Session:
    """The choices and the verbs of one viewer.

    Parameters
    ----------
    viewer
        Kept weakly: the session ends with its viewer.
    engine, make_worker
        What segments, and the thread that it does it on.
    """

    status = Signal(str)
    """A sentence on what happens or what came out."""
    unsaid = Signal(str)
    """A sentence that holds no more: it goes, if it is still shown."""
    progressed = Signal(object)
    """The `Progress` of the work that runs."""
    working = Signal(bool)
    """Whether there is work to cancel."""
    image_changed = Signal()
    """Another image layer, or another voxel size."""
    checkpoint_changed = Signal()
    """Another checkpoint with its classes, or news of its loading."""
    choices_changed = Signal()
    """Other classes to segment, or another word on the user's own pixels."""
    about_to_write = Signal(object)
    """Results are there, and the labels layer of this image is going to be looked for."""
    ended = Signal()
    """The last widget is gone."""

    _sessions: ClassVar[weakref.WeakKeyDictionary[Viewer, Session]] = weakref.WeakKeyDictionary()

    def __init__(
        self,
        viewer: Viewer,
        engine: Engine,
        make_worker: Callable[[Callable[[Report], None]], Worker] = Worker,
    ) -> None:
        self.image: Image | None = None
        self.checkpoint: CheckpointInfo | None = None
        self.chosen: tuple[ClassSpec, ...] = ()
        self.model_state = ""
        self.taught: tuple[TaughtClass, ...] = ()
        """Classes that the network learned since it was chosen."""
        self.threshold_offsets: dict[str, float] = {}
        """What is added to the thresholds of classes, by name."""
        self.parts: dict[Callable[..., Any], Any] = {}
        """More verbs, each kind once; see `part`."""
        self.replace_edits = False
        self.prefetch = True
        self.tta = False
        self.window_is_gone = False
        self._garbage: Garbage | None = None
        self._viewer = weakref.ref(viewer)
        Affine(
            ndim=2
        )  # makes napari's table of units, which breaks when the worker thread and this one ask for it first at once
        self.protections: dict[str, Protection] = {}
        """Each names pixels that the model must leave alone; what any names is left. By a word for such pixels, for the user."""
        self._engine = engine
        read_units()
        self._worker = make_worker(self._receive)
        self.outputs = Outputs()
        self._sources = Sources()
        self._sources.changed.connect(self.image_changed)
        self._embedded: deque[Hashable] = deque(maxlen=REMEMBERED_SLICES)
        self._last: SliceRequest | None = None
        """What was written last, without its pixels."""
        self._users = 0
        self._receivers: dict[str, Callable[[Any], None]] = {}
        for kind, receiver in (
            ("load", self._on_loaded),
            ("segment", self._on_segmented),
            ("open", self._on_opened),
        ):
            self.on_return(kind, receiver)
        viewer.layers.events.removed.connect(self._on_removed)

    @classmethod
    def of(cls, viewer: Viewer) -> Session:
        """Return the session of a viewer; all widgets in one viewer share it."""
        if viewer not in cls._sessions:
            cls._sessions[viewer] = cls(viewer, Engine())
        return cls._sessions[viewer]

    @classmethod
    def find(cls, viewer: Viewer) -> Session | None:
        """Return the session of a viewer if a widget has opened one."""
        return cls._sessions.get(viewer)

    @property
    def viewer(self) -> Viewer | None:
        """The viewer, while there is one."""
        return self._viewer()

    def attach(self) -> None:
        """Count one more widget that uses this session."""
        self._users += 1

    def detach(self, *, window_is_gone: bool = False) -> None:
        """Count one widget less; after the last, work stops and the thread ends. `window_is_gone`: the viewer's window closed."""
        self.window_is_gone = window_is_gone
        self._users -= 1
        if self._users <= 0:
            if not window_is_gone and any(self._worker.busy(kind) for kind in INTO_LABELS):
                show_info(
                    "ScSAM was closed: what it was working on is stopped; slices that were finished stay."
                )
            self._worker.stop()
            self.ended.emit()
            if (viewer := self._viewer()) is not None and self._sessions.get(viewer) is self:
                del self._sessions[viewer]

    def part(self, kind: Callable[[Session], Part]) -> Part:
        """Return the verbs of a kind, made for this session when first asked for."""
        if kind not in self.parts:
            self.parts[kind] = kind(self)
        part: Part = self.parts[kind]
        return part

    # What the user chooses

    def choose_image(self, layer: Image | None) -> None:
        """Choose the layer to segment; `explain_voxel_size` says what is wrong with it, and segmenting refuses it."""
        if layer is not None:
            self._sources.volume(layer)
        self.image = layer
        self.image_changed.emit()

    def type_voxel_size(self, size: VoxelSize | None, image: Image | None = None) -> None:
        """Take the user's word for the voxel size of a layer, else the chosen one (nm along z, y, x); None takes it back."""
        if (image := image if image is not None else self.image) is not None:
            self._sources.type_size(image, size)

    def take_contrast_as_shown(self, shown: bool) -> None:
        """Choose whether the network gets the contrast that napari shows the layer in, or that of the whole volume."""
        if self.image is not None:
            self._sources.take_contrast_as_shown(self.image, shown)

    @property
    def contrast(self) -> Contrast | None:
        """The contrast of the chosen layer, where it is taken as shown."""
        return None if self.image is None else self._sources.contrast(self.image)

    def choose_checkpoint(self, info: CheckpointInfo) -> None:
        """Choose the network, and load it on the worker thread; classes stay chosen by name."""
        everything = self.chosen == self.classes
        names = {spec.name for spec in self.chosen}
        self.taught = self.taught if info == self.checkpoint else ()
        self.checkpoint = info
        self.model_state = "Loading …"
        kept = tuple(spec for spec in self.classes if spec.name in names)
        self.chosen = self.classes if everything or not kept else kept
        self.checkpoint_changed.emit()
        self._load()

    def restore_taught(self, taught: Sequence[TaughtClass]) -> None:
        """Know classes again that the chosen network was taught before, in place of those it was taught since."""
        if self.checkpoint is not None and tuple(taught) != self.taught:
            everything = self.chosen == self.classes
            self.taught = tuple(taught)
            self.chosen = (
                self.classes
                if everything
                else tuple(c for c in self.chosen if c in self.classes) or self.classes
            )
            self.checkpoint_changed.emit()
            self._load()

    def forget(self, known: TaughtClass) -> None:
        """Forget a class that the network was taught; pixels that have it keep it, and their layer its name and colour."""
        self.threshold_offsets.pop(known.spec.name, None)
        self.restore_taught([taught for taught in self.taught if taught is not known])
        again = "is again as it was saved" if known.spec in self.classes else "is forgotten"
        self.status.emit(f"{capital(known.spec.name)} {again}; pixels that are in it stay in it.")

    def _load(self) -> None:
        if self.checkpoint is not None:
            self.submit(
                "load", partial(self._engine.load_steps, str(self.checkpoint.path), self.taught)
            )

    def choose_classes(self, classes: Sequence[ClassSpec]) -> None:
        """Choose what to segment; at once where the slice shown was embedded already."""
        self.chosen = tuple(classes)
        self.choices_changed.emit()
        if self._shown_is_embedded():
            self.segment()

    def restore_choices(
        self,
        names: Sequence[str],
        threshold_offsets: Mapping[str, float],
        *,
        replace: bool,
        prefetch: bool,
        tta: bool,
    ) -> None:
        """Choose the classes of these names that the network knows, with their thresholds and all switches; nothing is segmented."""
        self.chosen = tuple(spec for spec in self.classes if spec.name in names) or self.classes
        self.threshold_offsets = dict(threshold_offsets)
        self.replace_edits = replace
        self.prefetch = prefetch
        self.tta = tta
        self.choices_changed.emit()

    def replace_edits_too(self, replace: bool) -> None:
        """Choose whether segmenting may change the user's own pixels."""
        self.replace_edits = replace
        self.choices_changed.emit()

    def embed_neighbours_too(self, prefetch: bool) -> None:
        """Choose whether the slices beside one that was segmented are embedded while the user looks at it."""
        self.prefetch = prefetch
        if not prefetch:
            self._worker.cancel("prefetch")
        self.choices_changed.emit()

    def set_tta(self, tta: bool) -> None:
        """Choose whether several views of a slice are averaged, which takes longer; what is labelled already stays."""
        self.tta = tta
        self.choices_changed.emit()

    def open_file(self, path: str) -> None:
        """Open a file as layers, reading on the worker thread."""
        self.submit("open", partial(self._engine.open_steps, path))

    # What the user does

    def segment(self) -> None:
        """Segment the slice shown; the result goes into the labels layer of the image."""
        if (request := self.ask(classes=True)) is not None:
            self.segment_plane(request)

    def segment_plane(self, request: SliceRequest) -> None:
        """Segment a plane; the result goes into the labels layer of the image."""
        self.status.emit(f"Segmenting {request.describe()} …")
        self.submit("segment", partial(self._engine.segment_steps, request))

    def cancel(self) -> None:
        """Cancel what runs and what waits."""
        self._worker.cancel()
        self.working.emit(False)
        self.status.emit("Cancelled; nothing was changed.")

    @property
    def voxel_size(self) -> VoxelSize | None:
        """Voxel size of the chosen layer, nm along z, y, x; None when unknown."""
        return None if self.image is None else self._sources.voxel_size(self.image)

    def explain_voxel_size(self) -> str:
        """Say where the voxel size comes from, and what that means for the network; or why the image cannot be segmented at all."""
        if self.image is None:
            return "Choose an image layer, or open a file."
        try:
            check_image(self.image)
        except UserError as error:
            return sentence(str(error))
        return self._sources.explain_size(
            self.image, self.checkpoint.nm_per_pixel if self.checkpoint else None
        )

    def ask(self, *, classes: bool = False) -> SliceRequest | None:
        """Return what is shown and chosen; tell what is missing, and give None. `classes`: the network must have learned some."""
        try:
            request = self.request()
            if classes and self.checkpoint is not None and self.checkpoint.prompts_only:
                raise NoClassesError
        except UserError as error:
            self.say(error)
            return None
        return request

    def say(self, error: UserError) -> None:
        """Tell the user of a mistake."""
        tell(error)
        self.status.emit(str(error))

    def request(self) -> SliceRequest:
        """Return the plane shown and the choices, as the worker thread needs them.

        Raises
        ------
        UserError
            When something is missing.
        """
        viewer = self._viewer()
        if self.image is None or viewer is None:
            raise UserError("there is no image to segment; open a file or choose an image layer")
        if self.checkpoint is None:
            raise UserError("there is no checkpoint to segment with; choose one under Model")
        return SliceRequest(
            checkpoint=str(self.checkpoint.path),
            volume=self._sources.volume(self.image),
            plane=shown_plane(viewer, self.image),
            data=full_resolution(self.image),
            voxel_size=self.voxel_size,
            classes=self.chosen,
            threshold_offsets=tuple(self.threshold_offsets.items()),
            contrast=self.contrast,
            tta=self.tta,
        )

    def typed_voxel_size(self, image: Image) -> VoxelSize | None:
        """Voxel size that the user typed for an image."""
        return self._sources.typed_size(image)

    @property
    def labels(self) -> Labels | None:
        """The labels layer that took results of the chosen image last."""
        return None if self.image is None else self.outputs.layer_of(self.image)

    @property
    def classes(self) -> tuple[ClassSpec, ...]:
        """All classes that the network knows; one that was taught anew is over what it was found to be over last."""
        own = self.checkpoint.classes if self.checkpoint is not None else ()
        taught = {known.spec: known.spec for known in self.taught}
        return (*(taught.pop(spec, spec) for spec in own), *taught.values())

    @property
    def engine(self) -> Engine:
        """What works on the worker thread; its verbs are to be submitted, not called."""
        return self._engine

    def note_embedded(self, request: SliceRequest) -> None:
        """Know that a plane is embedded: classes that are chosen while it is shown are found at once."""
        if (
            request.embedding in self._embedded
        ):  # it moves to the end: of a slice that is asked for again and again there is one
            self._embedded.remove(request.embedding)
        self._embedded.append(request.embedding)

    def _shown_is_embedded(self) -> bool:
        try:
            return self.request().embedding in self._embedded
        except UserError:
            return False

    # What runs on the worker thread, and what comes back from it

    def on_return(self, kind: str, receiver: Callable[[Any], None]) -> None:
        """Name who takes, on the main thread, what work of a kind returns."""
        self._receivers[kind] = receiver

    def submit(self, kind: str, make: Callable[[], Any]) -> None:
        """Run a generator of the core on the worker thread; its result goes to the receiver of that kind."""
        self._worker.submit(kind, make)
        self.working.emit(True)

    def run_in_event_loop(
        self, steps: Generator[None, None, None], *, atomic: bool = False
    ) -> None:
        """Run small work on the main thread, one step a turn of the event loop; `atomic`: an edit, not to be left half done."""
        self._worker.run_in_event_loop(steps, atomic=atomic)

    def _receive(self, report: Report) -> None:
        if (
            report.kind == "prefetch"
        ):  # nobody asked for it; what is wrong with a slice is told when it is segmented
            return
        if report.state == "progress":
            self.progressed.emit(report.value)
            return
        self.working.emit(
            self._worker.busy()
        )  # before a receiver opens a dialog, behind which the bar would stand
        if report.state == "failed":
            tell(report.value)
            self.status.emit(str(report.value))
        if report.state == "returned":
            self._receivers[report.kind](report.value)
        elif report.kind == "load" and not self._worker.busy("load"):
            self._show_model("Not loaded")

    def _on_loaded(self, model: ModelInfo) -> None:
        self._set_aside_garbage()
        if (
            self.model_state != f"Runs on {model.device}"
        ):  # else it was only reminded of what it was taught
            clicks_only = self.checkpoint is not None and self.checkpoint.prompts_only
            self.status.emit(
                f"Ready on {model.device}{' for clicks and boxes: point at an object' if clicks_only else ''}."
            )
        self._show_model(f"Runs on {model.device}")

    def _set_aside_garbage(self) -> None:
        if self._garbage is None and (viewer := self._viewer()) is not None:
            self._garbage = Garbage(viewer, self.ended, self.run_in_event_loop)
        if self._garbage is not None:
            self._garbage.set_aside()

    def _show_model(self, state: str) -> None:
        if state != self.model_state:
            self.model_state = state
            self.checkpoint_changed.emit()

    def _on_segmented(self, result: Segmentation) -> None:
        self._show_model(f"Runs on {result.device}")
        self.write(result)

    def write(self, result: Segmentation) -> None:
        """Put a segmentation into the labels layer of its image, bit by bit."""
        self.run_in_event_loop(self._write_steps(result), atomic=True)

    def _write_steps(self, result: Segmentation) -> Generator[None, None, None]:
        request = result.request
        if (output := self.output(request)) is None:
            return
        ids = [spec.id for spec in request.classes]
        labels, outside = result.on_plane()
        keep = partial(self._left_alone, output.layer, request, labels, outside)
        joins = request.follows(self._last)  # one drag of the slider is one undo step
        yield from output.write_steps(
            request.plane, labels, ids, replace_edits=self.replace_edits, joins=joins, keep=keep
        )
        self._last = replace(request, data=None)
        self.note_embedded(request)
        if len(ids) == 1:
            output.layer.selected_label = ids[0]
        reasons = {
            word: partial(protect, output.layer, request.plane)
            for word, protect in self.protections.items()
        }
        refused = yield from output.refused_steps(request.plane, labels, reasons)
        self.status.emit(result.describe(refused))
        if self.prefetch and not self._worker.busy():
            self._worker.submit(
                "prefetch", partial(self._engine.prefetch_steps, request), idle=True
            )

    def _left_alone(
        self,
        layer: Labels,
        request: SliceRequest,
        labels: NDArray[Any],
        outside: NDArray[np.bool_] | None,
        rows: slice,
        current: NDArray[Any],
    ) -> NDArray[np.bool_]:
        """Tell which pixels of these rows stay: what is protected, outside a region, or of a class that nobody asked for."""
        kept = np.zeros(current.shape, bool) if outside is None else outside[rows].copy()
        for protect in self.protections.values():
            kept |= protect(layer, request.plane, rows, current)
        if not self.replace_edits:
            others = ~np.isin(current, [0, *family(self.classes, request.classes)])
            for spec in (
                request.classes
            ):  # a class goes before those it is over, also where they were written already
                below = [c.id for c in self.classes if c.name in spec.over]
                others &= ~((labels[rows] == spec.id) & np.isin(current, below))
            kept |= others
        return kept

    def output(self, request: SliceRequest) -> OrganelleLabels | None:
        """Return the labels layer that takes the answer to a request; None when its image is gone."""
        viewer = self._viewer()
        image = self._sources.layer(request.volume)
        if viewer is None or image is None or image not in viewer.layers:
            return None
        self.about_to_write.emit(image)
        return self.outputs.for_image(
            viewer, image, request.classes, typed=self._sources.typed_size(image)
        )

    def _on_opened(self, layers: list[LayerData]) -> None:
        if (viewer := self._viewer()) is None:
            return
        added = [viewer.add_layer(Layer.create(*layer)) for layer in layers]
        images = [layer for layer in added if isinstance(layer, Image)]
        if images:
            self.choose_image(images[0])
            self.status.emit(
                f"'{images[0].name}' is open. Pick a class, and segment the slice shown."
            )

    # What happens in the viewer

    def _on_removed(self, event: Event) -> None:
        took_results = event.value is self.labels
        self.outputs.forget(event.value)
        if event.value is self.image:
            self._give_up(OF_IMAGE, "The image was removed")
            self.choose_image(None)
        elif took_results:
            self._give_up(INTO_LABELS, "The labels layer was removed")

    def _give_up(self, kinds: Sequence[str], why: str) -> None:
        """Cancel work that has become pointless."""
        if any(self._worker.busy(kind) for kind in kinds):
            self.status.emit(f"{why}: what was being worked on for it is cancelled.")
        for kind in kinds:
            self._worker.cancel(kind)
        self._worker.drop_edits()
        self.working.emit(self._worker.busy())
