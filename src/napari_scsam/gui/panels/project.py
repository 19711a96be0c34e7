"""The panel for the project: where everything that is painted is kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QMessageBox, QPushButton, QVBoxLayout

from napari_scsam.gui.panels.parts.panel import Panel
from napari_scsam.gui.panels.parts.widgets import note
from napari_scsam.gui.words import sentence
from napari_scsam.project.project import SUFFIX

NO_PROJECT = "No project: what you paint is lost unless you save it. Choose an image, then New."

NO_FILE_NAME = re.compile(r'[\\/:*?"<>|\x00-\x1f]+')
FORMAT = re.compile(r"(\.ome)?\.(tiff?|zarr|mrc|rec|map|h5|hdf5|png|jpe?g)$", re.IGNORECASE)


class ProjectPanel(Panel):
    """Shows and asks; it decides nothing."""

    new_asked = Signal(str)
    open_asked = Signal(str)
    copy_asked = Signal(str)
    image_shown = Signal(str, str)
    """A project, and where its image is now."""

    def __init__(self) -> None:
        super().__init__("Project")
        self.new = _button(
            "New …",
            "Keep labels, review, classes and view of the chosen image in a folder, saved as you work.",
        )
        self.new.clicked.connect(self._ask_new)
        self.open = _button(
            "Open",
            "Go on where you stopped: labels, classes, colours, view and slice come back as they were.",
        )
        self._proposed = "project"
        self.menu = QMenu(self.open)
        self.open.setMenu(self.menu)
        self.copy = _button("Save as …", "Copy the project to another place and go on there.")
        self.copy.clicked.connect(self._ask_copy)
        self.note = note(NO_PROJECT)
        row = QHBoxLayout()
        for button in (self.new, self.open, self.copy):
            row.addWidget(button)
        column = QVBoxLayout(self.contents)
        column.addLayout(row)
        column.addWidget(self.note)
        self.show_project(None, "")
        self.show_recent(())

    def show_project(self, path: Path | None, state: str) -> None:
        """Say which project is open, and whether all of it is on disk."""
        self.copy.setEnabled(path is not None)
        self.note.setText(NO_PROJECT if path is None else f"{path.name}: {state}")
        self.note.setToolTip(str(path or ""))

    def propose(self, name: str) -> None:
        """Take the image's name for that of a new project, without what no file name may hold and without its format."""
        self._proposed = FORMAT.sub("", NO_FILE_NAME.sub("_", name)).strip(" .") or "project"

    def show_recent(self, paths: Sequence[Path]) -> None:
        """List the projects that were open last."""
        self.menu.clear()
        self.menu.addAction("Choose a folder …", self._ask_open)
        self.menu.addSeparator()
        for path in paths:
            action = self.menu.addAction(path.name)
            action.triggered.connect(partial(self._open_recent, str(path)))
            action.setToolTip(str(path))
        self.menu.setToolTipsVisible(True)

    def ask_for_image(self, project: Path, question: str) -> None:
        """Ask where the image of a project is now."""
        box = QMessageBox(QMessageBox.Icon.Question, "ScSAM", sentence(question), parent=self)
        file = box.addButton("File …", QMessageBox.ButtonRole.AcceptRole)
        folder = box.addButton("Folder (zarr) …", QMessageBox.ButtonRole.AcceptRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.exec()
        where = ""
        if box.clickedButton() is file:
            where, _ = QFileDialog.getOpenFileName(
                self, "Where the image is now", str(project.parent)
            )
        elif box.clickedButton() is folder:
            where = QFileDialog.getExistingDirectory(
                self, "Where the image is now", str(project.parent)
            )
        if where:
            self.image_shown.emit(str(project), where)

    def _open_recent(self, path: str, _checked: bool = False) -> None:  # as Qt calls it
        self.open_asked.emit(path)

    def _ask_new(self) -> None:
        if path := self._ask_name("Name of the new project", f"{self._proposed}{SUFFIX}"):
            self.new_asked.emit(path)

    def _ask_open(self) -> None:
        path = QFileDialog.getExistingDirectory(
            self, f"Choose a project, a folder that ends in {SUFFIX}"
        )
        if path:
            self.open_asked.emit(path)

    def _ask_copy(self) -> None:
        if path := self._ask_name("Name of the copy", f"copy{SUFFIX}"):
            self.copy_asked.emit(path)

    def _ask_name(self, title: str, proposed: str) -> str:
        """Ask for a name, without the dialog's own offer to overwrite: nothing ever is."""
        path, _ = QFileDialog.getSaveFileName(
            self, title, proposed, options=QFileDialog.Option.DontConfirmOverwrite
        )
        return path


def _button(text: str, tooltip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tooltip)
    return button
