"""The state of the network on the worker thread, and where it runs: here or on a server."""

from __future__ import annotations

import json
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_scsam.checkpoints.beside import with_beside
from napari_scsam.checkpoints.card import JOINED
from napari_scsam.checkpoints.find import (
    DEFAULT,
    checkpoint_info,
    find_checkpoint,
    list_checkpoints,
)
from napari_scsam.config import UserError
from napari_scsam.errors import NoTorchError, torch_is_installed
from napari_scsam.gui.jobs.jobs import OF_IMAGE, Job
from napari_scsam.gui.notify import notify_error
from napari_scsam.gui.settings import read_settings
from napari_scsam.gui.words import as_sentence
from napari_scsam.gui.workarounds.garbage import Garbage

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from psygnal import SignalInstance

    from napari_scsam.checkpoints.card import CheckpointInfo
    from napari_scsam.gui.choices import Choices
    from napari_scsam.gui.jobs.engine import Engine
    from napari_scsam.gui.jobs.jobs import Jobs
    from napari_scsam.gui.jobs.where import Device, ModelInfo
    from napari_scsam.gui.server_line import ServerLine
    from napari_scsam.remote.line import LineState

NOT_LOADED = "Not loaded"
LOADING = "Loading …"
NO_TORCH = "No network runs on this computer"
"""The state where torch is not installed and no server is used."""

