"""The panel for the volume: which layer, and how large its voxels are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QGridLayout, QHBoxLayout, QLabel, QMenu, QPushButton

from napari_scsam.config import UserError, VoxelSize, parse_voxel_size
from napari_scsam.gui.panels.parts.setup_line import SetupLine
from napari_scsam.gui.panels.parts.size_field import SizeField, format_size
from napari_scsam.gui.panels.parts.widgets import Dropdown, button, checkbox, note_label
from napari_scsam.gui.words import as_sentence

if TYPE_CHECKING:
    from qtpy.QtGui import QDragEnterEvent, QDropEvent

FILES = "Volumes (*.tif *.tiff *.mrc *.rec *.map *.h5 *.hdf5 *.png *.jpg);;All files (*)"

OPEN_TIP = (
    "Open a volume. Only the slices that you view are read, so it may exceed the memory.\n"
    "You can also drop files here."
)
CONTRAST_TIP = (
    "Off: one contrast for the whole volume, without the darkest and brightest 0.5 %.\n"
    "On: the contrast limits of the layer, so that the network sees what you see.\n"
    "Use it where something is much brighter than the tissue."
)


class NamedLayer(Protocol):
    """An image layer, as far as the panel knows it."""

    name: str


class VolumePanel(SetupLine):
    """Shows and changes the volume; makes no decisions."""

    layer_chosen = Signal(object)
    """The image layer, or None."""
    file_asked = Signal(str)
    """A file or folder to open."""
    contrast_chosen = Signal(bool)
    """Whether the network gets the displayed contrast."""
    size_typed = Signal(object)
    """Voxel size (z, y, x) in nm, or None when the fields were emptied."""

    def __init__(self) -> None:
        super().__init__("Volume")
        self.setAcceptDrops(True)
        self.layers = Dropdown(
            "The image layer to segment: a 2-D image or a 3-D volume of grey values."
        )
        self.layers.picked.connect(self.layer_chosen)
        self.sizes = [SizeField(axis) for axis in "zyx"]
        self._known: tuple[str, ...] = ()
        """The texts last shown or emitted: no signal is sent while the fields equal them."""
        self.note = note_label()
        self._explanation = ""
        self.contrast = checkbox("Use the displayed contrast", CONTRAST_TIP, self.contrast_chosen)
        grid = QGridLayout(self.contents)
        grid.addWidget(self.layers, 0, 0)
        grid.addWidget(self._open_button(), 0, 1)
        grid.addLayout(self._size_row(), 1, 0, 1, 2)
        grid.addWidget(self.note, 2, 0, 1, 2)
        grid.addWidget(self.contrast, 3, 0, 1, 2)

    def show_layers(self, layers: Sequence[NamedLayer], chosen: NamedLayer | None) -> None:
        """List the image layers of the viewer."""
        self.layers.empty()
        for layer in layers:
            self.layers.add(layer, layer.name)
        self.show_chosen(chosen)
        self.layers.setEnabled(bool(layers))
        if layers:
            self.layers.setPlaceholderText("choose a layer")
        else:
            self.layers.setPlaceholderText("open a file →")

    def show_chosen(self, layer: NamedLayer | None) -> None:
        """Select the layer in use."""
        self.layers.show_choice(layer)

    def show_contrast(self, *, shown: bool, possible: bool) -> None:
        """Show whether the network gets the displayed contrast."""
        self.contrast.setChecked(shown)
        self.contrast.setEnabled(possible)

    def show_size(
        self, size: VoxelSize | None, explanation: str, *, flat: bool, possible: bool
    ) -> None:
        """Show a voxel size and what it means.

        Parameters
        ----------
        size
            nm along z, y, x; None when unknown.
        explanation
            The sentence below the fields.
        flat
            Whether the image is 2-D, so that z is not needed.
        possible
            Whether there is an image.
        """
        texts = tuple(format_size(value) for value in size or (None, None, None))
        if flat:
            texts = ("", *texts[1:])  # a 2-D image has no slices, so nobody gave their distance
        # Another event, such as a network that is ready, must not erase what is being typed.
        typing = self.window().focusWidget() in self.sizes and texts == self._known
        for field, text in zip(self.sizes, texts, strict=True):
            field.setEnabled(possible)
            if not typing:
                field.setText(text)
        self.sizes[0].setEnabled(possible and not flat)
        self._known = texts
        self._explanation = explanation
        self.note.setText(explanation)
        self._show_summary(texts, possible=possible)

    def _show_summary(self, texts: Sequence[str], *, possible: bool) -> None:
        known = [text for text in texts if text]
        if not possible:
            self.show_set("open a file, or drop one here", is_set=False)
        elif not known:
            self.show_set(f"{self.layers.currentText()}: voxel size unknown", is_set=False)
        else:
            size = " × ".join(known)
            self.show_set(f"{self.layers.currentText()}: {size} nm", is_set=True)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802  # Qt's name
        """Accept files and folders."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802  # Qt's name
        """Open the dropped files."""
        for url in event.mimeData().urls():
            self.file_asked.emit(url.toLocalFile())

    def _open_button(self) -> QPushButton:
        made = button("Open …  ", OPEN_TIP)
        menu = QMenu(made)
        menu.addAction("File (TIFF, MRC, HDF5) …", self._ask_file)
        menu.addAction("Folder (OME-Zarr, zarr, a folder of slices) …", self._ask_folder)
        made.setMenu(menu)
        return made

    def _size_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(QLabel("Voxel (nm)"))
        for field in self.sizes:
            row.addWidget(QLabel(field.axis))
            row.addWidget(field, 100)
            field.editingFinished.connect(self._on_size)
        row.addStretch()
        return row

    def _on_size(self) -> None:
        """Emit a size once all fields are filled; else show what is wrong or missing."""
        typed = tuple(field.text() for field in self.sizes)
        if typed == self._known:
            self.note.setText(self._explanation)
            return
        fields = [field for field in self.sizes if field.isEnabled()]
        try:
            sizes = {field.axis: field.size_nm() for field in fields}
        except UserError as error:
            self.note.setText(f"{as_sentence(str(error))} The voxel size is unchanged.")
            return
        known = [size for size in sizes.values() if size is not None]
        if known and len(known) < len(sizes):
            self._show_missing([axis for axis, size in sizes.items() if size is None])
            return
        self._known = typed
        self.size_typed.emit(parse_voxel_size(known or None))

    def _show_missing(self, axes: Sequence[str]) -> None:
        self.note.setText(
            f"Type {' and '.join(axes)} as well; until then the voxel size is unchanged. "
            "Empty all fields to use the size from the file."
        )

    def _ask_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open a volume", "", FILES)
        if path:
            self.file_asked.emit(path)

    def _ask_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(
            self, "Open an OME-Zarr, a zarr or a folder of slices"
        )
        if path:
            self.file_asked.emit(path)
