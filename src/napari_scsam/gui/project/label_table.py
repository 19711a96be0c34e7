"""Keeps the class table of the labels layer and the list of classes in the window the same."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

from napari_scsam.gui.layers.class_pixels import count_steps, holds
from napari_scsam.gui.layers.class_table import classes_of, replace_classes
from napari_scsam.gui.own_classes import key_of
from napari_scsam.gui.words import capitalized, count_of

if TYPE_CHECKING:
    from napari.layers import Image, Labels

    from napari_scsam.config import ClassSpec
    from napari_scsam.gui.layers.plane import Plane
    from napari_scsam.gui.layers.write_prediction import OrganelleLabels
    from napari_scsam.gui.session import Session


class LabelTable:
    """The class table of the labels of the chosen image; made by ``session.part(LabelTable)``.

    The labels layer holds it, so it is saved, exported and opened with the labels.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._choices = session.choices
        self._removed: dict[int, ClassSpec] = {}
        """Classes that were removed in this window: undo may bring their pixels back."""
        session.outputs.used.connect(self._on_used)
        session.outputs.wrote.connect(self._on_wrote)
        self._choices.image_changed.connect(self._on_image)

    @property
    def classes(self) -> tuple[ClassSpec, ...]:
        """The table, also before there is a labels layer."""
        return self._choices.own

    def ids_in_use(self) -> tuple[ClassSpec, ...]:
        """Return every class whose id must not be given to another one."""
        return (*self._choices.network_classes, *self._removed.values())

    def replace(self, classes: Sequence[ClassSpec]) -> None:
        """Replace the table, in the labels layer and in the window."""
        layer = self._session.labels
        if layer is not None and classes:
            replace_classes(layer, classes)
        self._choices.set_own(classes)

    def change(self, spec: ClassSpec) -> None:
        """Change a class, which is found by its id, or add it."""
        others = [known for known in self.classes if known.id != spec.id]
        self.replace((*others, spec))

    def remove(self, spec: ClassSpec) -> None:
        """Remove a class; it comes back when undo brings its pixels back."""
        self._removed[spec.id] = spec
        kept = [known for known in self.classes if known.id != spec.id]
        if not kept:  # a table is never empty
            kept = [known for known in self._choices.classes if known.id != spec.id]
        self.replace(kept)

    def remove_if_unused(self, spec: ClassSpec) -> None:
        """Remove a class that was forgotten, unless it has pixels; tell which."""
        self._session.jobs.run_in_event_loop(self._remove_steps(spec))

    def bring_back(self, layer: Labels) -> None:
        """Add removed classes again whose pixels are there again."""
        if layer is not self._session.labels:
            return
        for spec in list(self._removed.values()):
            if holds(layer, spec.id):
                self._return(spec)

    def _on_wrote(self, output: OrganelleLabels, plane: Plane, _ids: tuple[int, ...]) -> None:
        """Add removed classes again to whose pixels a write gave way, such as after unlearning."""
        layer = self._session.labels
        if layer is None or output.layer is not layer:
            return
        for spec in list(self._removed.values()):
            if (plane.read(layer.data) == spec.id).any():
                self._return(spec)

    def _return(self, spec: ClassSpec) -> None:
        del self._removed[spec.id]
        self.change(spec)

    def _remove_steps(self, spec: ClassSpec) -> Generator[None, None, None]:
        layer = self._session.labels
        pixels = 0
        if layer is not None:
            pixels = yield from count_steps(layer, spec.id)
        current = self._choices.current(spec)
        if current is None or self._choices.can_segment(current):
            return  # it was deleted, or taught again, meanwhile
        name = capitalized(current.name)
        if pixels:
            keep = count_of(pixels, "pixel keeps", "pixels keep")
            self._session.status.emit(f"{name} is forgotten; its {keep} it in the list.")
            return
        if len(self._choices.classes) > 1:
            self.remove(current)
        self._session.status.emit(f"{name} is forgotten.")

    def _on_used(self, image: Image, layer: Labels) -> None:
        """Follow the table of a labels layer; what it lacks of the window's is added to it."""
        if image is not self._choices.image:
            return
        table = classes_of(layer) or ()
        if not table:
            return
        ids = {spec.id for spec in table}
        names = {name for spec in table for name in (spec.name.casefold(), key_of(spec))}
        missing = [
            spec
            for spec in self.classes
            if spec.id not in ids and not names & {spec.name.casefold(), key_of(spec)}
        ]
        if missing:
            replace_classes(layer, (*table, *missing))
        self._choices.set_own((*table, *missing))

    def _on_image(self) -> None:
        image = self._choices.image
        layer = self._session.labels
        if image is not None and layer is not None:
            self._on_used(image, layer)
