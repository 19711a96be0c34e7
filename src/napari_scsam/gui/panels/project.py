"""The panel for the project, which stores labels, review and view."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QVBoxLayout

from napari_scsam.gui.panels.parts.damage_box import DamageBox
from napari_scsam.gui.panels.parts.image_question import ask_about_image
from napari_scsam.gui.panels.parts.save_name import ask_save_name
from napari_scsam.gui.panels.parts.setup_line import SetupLine
from napari_scsam.gui.panels.parts.widgets import button, fill_row, note_label, offer, plain_tip
from napari_scsam.project.record import PROJECT_SUFFIX

NO_PROJECT = "No project: labels are lost unless you save them."
CREATE_ONE = "Press New to create a project."
OPEN_AND_CREATE = "Open an image, then press New to create a project."

FORBIDDEN_IN_NAMES = re.compile(r'[\\/:*?"<>|\x00-\x1f]+')
IMAGE_SUFFIX = re.compile(r"(\.ome)?\.(tiff?|zarr|mrc|rec|map|h5|hdf5|png|jpe?g)$", re.IGNORECASE)

NEW_TIP = (
    "Create a project folder for the chosen image.\n"
    "It keeps labels, review, classes and view, and is saved as you work."
)
OPEN_TIP = "Continue where you stopped: labels, classes, colours, view and slice are restored."
LABELS_TIP = (
    "Save the labels of the image as a file: OME-Zarr or TIFF, with voxel size,\n"
    "names and colours. A project is not needed for it."
)
FILES = (".tif", ".tiff", ".mrc", ".h5", ".hdf5", ".precomputed")
"""Suffixes that are kept as they were typed."""

LABEL_FILTERS = (
    "OME-Zarr (*.zarr);;TIFF (*.tif);;MRC (*.mrc);;HDF5 (*.h5);;neuroglancer (*.precomputed)"
)
COPY_TIP = "Copy the project to another place and continue there."


class ProjectPanel(SetupLine):
    """Shows and asks; makes no decisions."""

    new_asked = Signal(str)
    open_asked = Signal(str)
    copy_asked = Signal(str)
    labels_asked = Signal(str)
    """A file to save the labels in."""
    image_shown = Signal(str, str)
    """A project, and where its image is now."""

    image_accepted = Signal(str)
    """A project whose image shows something else, which the user goes on with."""
    image_attached = Signal(str, str)
    """Such a project, and the image that the user attaches instead."""

    def __init__(self) -> None:
        super().__init__("Project")
        self.damage = DamageBox()
        self._proposed = "project"
        self.new = button("New …", NEW_TIP, self._ask_new)
        self.open = button("Open", OPEN_TIP)
        self.menu = QMenu(self.open)
        self.menu.setToolTipsVisible(True)
        self.open.setMenu(self.menu)
        self.copy = button("Save as …", COPY_TIP, self._ask_copy)
        self.labels = button("Save labels …", LABELS_TIP, self._ask_labels)
        self.note = note_label(NO_PROJECT)
        row = QHBoxLayout()
        fill_row(row, self.new, self.open, self.copy)
        column = QVBoxLayout(self.contents)
        column.addLayout(row)
        fill_row(column, self.labels, self.note, self.damage)
        self._there = False
        self.show_possible(image=False, labels=False)
        self.show_project(None, "")
        self.show_recent(())

    def show_project(self, path: Path | None, state: str) -> None:
        """Show which project is open, and whether all of it is saved."""
        self._there = path is not None
        self.copy.setEnabled(self._there)
        self.note.setToolTip(plain_tip(str(path or "")))
        if path is None:
            self._explain()
            self.show_set("none yet; labels are not kept", is_set=False)
        else:
            self.note.setText(f"{path.name}: {state}")
            self.show_set(f"{path.name.removesuffix(PROJECT_SUFFIX)}: {state}", is_set=True)

    def show_possible(self, *, image: bool, labels: bool) -> None:
        """Offer what can be done.

        Parameters
        ----------
        image
            Whether there is an image, for a new project.
        labels
            Whether it has labels, which can be saved.
        """
        offer(self.new, NEW_TIP, "" if image else "Open an image first.")
        offer(self.labels, LABELS_TIP, "" if labels else "There are no labels to save yet.")
        if not self._there:
            self._explain()

    def _explain(self) -> None:
        """Explain what is missing without a project."""
        next_step = CREATE_ONE if self.new.isEnabled() else OPEN_AND_CREATE
        self.note.setText(f"{NO_PROJECT} {next_step}")

    def show_damage(self, sentences: Sequence[str]) -> None:
        """Name what cannot be read; the panel opens for it."""
        self.damage.show_damage(sentences)
        if sentences:
            self.expand(animate=False)

    def propose(self, name: str) -> None:
        """Propose the image's name, as far as a file may have it, for a new project."""
        allowed = FORBIDDEN_IN_NAMES.sub("_", name)
        self._proposed = IMAGE_SUFFIX.sub("", allowed).strip(" .") or "project"

    def show_recent(self, paths: Sequence[Path]) -> None:
        """List the projects that were opened last."""
        self.menu.clear()
        self.menu.addAction("Choose a folder …", self._ask_open)
        self.menu.addSeparator()
        for path in paths:
            action = self.menu.addAction(path.name)
            action.triggered.connect(partial(self._open_recent, str(path)))
            action.setToolTip(plain_tip(str(path)))

    def ask_for_image(self, project: Path, question: str) -> None:
        """Ask where the image of a project is now."""
        where = ask_about_image(self, project, question).path
        if where:
            self.image_shown.emit(str(project), where)

    def ask_about_changed_image(self, project: Path, question: str, fits: bool) -> None:
        """Ask whether to go on with an image that shows something else.

        Parameters
        ----------
        project
            Of the image.
        question
            What has changed.
        fits
            Whether the labels fit the image, so that going on is possible.
        """
        answer = ask_about_image(self, project, question, may_go_on=fits)
        if answer.go_on:
            self.image_accepted.emit(str(project))
        elif answer.path:
            self.image_attached.emit(str(project), answer.path)

    def _open_recent(self, path: str, _checked: bool = False) -> None:  # as Qt calls it
        self.open_asked.emit(path)

    def _ask_new(self) -> None:
        path = self._ask_name("Name of the new project", f"{self._proposed}{PROJECT_SUFFIX}")
        if path:
            self.new_asked.emit(path)

    def _ask_open(self) -> None:
        title = f"Choose a project, a folder that ends in {PROJECT_SUFFIX}"
        path = QFileDialog.getExistingDirectory(self, title)
        if path:
            self.open_asked.emit(path)

    def _ask_copy(self) -> None:
        path = self._ask_name("Name of the copy", f"copy{PROJECT_SUFFIX}")
        if path:
            self.copy_asked.emit(path)

    def _ask_labels(self) -> None:
        proposed = f"{self._proposed}_labels.zarr"
        path = ask_save_name(self, "Save the labels as", proposed, LABEL_FILTERS, with_suffix_of)
        if path:
            self.labels_asked.emit(path)

    def _ask_name(self, title: str, proposed: str) -> str:
        """Ask for a name, without the dialog's offer to overwrite: projects are never replaced."""
        path, _ = QFileDialog.getSaveFileName(
            self, title, proposed, options=QFileDialog.Option.DontConfirmOverwrite
        )
        return path


def with_suffix_of(path: str, chosen: str) -> str:
    """Return a path with the suffix of the kind that was chosen, such as ``MRC (*.mrc)``.

    A suffix that was typed stays; that of the proposed name is replaced.
    """
    if path.lower().endswith(FILES):
        return path
    return path.removesuffix(".zarr") + chosen.rpartition("*")[2].rstrip(")")
