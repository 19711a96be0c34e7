"""Writing accepted objects into the labels layer, as the class that the user chose."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_scsam.gui.tools.write_labels import LabelsWriter
from napari_scsam.gui.words import group_digits

if TYPE_CHECKING:
    from napari_scsam.config import ClassSpec
    from napari_scsam.gui.jobs.engine import SliceRequest
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
        self._target = ""
        self._follows = False
        """Whether the target was taken over from the class chosen for segmenting."""
        session.choices.choices_changed.connect(self.follow_choices)

    @property
    def target(self) -> ClassSpec | None:
        """The class that objects are accepted into."""
        classes = self._session.choices.classes
        for spec in classes:
            if spec.name == self._target:
                return spec
        return classes[0] if classes else None

    @property
    def one_of_several(self) -> bool:
        """Whether the target was the class to segment, and several are chosen now."""
        return self._follows and len(self._session.choices.chosen) > 1

    def choose_target(self, spec: ClassSpec) -> None:
        """Choose the class that objects are accepted into."""
        self._target = spec.name
        self._follows = False
        self.changed.emit()

    def follow_choices(self) -> None:
        """Take the class to segment as the target, if it is only one."""
        chosen = self._session.choices.chosen
        if len(chosen) == 1:
            self._target = chosen[0].name
            self._follows = True
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
        reasons = {
            word: partial(protect, output.layer) for word, protect in session.protections.items()
        }
        changed, refused = yield from output.write_object_steps(objects, target.id, reasons)
        output.layer.selected_label = target.id
        self.written.emit(request)
        session.status.emit(
            f"Accepted as {target.name} {where} {describe_changes(changed, refused)}"
        )

    def output(self, request: SliceRequest) -> OrganelleLabels | None:
        """Return the labels layer that takes the answer to a request; None without its image."""
        before = self._session.labels
        output = self._session.part(LabelsWriter).output(request)
        if output is not None and output.layer is not before:
            self.layer_added.emit()
        return output


def describe_changes(changed: int, refused: Mapping[str, int]) -> str:
    """Describe how many pixels an accepted object changed, and how many were protected."""
    text = f"{group_digits(changed)} pixels changed"
    for word, count in refused.items():
        if count:
            text += f", {group_digits(count)} are {word} and stay"
    if changed:
        text += "; Ctrl+Z undoes it"
    return f"{text}."