CONNECTED = "connected"
LINE_LOST = "lost"
REFUSED = "refused"
"""Values of `napari_scsam.remote.line.Line`."""


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
    """Loads the network that the user chose, and knows how far it is and where it runs.

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
    said = Signal(str)
    """A sentence on the line to the server."""
    loaded = Signal(object)
    """A `ModelInfo`: the network was loaded."""
    moved = Signal()
    """It runs elsewhere, or the list of checkpoints there changed."""

    def __init__(
        self,
        viewer: Viewer,
        engine: Engine,
        jobs: Jobs,
        choices: Choices,
        ended: SignalInstance,
    ) -> None:
        self.state = ""
        self.device = ""
        """The device of this computer that was chosen here; empty: as in the preferences."""
        self.devices: tuple[Device, ...] = ()
        """What networks can run on in this computer, once one was loaded."""
        self.line: ServerLine | None = None
        """To the server that runs the network; None: this computer does."""
        self.trouble = ""
        """What is wrong with the line to the server, as a sentence; empty when it is up."""
        self._cards: tuple[CheckpointInfo, ...] = ()
        self._viewer = weakref.ref(viewer)
        self._engine = engine
        self._jobs = jobs
        self._choices = choices
        self._ended = ended
        self._garbage: Garbage | None = None
        choices.network_outdated.connect(self._load)
        jobs.dropped.connect(self._on_dropped)
        ended.connect(self._drop_line)

    # Where it runs

    @property
    def server(self) -> str:
        """The address of the server in use; empty when this computer runs the network."""
        return "" if self.line is None else self.line.address

    def list_checkpoints(self) -> tuple[CheckpointInfo, ...]:
        """List the checkpoints that can be used: of the server in use, and of this computer.

        Those of this computer are sent to the server. It runs no imported network that is sent.
        """
        here = list_checkpoints()
        if self.line is None:
            return here
        if not self._cards:
            return ()
        there = {_identity(info) for info in self._cards}
        own = (info for info in here if not info.classes_only and _identity(info) not in there)
        return (*self._cards, *own)

    def list_imported(self) -> tuple[CheckpointInfo, ...]:
        """List the imported networks that can work beside a checkpoint where networks run."""
        return tuple(info for info in self.list_checkpoints() if info.classes_only)

    def find_info(self, name: str) -> CheckpointInfo:
        """Return the card of a checkpoint, with networks beside it, by the names of the list.

        Raises
        ------
        UserError
            When there is no such checkpoint, or they cannot work together.
        """
        if self.line is None:
            return checkpoint_info(name)
        listed = {info.name: info for info in reversed(self.list_checkpoints())}
        main, *others = [listed.get(part) or checkpoint_info(part) for part in _parts(name, listed)]
        return with_beside(main, others) if others else main

    @property
    def training_obstacle(self) -> str:
        """Why nothing can be trained where networks run; empty where it can."""
        if self.line is not None:
            return self.trouble
        if not torch_is_installed():
            return str(NoTorchError("run scsam finetune on the computer of a server"))
        return ""

    def use_server(self, address: str, token: str) -> None:
        """Run networks on a server.

        Raises
        ------
        UserError
            When the address is none.
        """
        from napari_scsam.gui.server_line import ServerLine

        line = ServerLine(address, token)
        self._leave_server()
        line.changed.connect(self._on_line)
        line.noticed.connect(self._say)
        self.line = line
        self._engine.line = line.connection
        self.trouble = f"Connecting to {line.host} …"
        self._show(self.trouble)
        self.moved.emit()
        line.connection.start()

    def use_computer(self, device: str = "") -> None:
        """Run networks on this computer.

        Parameters
        ----------
        device
            As torch calls it, or ``"auto"``; by default the one before.
        """
        self.device = device or self.device
        self._leave_server()
        self.moved.emit()
        infos = list_checkpoints()
        if infos:
            self._choose(infos, first_checkpoint(infos))

    def _leave_server(self) -> None:
        """Cancel what is asked of the network, and end the line, if there is one."""
        self._jobs.cancel_edits(*OF_IMAGE, Job.LOAD, Job.LIST)
        self._drop_line()

    def _drop_line(self) -> None:
        if self.line is not None:
            self.line.leave()
        self.line = None
        self.trouble = ""
        self._cards = ()
        self._engine.line = None

    def _choose(self, infos: Sequence[CheckpointInfo], otherwise: CheckpointInfo) -> None:
        """Choose the checkpoint of the same name as before; the same one keeps what it learned."""
        before = self._choices.checkpoint
        named = {info.name: info for info in infos}
        info = otherwise
        if before is not None:
            info = named.get(before.name) or self._own(before) or otherwise
        taught = self._choices.taught
        self._choices.choose_checkpoint(info)
        if before is not None and is_same(before.alone, info) and taught:
            self._choices.restore_taught(taught)

    def _own(self, info: CheckpointInfo) -> CheckpointInfo | None:
        """Return a checkpoint of this computer that the server in use may be sent."""
        if self.line is None or info.classes_only or not info.path.is_file():
            return None
        return info.alone

    # The line to the server

    def _on_line(self, state: LineState) -> None:
        """Follow the line: say at once when it is cut and when it is back."""
        line = self.line
        if line is None:
            return
        was_lost = self.trouble
        self.trouble = ""
        if state.line != CONNECTED:
            sentence = state.sentence.replace(line.address, line.host)
            self.trouble = as_sentence(sentence)
            self._show(self.trouble)
            if state.line in (LINE_LOST, REFUSED):
                notify_error(UserError(sentence))
            if self.trouble != was_lost:
                self._say(self.trouble)
            return
        if not self._cards:
            self._jobs.submit(Job.LIST, self._engine.list_steps, self._on_listed)
            return
        self._say(f"Connected to {line.host} again.")
        self._load(True)

    def _on_listed(self, infos: tuple[CheckpointInfo, ...]) -> None:
        if self.line is None or not infos:
            return
        self._cards = infos
        self.moved.emit()
        self._choose(infos, infos[0])

    def _say(self, sentence: str) -> None:
        self.said.emit(as_sentence(sentence))

    # The network

    def note_device(self, device: str) -> None:
        """Show that the network runs on a device."""
        if not self.trouble:
            self._show(f"Runs on {device}")

    def _load(self, is_another: bool) -> None:
        info = self._choices.checkpoint
        if info is None or (self.line is not None and not self._cards):
            return
        if self.line is None and not torch_is_installed():
            self._show(NO_TORCH)
            return
        if is_another:
            self._show(LOADING)
        settings = read_settings()
        self._engine.settings = replace(settings, device=self.device or settings.device)
        load = partial(self._engine.load_steps, info.reference, self._choices.taught)
        self._jobs.submit(Job.LOAD, load, self._on_loaded)

    def _on_loaded(self, model: ModelInfo) -> None:
        self._set_aside_garbage()
        self.devices = model.devices or self.devices
        if self.state != f"Runs on {model.device}":
            info = self._choices.checkpoint
            clicks_only = info is not None and info.prompts_only
            use = " for clicks and boxes: point at an object" if clicks_only else ""
            self.ready.emit(f"Ready on {model.device}{use}.")
        self.note_device(model.device)
        self.loaded.emit(model)

    def _on_dropped(self, job: Job) -> None:
        if job == Job.LOAD and not self._jobs.busy(Job.LOAD) and not self.trouble:
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


def is_same(one: CheckpointInfo, other: CheckpointInfo) -> bool:
    """Whether two cards are of one checkpoint, on this computer and on a server."""
    return _identity(one) == _identity(other)


def _parts(name: str, listed: Mapping[str, CheckpointInfo]) -> list[str]:
    """Return the names that ``+`` joins; a name of the list may hold a ``+`` itself."""
    if name in listed or Path(name).is_file():
        return [name]
    return name.split(JOINED)


def _identity(info: CheckpointInfo) -> tuple[object, ...]:
    training = json.dumps(dict(info.training), sort_keys=True, default=str)
    return (info.name, info.classes, info.bytes, training)
