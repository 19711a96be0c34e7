"""Teaching the network a class from the points and scribbles on the slice shown."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari.utils.notifications import show_info

from napari_scsam.config import ClassSpec, TaughtClass, UserError, class_to_teach
from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.jobs.one_object import TeachRequest, teach_steps
from napari_scsam.gui.layers.class_table import classes_of
from napari_scsam.gui.tools.accept import Accepting
from napari_scsam.gui.tools.one_object import Prompting
from napari_scsam.gui.tools.segment import Segmenting
from napari_scsam.gui.tools.write_labels import LabelsWriter

if TYPE_CHECKING:
    from napari_scsam.gui.jobs.engine import SliceRequest
    from napari_scsam.gui.session import Session

ONE_SIDED = (
    "Nothing was marked Outside. If too much is found, mark similar things as Outside "
    "and teach the class again; strokes add up."
)
NO_NAME = "the new class has no name; type one into the field next to Teach"


class Teaching:
    """Teaches classes in one viewer; made by ``session.part(Teaching)``."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._prompting = session.part(Prompting)

    def teach(self, name: str) -> None:
        """Learn a class from the points and scribbles on the slice shown."""
        session = self._session
        request = session.try_request(classes=True)
        if request is None or self._prompting.shown_plane() is None:
            return
        try:
            teach_request = self._read_strokes(request, self._spec_of(name.strip()))
        except UserError as error:
            session.report_error(error)
            return
        make = partial(teach_steps, session.engine, teach_request)
        session.jobs.submit(Job.TEACH, make, partial(self._on_taught, teach_request))

    def _read_strokes(self, request: SliceRequest, spec: ClassSpec) -> TeachRequest:
        """Return the request to learn a class.

        Raises
        ------
        UserError
            When the strokes do not mark the class. More strokes for a taught class may all be
            outside.
        """
        foreground, background = self._prompting.rasterize(request.plane)
        has_strokes = foreground.any() or (self._was_taught(spec) and background.any())
        if not has_strokes:
            raise UserError(f"nothing marks {spec.name!r}; scribble on some of its objects first")
        return TeachRequest(request, spec, foreground, background)

    def _spec_of(self, name: str) -> ClassSpec:
        """Return the class of a name.

        Raises
        ------
        UserError
            When the name is empty, or that of a class that the checkpoint was trained on: strokes
            would replace it.
        """
        choices = self._session.choices
        if not name:
            raise UserError(NO_NAME)
        info = choices.checkpoint
        if info is not None:
            trained = {s.name.casefold() for s in info.classes if s.name not in info.taught}
            if name.casefold() in trained:
                raise UserError(
                    f"{name!r} is a trained class of the checkpoint and would be lost; "
                    "choose another name"
                )
        labels = self._session.labels
        in_labels = classes_of(labels) if labels is not None else None
        return class_to_teach(name, choices.classes, in_labels or ())

    def _was_taught(self, spec: ClassSpec) -> bool:
        return any(known.spec == spec for known in self._session.choices.taught)

    def _on_taught(self, request: TeachRequest, taught: TaughtClass) -> None:
        session = self._session
        spec = taught.spec
        is_new = not self._was_taught(spec)
        session.choices.add_taught(taught)
        session.part(Accepting).choose_target(spec)
        session.status.emit(
            f"{spec.name} is in the list of classes now. "
            "Where it is wrong, draw more strokes and teach it again: strokes add up."
        )
        self._prompting.forget_marks(request.slice)
        session.part(LabelsWriter).note_embedded(request.slice)
        if self._prompting.shown_plane() == request.slice.plane:
            session.part(Accepting).output(request.slice)
        if is_new:
            self._advise(request, spec)
        # Last: the status of what is found replaces the one above.
        session.part(Segmenting).choose_classes((spec,))

    def _advise(self, request: TeachRequest, spec: ClassSpec) -> None:
        """Show what the user should know about a new class; it outlasts the status."""
        if not request.background.any():
            show_info(ONE_SIDED)
        if spec.overrides:
            others = " and ".join(spec.overrides)
            show_info(
                f"{spec.name} takes precedence over {others}, "
                "which the network found under its strokes."
            )
