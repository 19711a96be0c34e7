"""Writing accepted objects into the labels layer, as the class that the user chose."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_scsam.gui.layers.class_table import classes_of
from napari_scsam.gui.tools.write_labels import LabelsWriter
from napari_scsam.gui.words import count_of, group_digits

if TYPE_CHECKING:
    from napari_scsam.config import ClassSpec
    from napari_scsam.gui.jobs.slice_request import SliceRequest
    from napari_scsam.gui.layers.plane import Plane
    from napari_scsam.gui.layers.write_prediction import OrganelleLabels
    from napari_scsam.gui.session import Session
    from napari_scsam.infer.patch import Patch


class Accepting:
    """Takes accepted objects in one viewer; made by ``session.part(Accepting)``."""

    changed = Signal()
    """Another target."""
    written = Signal(object)
    """An object was written; carries the `SliceRequest` that led to it."""
    layer_added = Signal()
    """A labels layer was added, which napari has selected."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._selected: ClassSpec | None = None
        """The class that was last selected in the labels layer."""
        session.choices.choices_changed.connect(self._on_choices)

    @property
    def target(self) -> ClassSpec | None:
        """The class that objects are accepted into: the one being worked on."""
        return self._session.choices.active

    def choose_target(self, spec: ClassSpec) -> None:
        """Choose the class that objects are accepted into, which is then worked on."""
        self._session.choices.work_on(spec)

    def _on_choices(self) -> None:
        """Select the class being worked on in the labels layer, so that it is painted with."""
        target = self.target
        layer = self._session.labels
        if target != self._selected and target is not None and layer is not None:
            self._selected = target
            if target in (classes_of(layer) or ()) and not self._session.choices.relisting:
                layer.selected_label = target.id
        self.changed.emit()

    def write(
        self, request: SliceRequest, objects: Sequence[tuple[Plane, Patch]], where: str
    ) -> None:
        """Write an object into the target class, as one undo step.

        Parameters
        ----------
        request
            What led to it.
        objects
            Its planes and masks.
        where
            Says where it is, for the status; a sentence's end.
        """
        steps = self._write_steps(request, objects, where)
        self._session.jobs.run_in_event_loop(steps, atomic=True)

    def _write_steps(
        self, request: SliceRequest, objects: Sequence[tuple[Plane, Patch]], where: str
    ) -> Generator[None, None, None]:
        session = self._session
        target = self.target
        if target is None:
            return
        output = self.output(request)
        if output is None:
            return
        session.part(LabelsWriter).writing.emit()
        reasons = {
            word: partial(protect, output.layer) for word, protect in session.protections.items()
        }
        changed, refused = yield from output.write_object_steps(objects, target.id, reasons)
        output.layer.selected_label = target.id
        self.written.emit(request)
        session.status.emit(
            f"Accepted as {target.name} {where} {describe_accepted(changed, refused)}"
        )

    def output(self, request: SliceRequest) -> OrganelleLabels | None:
        """Return the labels layer that takes the answer to a request; None without its image."""
        before = self._session.labels
        output = self._session.part(LabelsWriter).output(request)
        if output is not None and output.layer is not before:
            self.layer_added.emit()
        return output


def describe_accepted(changed: int, refused: Mapping[str, int]) -> str:
    """Describe how many pixels an accepted object changed, and how many were protected."""
    text = f"{count_of(changed, 'pixel')} changed"
    for word, count in refused.items():
        if count == 1:
            text += f", 1 is {word} and stays"
        elif count:
            text += f", {group_digits(count)} are {word} and stay"
    if changed:
        text += "; Ctrl+Z undoes it"
    return f"{text}."
