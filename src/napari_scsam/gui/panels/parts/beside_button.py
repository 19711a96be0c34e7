"""The button that adds the classes of imported networks to those of the checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QMenu, QPushButton

if TYPE_CHECKING:
    from napari_scsam.checkpoints.card import CheckpointInfo

NOTHING = "Add an imported network …"
NONE_LISTED = "None is imported yet: scsam checkpoints import FILE"
FILES = "Imported networks (*.safetensors)"


class BesideButton(QPushButton):
    """Lists the imported networks, and shows which work beside the checkpoint."""

    chosen = Signal(object)
    """The networks to work beside it: a list of `CheckpointInfo`."""
    file_asked = Signal(str)
    """An imported network in a file, to be added."""
    opened = Signal()
    """Emitted before the list is shown, so that it can be updated."""

    def __init__(self) -> None:
        super().__init__(NOTHING)
        self.setToolTip(
            "Add the classes of networks of other programs (ONNX, TorchScript).\n"
            "They stand in the list of classes, and each is run at its own pixel size."
        )
        self._beside: tuple[CheckpointInfo, ...] = ()
        self.list = QMenu(self)
        self.list.setToolTipsVisible(True)
        self.list.aboutToShow.connect(self.opened)
        self.setMenu(self.list)

    def show_beside(self, beside: Sequence[CheckpointInfo], *, possible: bool) -> None:
        """Show which networks work beside the checkpoint, and whether any can."""
        self._beside = tuple(beside)
        self.setEnabled(possible)
        text = NOTHING
        if beside:
            text = f"Beside it: {', '.join(info.name for info in beside)}"
        self.setText(text)

    def show_networks(self, networks: Sequence[CheckpointInfo]) -> None:
        """List the networks that can be added; those in use are ticked."""
        self.list.clear()
        used = {info.path for info in self._beside}
        listed = [*networks, *(i for i in self._beside if i.path not in {n.path for n in networks})]
        for info in listed:
            action = self.list.addAction(f"{info.name}\t{describe_network(info)}")
            if action is not None:
                action.setCheckable(True)
                action.setChecked(info.path in used)
                action.setToolTip(info.summary)
                action.toggled.connect(partial(self._toggle, info))
        if not listed:
            action = self.list.addAction(NONE_LISTED)
            if action is not None:
                action.setEnabled(False)
        self.list.addSeparator()
        self.list.addAction("File …", self._ask_file)

    def _toggle(self, info: CheckpointInfo, checked: bool) -> None:
        others = [each for each in self._beside if each.path != info.path]
        if checked:
            others.append(info)
        self.chosen.emit(others)

    def _ask_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Choose an imported network", "", FILES)
        if path:
            self.file_asked.emit(path)


def describe_network(info: CheckpointInfo) -> str:
    """Return what a network finds, and at which pixel size."""
    return ", ".join(spec.name for spec in info.classes) + info.at_pixel_size
