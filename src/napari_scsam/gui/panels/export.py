"""The panel for export and import: a training set, labels in the image's file, foreign labels."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QVBoxLayout

from napari_scsam.gui.panels.parts.panel import Panel
from napari_scsam.gui.panels.parts.save_name import agrees_to_replace
from napari_scsam.gui.panels.parts.widgets import Dropdown, button, fill_row, note_label

NNUNET = "nnunet"
FORMATS = (
    (
        "ome-zarr",
        "OME-Zarr",
        (
            "Labels and mask as OME-Zarr of any size, with scale, unit and colours.\n"
            "scsam train reads it directly."
        ),
    ),
    ("tiff", "TIFF", "Labels and mask as two TIFF stacks. scsam train reads them directly."),
    (
        NNUNET,
        "nnU-Net",
        (
            "Image and labels in the layout of nnU-Net v2.\n"
            "Pixels that are not reviewed get its ignore label."
        ),
    ),
)
"""Name, title and tooltip of each format of a training set."""

EXPORT_TIP = (
    "Write the reviewed labels for training.\n"
    "A file with them lists what was predicted, what you changed, and when."
)
INTO_IMAGE_TIP = (
    "Add the labels to the image's own OME-Zarr (0.4, 0.5), with scale, unit, colours and a pyramid.\n"
    "TIFF and similar files cannot hold labels: use Save labels … under Project for them."
)


NO_PROJECT = "Create a project first."
NOTHING_REVIEWED = "A training set holds what is reviewed; mark a slice as reviewed first."


class ExportPanel(Panel):
    """Shows and asks; makes no decisions."""

    export_asked = Signal(str, str, bool)
    """A folder, a format, and whether an existing folder may be replaced."""
    into_image_asked = Signal()
    import_asked = Signal(str)
    """A file or folder with labels; empty for the selected layer."""

    def __init__(self) -> None:
        super().__init__("Export", collapsed=True)
        self.formats = Dropdown("The format of the training set.")
        for name, title, tooltip in FORMATS:
            self.formats.add(name, title, tooltip)
        self.formats.show_choice("ome-zarr")
        self.export = button("Training set …", EXPORT_TIP, self._ask)
        self.into_image = button("Labels into image file", INTO_IMAGE_TIP, self.into_image_asked)
        self.bring = button(
            "Import labels  ", "Import existing labels, and choose which value is which class."
        )
        menu = QMenu(self.bring)
        menu.addAction("From the selected layer", lambda: self.import_asked.emit(""))
        menu.addAction("From a file (TIFF) …", self._ask_file)
        menu.addAction("From a folder (OME-Zarr) …", self._ask_folder)
        self.bring.setMenu(menu)
        self.note = note_label(NO_PROJECT)
        self._is_ready = False
        self._is_reviewed = True
        self._takes_labels = True
        self._lay_out()

    def show_ready(self, *, ready: bool, takes_labels: bool = True) -> None:
        """Enable the buttons if there is a project to export.

        Parameters
        ----------
        ready
            Whether there is one.
        takes_labels
            Whether labels can be added to the file of its image.
        """
        self._is_ready = ready
        self._takes_labels = takes_labels
        self._show_possible()

    def show_reviewed(self, *, reviewed: bool) -> None:
        """Enable a training set if anything is reviewed: it holds nothing else."""
        self._is_reviewed = reviewed
        self._show_possible()

    def _show_possible(self) -> None:
        """Enable what can be done, and explain what must be done first."""
        self.into_image.setEnabled(self._is_ready and self._takes_labels)
        self.bring.setEnabled(self._is_ready)
        for field in (self.formats, self.export):
            field.setEnabled(self._is_ready and self._is_reviewed)
        why = NO_PROJECT
        if self._is_ready:
            why = NOTHING_REVIEWED
        self.note.setText(why)
        self.note.setVisible(not (self._is_ready and self._is_reviewed))

    def may_replace(self, what: str) -> bool:
        """Ask whether something that exists may be replaced."""
        return agrees_to_replace(self, what)

    def _ask(self) -> None:
        name = str(self.formats.current())
        proposed = "training_set"
        if name == NNUNET:
            proposed = "Dataset001_scsam"
        path, _ = QFileDialog.getSaveFileName(
            self,
            "Name of the training set",
            proposed,
            options=QFileDialog.Option.DontConfirmOverwrite,
        )
        if not path:
            return
        exists = Path(path).exists()
        if not exists or self.may_replace(Path(path).name):
            self.export_asked.emit(path, name, exists)

    def _ask_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "Labels to import", "", "Labels (*.tif *.tiff);;All files (*)"
        )
        if path:
            self.import_asked.emit(path)

    def _ask_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Labels to import")
        if path:
            self.import_asked.emit(path)

    def _lay_out(self) -> None:
        training_set = QHBoxLayout()
        fill_row(training_set, self.formats, self.export)
        labels = QHBoxLayout()
        fill_row(labels, self.into_image, self.bring)
        column = QVBoxLayout(self.contents)
        column.addLayout(training_set)
        column.addLayout(labels)
        column.addWidget(self.note)
