"""Ask what to do about the image of a project that is missing, or shows something else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_scsam.gui.words import as_sentence

WHERE = "Where the image is now"


@dataclass(frozen=True)
class ImageAnswer:
    """What the user wants."""

    path: str = ""
    """The image to use; empty when none was chosen."""
    go_on: bool = False
    """Whether to go on with the image as it is."""


def ask_about_image(
    parent: QWidget, project: Path, question: str, *, may_go_on: bool = False
) -> ImageAnswer:
    """Ask for the image of a project.

    Parameters
    ----------
    parent
        Over which the question appears.
    project
        Where file dialogs start.
    question
        What is wrong with the image.
    may_go_on
        Whether to offer going on with it.
    """
    box = QMessageBox(QMessageBox.Icon.Question, "ScSAM", as_sentence(question), parent=parent)
    box.setTextFormat(Qt.TextFormat.PlainText)  # a file may have any name
    go_on = None
    if may_go_on:
        go_on = box.addButton("Go on with it", QMessageBox.ButtonRole.AcceptRole)
    file = box.addButton("File …", QMessageBox.ButtonRole.AcceptRole)
    folder = box.addButton("Folder (zarr) …", QMessageBox.ButtonRole.AcceptRole)
    box.addButton(QMessageBox.StandardButton.Cancel)
    box.exec()
    clicked = box.clickedButton()
    if go_on is not None and clicked is go_on:
        return ImageAnswer(go_on=True)
    start = str(project.parent)
    if clicked is file:
        where, _ = QFileDialog.getOpenFileName(parent, WHERE, start)
        return ImageAnswer(where)
    if clicked is folder:
        return ImageAnswer(QFileDialog.getExistingDirectory(parent, WHERE, start))
    return ImageAnswer()
