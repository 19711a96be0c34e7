"""What one viewer segments with; all widgets in it share this. It holds no widget.

Pixels live in napari layers; the network and the embeddings live in the `Engine` on the worker
thread. `Choices` holds what the user chose, and `Jobs` runs the work. The tools, each made by
`Session.part`, are the verbs behind panels and keys.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.utils.notifications import show_info
from numpy.typing import NDArray
from psygnal import Signal

from napari_scsam.config import NoClassesError, UserError
from napari_scsam.errors import ImportedNetworkError
from napari_scsam.gui.choices import Choices
from napari_scsam.gui.jobs.engine import Engine
from napari_scsam.gui.jobs.jobs import INTO_LABELS, OF_IMAGE, Job, Jobs
from napari_scsam.gui.jobs.slice_request import SliceRequest
from napari_scsam.gui.jobs.worker import Report, Worker
from napari_scsam.gui.layers.labels_for_image import LabelsForImages
from napari_scsam.gui.layers.plane import Plane, fit_view, full_resolution, shown_plane
from napari_scsam.gui.network import Network
from napari_scsam.gui.notify import notify_error

if TYPE_CHECKING:
    from napari.types import LayerData
    from napari.utils.events import Event
    from napari.viewer import Viewer

Protection = Callable[[Labels, Plane, slice, NDArray[Any]], NDArray[np.bool_]]
"""Returns which pixels the model must not change.

Given a labels layer, a plane, rows of it and the labels of these rows.
"""

PartT = TypeVar("PartT")


class Session:
    """The choices, the work and the tools of one viewer.

    Parameters
    ----------
    viewer
        Kept weakly: the session ends with its viewer.
    engine, make_worker
        What segments, and the thread that it runs on.
    """

    status = Signal(str)
    """A sentence on what happens or what came out."""
    status_withdrawn = Signal(str)
    """A sentence that is no longer true: it is removed if it is still shown."""
    about_to_write = Signal(object)
    """Results for this image are about to be written into its labels layer."""
    ended = Signal()
    """The last widget was closed."""

    _sessions: ClassVar[weakref.WeakKeyDictionary[Viewer, Session]] = weakref.WeakKeyDictionary()

    def __init__(
        self,
        viewer: Viewer,
        engine: Engine,
        make_worker: Callable[[Callable[[Report], None]], Worker] = Worker,
    ) -> None:
        self.engine = engine
        """Runs on the worker thread: its verbs are to be submitted, not called."""
        self.choices = Choices()
        self.jobs = Jobs(make_worker)
        self.network = Network(viewer, engine, self.jobs, self.choices, self.ended)
        self.outputs = LabelsForImages()
        self.protections: dict[str, Protection] = {}
        """What the model must leave alone, by the word that the user reads for such pixels."""
        self.window_is_gone = False
        self._viewer = weakref.ref(viewer)
        self._parts: dict[Callable[..., Any], Any] = {}
        self._widgets = 0
        self.jobs.failed.connect(self.report_error)
        self.network.ready.connect(self.status)
        self.network.said.connect(self.status)
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
        self._widgets += 1

    def detach(self, *, window_is_gone: bool = False) -> None:
        """Count one widget less; after the last, work stops and the thread ends.

        Parameters
        ----------
        window_is_gone
            Whether the viewer's window was closed, and not only the widget.
        """
        self.window_is_gone = window_is_gone
        self._widgets -= 1
        if self._widgets <= 0:
            self._end()

    def _end(self) -> None:
        if not self.window_is_gone and self.jobs.busy(*INTO_LABELS):
            show_info("ScSAM was closed and its work was stopped; finished slices stay.")
        self.jobs.stop()
        self.ended.emit()
        viewer = self.viewer
        if viewer is not None and self._sessions.get(viewer) is self:
            del self._sessions[viewer]

    def part(self, kind: Callable[[Session], PartT]) -> PartT:
        """Return the tool of a kind; it is created for this session at its first use."""
        if kind not in self._parts:
            self._parts[kind] = kind(self)
        part: PartT = self._parts[kind]
        return part

    def protect(self, word: str, protection: Protection) -> None:
        """Make the model leave pixels alone; `word` says to the user what they are."""
        self.protections[word] = protection

    # Requests and errors

    def request(self) -> SliceRequest:
        """Return the plane shown and the choices, as the worker thread needs them.

        Raises
        ------
        UserError
            When something is missing.
        """
        choices = self.choices
        image = choices.image
        viewer = self.viewer
        if image is None or viewer is None:
            raise UserError("there is no image to segment; open a file or choose an image layer")
        if choices.checkpoint is None:
            raise UserError("there is no checkpoint to segment with; choose one under Model")
        return SliceRequest(
            checkpoint=choices.checkpoint.reference,
            volume=choices.volume_of(image),
            plane=shown_plane(viewer, image),
            data=full_resolution(image),
            voxel_size=choices.voxel_size,
            classes=choices.chosen,
            threshold_offsets=tuple(choices.threshold_offsets.items()),
            contrast=choices.contrast,
            tta=choices.tta,
            coarse=choices.coarse,
        )

    def try_request(self, *, classes: bool = False, prompts: bool = False) -> SliceRequest | None:
        """Return the request; report what is missing and return None.

        Parameters
        ----------
        classes, prompts
            Whether the network must know classes, or answer prompts and learn from strokes.
        """
        checkpoint = self.choices.checkpoint
        try:
            request = self.request()
            if classes and checkpoint is not None and checkpoint.prompts_only:
                raise NoClassesError
            if prompts and checkpoint is not None and checkpoint.classes_only:
                raise ImportedNetworkError
        except UserError as error:
            self.report_error(error)
            return None
        return request

    def report_error(self, error: Exception) -> None:
        """Show an error, also as the status."""
        notify_error(error)
        self.status.emit(str(error))

    # Layers

    @property
    def labels(self) -> Labels | None:
        """The labels layer that took results of the chosen image last."""
        image = self.choices.image
        if image is None:
            return None
        return self.outputs.layer_of(image)

    def open_file(self, path: str) -> None:
        """Open a file as layers; it is read on the worker thread."""
        self.jobs.submit(Job.OPEN_FILE, partial(self.engine.open_steps, path), self._on_opened)

    def _on_opened(self, layers: list[LayerData]) -> None:
        viewer = self.viewer
        if viewer is None:
            return
        is_first = not viewer.layers
        added = [viewer.add_layer(Layer.create(*layer)) for layer in layers]
        images = [layer for layer in added if isinstance(layer, Image)]
        if images:
            name = images[0].name
            self.choices.choose_image(images[0])
            if not is_first:
                fit_view(viewer, images[0])
            self.status.emit(f"'{name}' is open. Pick a class, and segment the slice shown.")

    def _on_removed(self, event: Event) -> None:
        layer = event.value
        took_results = layer is self.labels
        self.outputs.forget(layer)
        if layer is self.choices.image:
            self._cancel_pointless(OF_IMAGE, "The image was removed")
            self.choices.choose_image(None)
        elif took_results:
            self._cancel_pointless(INTO_LABELS, "The labels layer was removed")

    def _cancel_pointless(self, jobs: tuple[Job, ...], why: str) -> None:
        if self.jobs.busy(*jobs):
            self.status.emit(f"{why}; the work on it was cancelled.")
        self.jobs.cancel_edits(*jobs)
