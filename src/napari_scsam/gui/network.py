"""The state of the network on the worker thread: loading, loaded or not loaded."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_scsam.checkpoints.find import DEFAULT, checkpoint_info, find_checkpoint
from napari_scsam.config import UserError
from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.notify import notify_error
from napari_scsam.gui.settings import read_settings
from napari_scsam.gui.workarounds.garbage import Garbage

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from psygnal import SignalInstance

    from napari_scsam.checkpoints.card import CheckpointInfo
    from napari_scsam.gui.choices import Choices
    from napari_scsam.gui.jobs.engine import Engine, ModelInfo
    from napari_scsam.gui.jobs.jobs import Jobs

NOT_LOADED = "Not loaded"
LOADING = "Loading …"


def first_checkpoint(infos: Sequence[CheckpointInfo]) -> CheckpointInfo:
    """Return the network that a new window begins with, as the preferences name it.

    Parameters
    ----------
    infos
        The listed ones. The shipped one is taken where the preferences name one that is not there.
    """
    listed = {info.path: info for info in infos}
    shipped = listed.get(find_checkpoint(), infos[0])
    wanted = read_settings().checkpoint
    if wanted == DEFAULT:
        return shipped
    try:
        return checkpoint_info(wanted)
    except UserError as error:
        notify_error(error)
    return shipped


class Network:
    """Loads the network that the user chose, and knows how far it is.

    Parameters
    ----------
    viewer
        Kept weakly.
    engine, jobs, choices
        What loads it, the work, and what the user chose.
    ended
        Emitted when the work in this viewer is over.
    """

    changed = Signal()
    """The state changed."""
    ready = Signal(str)
    """A sentence: the network can be used."""

    def __init__(
        self,
        viewer: Viewer,
        engine: Engine,
        jobs: Jobs,
        choices: Choices,
        ended: SignalInstance,
    ) -> None:
        self.state = ""
        self._viewer = weakref.ref(viewer)
        self._engine = engine
        self._jobs = jobs
        self._choices = choices
        self._ended = ended
        self._garbage: Garbage | None = None
        choices.network_outdated.connect(self._load)
        jobs.dropped.connect(self._on_dropped)

    def note_device(self, device: str) -> None:
        """Show that the network runs on a device."""
        self._show(f"Runs on {device}")

    def _load(self, is_another: bool) -> None:
        info = self._choices.checkpoint
        if info is None:
            return
        if is_another:
            self._show(LOADING)
        self._engine.settings = read_settings()
        load = partial(self._engine.load_steps, info.reference, self._choices.taught)
        self._jobs.submit(Job.LOAD, load, self._on_loaded)

    def _on_loaded(self, model: ModelInfo) -> None:
        self._set_aside_garbage()
        if self.state != f"Runs on {model.device}":
            info = self._choices.checkpoint
            clicks_only = info is not None and info.prompts_only
            use = " for clicks and boxes: point at an object" if clicks_only else ""
            self.ready.emit(f"Ready on {model.device}{use}.")
        self.note_device(model.device)

    def _on_dropped(self, job: Job) -> None:
        if job == Job.LOAD and not self._jobs.busy(Job.LOAD):
            self._show(NOT_LOADED)

    def _show(self, state: str) -> None:
        if state != self.state:
            self.state = state
            self.changed.emit()

    def _set_aside_garbage(self) -> None:
        viewer = self._viewer()
        if self._garbage is None and viewer is not None:
            self._garbage = Garbage(viewer, self._ended, self._jobs.run_in_event_loop)
        if self._garbage is not None:
            self._garbage.set_aside()
