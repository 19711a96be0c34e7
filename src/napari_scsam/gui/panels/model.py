"""The panel for the network: which checkpoint, and where it runs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QGridLayout, QMenu, QPushButton

from napari_scsam.gui.panels.parts.download_button import GetButton
from napari_scsam.gui.panels.parts.panel import Panel
from napari_scsam.gui.panels.parts.widgets import Dropdown, note
from napari_scsam.paths import user_folder

if TYPE_CHECKING:
    from napari_scsam.checkpoints.checkpoint import CheckpointInfo
    from napari_scsam.config import TaughtClass

NONE_FOUND = "No checkpoint found. Choose a file, or get one."


class ModelPanel(Panel):
    """Shows and changes the checkpoint; it decides nothing."""

    checkpoint_chosen = Signal(object)
    """A `CheckpointInfo`."""
    file_asked = Signal(str)
    """A checkpoint file to load."""
    save_asked = Signal(str)
    """A checkpoint file to write."""
    forget_asked = Signal(object)
    """A `TaughtClass` to forget."""

    def __init__(self) -> None:
        super().__init__("Model")
        self.checkpoints = Dropdown("The trained network. Every checkpoint knows its own classes.")
        self.checkpoints.picked.connect(self.checkpoint_chosen)
        self.note = note(NONE_FOUND)
        button = QPushButton("File …")
        button.setToolTip("Use a checkpoint file (.safetensors) of your own.")
        button.clicked.connect(self._ask_file)
        self.get = GetButton()
        self.save = QPushButton("Save with what it was taught …")
        self.save.setToolTip(
            "Write a checkpoint that knows the classes taught here, for other volumes and for scsam segment.\n"
            "In the folder that is proposed, it is in the list from now on."
        )
        self.save.clicked.connect(self._ask_save)
        self.forget = QPushButton("Forget  ")
        self.forget.setToolTip(
            "Forget a class that was taught here. What is labelled with it stays."
        )
        self.list = QMenu(self.forget)
        self.list.aboutToShow.connect(
            self._list_taught
        )  # not before: an action must not be deleted while it is carried out
        self.forget.setMenu(self.list)
        self._taught: tuple[TaughtClass, ...] = ()
        self.show_taught(())
        grid = QGridLayout(self.contents)
        grid.addWidget(self.checkpoints, 0, 0)
        grid.addWidget(button, 0, 1)
        grid.addWidget(self.get, 0, 2)
        grid.addWidget(self.note, 1, 0, 1, 3)
        grid.addWidget(self.save, 2, 0, 1, 2)
        grid.addWidget(self.forget, 2, 2)
        grid.setColumnStretch(0, 1)

    def show_checkpoints(self, infos: Sequence[CheckpointInfo]) -> None:
        """List the checkpoints on this machine."""
        self.checkpoints.empty()
        for info in infos:
            self.checkpoints.add(info, info.name, describe(info))
        self.checkpoints.setEnabled(bool(infos))

    def show_taught(self, taught: Sequence[TaughtClass]) -> None:
        """Offer to save what was taught and to forget it, where anything was."""
        for button in (self.save, self.forget):
            button.setVisible(bool(taught))
        self._taught = tuple(taught)

    def _list_taught(self) -> None:
        self.list.clear()
        for known in self._taught:
            if (action := self.list.addAction(known.spec.name)) is not None:
                action.triggered.connect(partial(self._ask_forget, known))

    def _ask_forget(self, known: TaughtClass, _checked: bool = False) -> None:  # as Qt calls it
        self.forget_asked.emit(known)

    def show_chosen(self, info: CheckpointInfo, state: str) -> None:
        """Show the checkpoint in use and what it does, e.g. ``"Runs on cpu"``."""
        if not self.checkpoints.show_choice(info):
            self.checkpoints.add(info, info.name, describe(info))
            self.checkpoints.show_choice(info)
        self.checkpoints.setEnabled(True)
        self.checkpoints.setToolTip(describe(info))
        size = (
            f"trained at {info.nm_per_pixel:g} nm per pixel"
            if info.nm_per_pixel
            else "pixel size of training unknown"
        )
        self.note.setText(f"{state}; {'clicks and boxes only' if info.prompts_only else size}.")

    def _ask_save(self) -> None:
        name = f"{self.checkpoints.currentText()}_taught.safetensors"
        path, _ = QFileDialog.getSaveFileName(
            self, "Name of the checkpoint", str(user_folder() / name), "Checkpoints (*.safetensors)"
        )
        if path:
            self.save_asked.emit(path)

    def _ask_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "Choose a checkpoint", "", "Checkpoints (*.safetensors)"
        )
        if path:
            self.file_asked.emit(path)


def describe(info: CheckpointInfo) -> str:
    """Write the tooltip of a checkpoint."""
    classes = (
        "none; clicks and boxes only"
        if info.prompts_only
        else ", ".join(spec.name for spec in info.classes)
    )
    return f"{info.summary}\nClasses: {classes}\n{info.bytes / 1e6:.0f} MB, licence: {info.licence}".strip()
