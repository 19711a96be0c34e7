"""The panel for the network: which checkpoint, and where it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QGridLayout, QHBoxLayout

from napari_scsam.gui.panels.parts.beside_button import BesideButton
from napari_scsam.gui.panels.parts.download_button import DownloadButton
from napari_scsam.gui.panels.parts.save_name import ask_save_name
from napari_scsam.gui.panels.parts.setup_line import SetupLine
from napari_scsam.gui.panels.parts.widgets import (
    Dropdown,
    button,
    fill_row,
    note_label,
    plain_label,
    plain_tip,
)
from napari_scsam.paths import user_folder

if TYPE_CHECKING:
    from napari_scsam.checkpoints.card import CheckpointInfo
    from napari_scsam.config import TaughtClass

NONE_FOUND = "No checkpoint found. Choose a file, or download one."
FILES = "Checkpoints (*.safetensors)"

AUTO = "auto"
SERVER = "server"
"""Names of devices: the best one of this computer, and a server that is still to be named."""


class ModelPanel(SetupLine):
    """Shows and changes the checkpoint; makes no decisions."""

    checkpoint_chosen = Signal(object)
    """A `CheckpointInfo`."""
    file_asked = Signal(str)
    """A checkpoint file to load."""
    save_asked = Signal(str)
    """A checkpoint file to write."""
    device_chosen = Signal(object)
    """The name of what the network is to run on; `SERVER` for a server that is still to be named."""
    computer_asked = Signal()
    """The network is to run on this computer, as the line to the server is cut."""

    def __init__(self) -> None:
        super().__init__("Model")
        self.checkpoints = Dropdown("The trained network. Each checkpoint has its own classes.")
        self.checkpoints.picked.connect(self.checkpoint_chosen)
        self.note = note_label(NONE_FOUND)
        self.file = button(
            "File …", "Use a checkpoint file (.safetensors) of your own.", self._ask_file
        )
        self.download = DownloadButton()
        self.save = button(
            "Save checkpoint with taught classes …",
            "Write a checkpoint that includes the classes taught here.\n"
            "Use it for other volumes and with scsam segment.\n"
            "Checkpoints in the proposed folder appear in the list above.",
            self._ask_save,
        )
        self.beside = BesideButton()
        self.devices = Dropdown("Where the network runs: on this computer, or on a server.")
        self.devices.picked.connect(self.device_chosen)
        self.computer = button(
            "Use this computer",
            "Stop waiting for the server, and run the network here.",
            self.computer_asked,
        )
        self._lay_out()
        self.show_devices([(AUTO, "Automatic")], AUTO)
        self.show_line_cut(cut=False)
        self.show_taught(())
        self.show_set("none found", is_set=False)

    def show_checkpoints(self, infos: Sequence[CheckpointInfo]) -> None:
        """List the checkpoints on this machine."""
        self.checkpoints.empty()
        for info in infos:
            self.checkpoints.add(info, info.name, checkpoint_tooltip(info))
        self.checkpoints.setEnabled(bool(infos))

    def show_devices(self, devices: Sequence[tuple[str, str]], chosen: str) -> None:
        """List where the network can run, and where it does.

        Parameters
        ----------
        devices
            Names and labels.
        chosen
            The name of one of them, or the address of a server; empty for neither.
        """
        self.devices.empty()
        for name, label in devices:
            self.devices.add(name, label)
        if not chosen:
            self.devices.add(chosen, "None on this computer")
        elif chosen not in dict(devices):
            self.devices.add(chosen, f"Server {chosen.partition('://')[2]}", chosen)
        self.devices.add(SERVER, "Server …", "Name a server that runs the network.")
        self.devices.show_choice(chosen)

    def show_line_cut(self, *, cut: bool) -> None:
        """Offer this computer while there is no line to the server."""
        self.computer.setVisible(cut)

    def show_taught(self, taught: Sequence[TaughtClass]) -> None:
        """Offer to save taught classes, if there are any."""
        self.save.setVisible(bool(taught))

    def show_chosen(self, info: CheckpointInfo, state: str) -> None:
        """Show the checkpoint in use and its state, e.g. ``"Runs on cpu"``."""
        alone = info.alone
        if not self.checkpoints.show_choice(alone):
            self.checkpoints.add(alone, info.name, checkpoint_tooltip(alone))
            self.checkpoints.show_choice(alone)
        self.checkpoints.setEnabled(True)
        self.checkpoints.setToolTip(plain_tip(checkpoint_tooltip(alone)))
        self.beside.show_beside(info.beside, possible=not info.prompts_only)
        sentences = [_with_training(state, info), *map(_where_beside, info.beside)]
        self.note.setText("\n".join(sentences))
        names = " + ".join(each.name for each in (info, *info.beside))
        summary = f"{names}. {state}"
        if state.endswith("."):  # of a line that is cut: nothing else matters more
            summary = state
        self.show_set(summary, is_set=True)

    def _ask_save(self) -> None:
        name = f"{self.checkpoints.currentText()}_taught.safetensors"
        proposed = str(user_folder() / name)
        path = ask_save_name(self, "Save the checkpoint as", proposed, FILES, _as_checkpoint)
        if path:
            self.save_asked.emit(path)

    def _ask_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Choose a checkpoint", "", FILES)
        if path:
            self.file_asked.emit(path)

    def _lay_out(self) -> None:
        grid = QGridLayout(self.contents)
        grid.addWidget(self.checkpoints, 0, 0)
        grid.addWidget(self.file, 0, 1)
        grid.addWidget(self.download, 0, 2)
        place = QHBoxLayout()
        fill_row(place, plain_label("Device"), self.devices, self.computer)
        place.setStretch(1, 1)
        grid.addLayout(place, 1, 0, 1, 3)
        grid.addWidget(self.note, 2, 0, 1, 3)
        grid.addWidget(self.beside, 3, 0, 1, 3)
        grid.addWidget(self.save, 4, 0, 1, 3)
        grid.setColumnStretch(0, 1)


def checkpoint_tooltip(info: CheckpointInfo) -> str:
    """Return the tooltip of a checkpoint."""
    classes = "none; clicks and boxes only"
    if not info.prompts_only:
        classes = ", ".join(spec.name for spec in info.classes)
    size = f"{info.bytes / 1e6:.0f} MB"
    return f"{info.summary}\nClasses: {classes}\n{size}, licence: {info.licence}".strip()


def _with_training(state: str, info: CheckpointInfo) -> str:
    """Return the state with what the network was trained for; a whole sentence stays as it is."""
    if state.endswith((".", "!")):
        return state
    return f"{state}; {_training(info)}."


def _where_beside(info: CheckpointInfo) -> str:
    """Return a sentence on where a network beside the checkpoint runs."""
    where = "on the same device"
    if info.config["form"]["kind"] == "onnx":
        where = "on the CPU"
    return f"{info.name} runs {where}{info.at_pixel_size}."


def _training(info: CheckpointInfo) -> str:
    """Return in a few words what the network was trained for."""
    if info.prompts_only:
        return "clicks and boxes only"
    if info.classes_only:
        return "imported; classes only, no clicks"
    if info.nm_per_pixel:
        return f"trained at {info.nm_per_pixel:g} nm per pixel"
    return "pixel size of training unknown"


def _as_checkpoint(path: str, _chosen: str) -> str:
    """Return a path with the suffix of a checkpoint."""
    return path if path.endswith(".safetensors") else f"{path}.safetensors"
