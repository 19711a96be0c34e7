"""Adding, renaming, recolouring, describing, ordering and deleting classes by hand."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.layers.class_pixels import clear_steps, count_steps, holds
from napari_scsam.gui.layers.locks import locked_labels
from napari_scsam.gui.own_classes import check_name, free_id, key_of
from napari_scsam.gui.project.class_record import (
    added_by_hand,
    forget_review_of,
    ids_of_deleted,
    settle_reviews,
)
from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.project.label_table import LabelTable
from napari_scsam.gui.project.strokes import StrokeStore
from napari_scsam.gui.tools.teach import Teaching
from napari_scsam.gui.tools.undo import Undoing
from napari_scsam.gui.words import capitalized, count_of

if TYPE_CHECKING:
    from napari_scsam.gui.session import Session


class EditingClasses:
    """The verbs behind the class manager; made by ``session.part(EditingClasses)``.

    A class keeps its id, its label value, whatever it is called. The class table of the labels
    layer holds every change, so changes are saved with labels and project.
    """

    refused = Signal(str)
    """A sentence on why a change was not made; empty when one was made."""
    deletion_asked = Signal(object, int)
    """A class to delete, and how many pixels it has."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._choices = session.choices
        self._table = session.part(LabelTable)
        self._keeper = session.part(ProjectKeeper)
        self._teaching = session.part(Teaching)
        self._store = session.part(StrokeStore)
        self._added: set[int] = set()
        """Ids of the classes that were added in this window."""
        session.part(Undoing).stepped.connect(self._table.bring_back)

    # Adding and changing

    def add(self, name: str) -> None:
        """Add a class with a free id, and work on it; the network does not segment it."""
        try:
            self._check_changeable()
            wanted = name.strip()
            check_name(wanted, self._choices.classes)
            spec = ClassSpec(self._free_id(), wanted)
            self._begin_labels()
        except UserError as error:
            self._refuse(error)
            return
        project = self._keeper.project
        if project is not None:
            settle_reviews(project)
            self._keeper.saver.log("added a class", id=spec.id, name=spec.name)
        self._added.add(spec.id)
        self._table.change(spec)
        self._choices.work_on(spec)
        self.refused.emit("")
        self._session.status.emit(f"{capitalized(spec.name)} can be painted, or taught by strokes.")

    def rename(self, spec: ClassSpec, name: str) -> None:
        """Rename a class; its label value and what the network knows of it stay."""
        wanted = name.strip()
        if wanted == spec.name:
            return
        others = [known for known in self._choices.classes if known.id != spec.id]
        try:
            self._check_changeable()
            check_name(wanted, others)
        except UserError as error:
            self._refuse(error)
            return
        known_as = spec.known_as
        if wanted == known_as or not self._is_linked(spec):
            known_as = ""
        self._change(replace(spec, name=wanted, renamed_from=known_as))

    def recolour(self, spec: ClassSpec, colour: str) -> None:
        """Change the colour of a class, ``#rrggbb``."""
        self._change(replace(spec, colour=colour))

    def describe(self, spec: ClassSpec, text: str) -> None:
        """Change the description of a class."""
        self._change(replace(spec, description=text.strip()))

    def move(self, spec: ClassSpec, by: int) -> None:
        """Move a class some places down in the list; up where `by` is negative."""
        order = [known.id for known in self._choices.classes]
        if spec.id not in order:
            return
        place = order.index(spec.id)
        order.pop(place)
        order.insert(max(0, place + by), spec.id)
        self._choices.set_order(order)

    def _change(self, spec: ClassSpec) -> None:
        if self._choices.current(spec) != spec:
            self._table.change(spec)
        self.refused.emit("")

    def _is_linked(self, spec: ClassSpec) -> bool:
        """Whether a network or strokes may know a class by its present name."""
        project = self._keeper.project
        by_hand = spec.id in self._added or (
            project is not None and spec.id in added_by_hand(project)
        )
        knows = self._choices.can_segment(spec) or bool(self._store.keys(spec.known_as))
        return bool(spec.renamed_from) or knows or not by_hand

    def _free_id(self) -> int:
        """Return an id that means nothing: in lists, in labels, and in earlier reviews."""
        taken = {spec.id for spec in (*self._choices.classes, *self._table.ids_in_use())}
        project = self._keeper.project
        if project is not None:
            taken |= ids_of_deleted(project)
        layer = self._session.labels
        largest = np.iinfo(np.int32).max
        if layer is not None:
            largest = min(largest, int(np.iinfo(layer.data.dtype).max))
        number = free_id(taken, largest)
        while layer is not None and holds(layer, number):  # painted, and of no class
            taken.add(number)
            number = free_id(taken, largest)
        return number

    def _begin_labels(self) -> None:
        """Show a labels layer for the chosen image, to paint in, where there is none yet."""
        session = self._session
        image = self._choices.image
        viewer = session.viewer
        if image is None or viewer is None or session.labels is not None:
            return
        with suppress(UserError):  # an image that cannot be worked on gets none
            session.request()
            session.about_to_write.emit(image)
            classes = self._choices.classes or (ClassSpec(1, "organelle"),)
            session.outputs.for_image(viewer, image, classes)

    # Deleting

    def ask_to_delete(self, spec: ClassSpec) -> None:
        """Count the pixels of a class, and ask whether to delete it with them."""
        try:
            self._check_deletable(spec)
        except UserError as error:
            self._refuse(error)
            return
        self._session.jobs.run_in_event_loop(self._ask_steps(spec))

    def delete(self, spec: ClassSpec) -> None:
        """Delete a class, its strokes and its pixels; undo brings both back."""
        self._stop_work_on(spec)
        self._session.jobs.run_in_event_loop(self._delete_steps(spec), atomic=True)

    def _check_deletable(self, spec: ClassSpec) -> None:
        self._check_changeable()
        info = self._choices.checkpoint
        layer = self._session.labels
        if info is not None and key_of(spec) in {key_of(known) for known in info.classes}:
            raise UserError(f"the network knows {spec.name}, so it stays; move it to the end")
        if layer is not None and spec.id in locked_labels(layer):
            raise UserError(f"{spec.name} is locked; unlock it under Correct first")
        if len(self._choices.classes) == 1:
            raise UserError("labels need at least one class; add another one first")

    def _check_changeable(self) -> None:
        project = self._keeper.project
        if project is not None and project.read_only:
            raise UserError(project.read_only)

    def _ask_steps(self, spec: ClassSpec) -> Generator[None, None, None]:
        layer = self._session.labels
        pixels = 0
        if layer is not None:
            pixels = yield from count_steps(layer, spec.id)
        if pixels:
            self.deletion_asked.emit(spec, pixels)
        else:
            self.delete(spec)

    def _delete_steps(self, spec: ClassSpec) -> Generator[None, None, None]:
        layer = self._session.labels
        pixels = 0
        if layer is not None:
            pixels = yield from clear_steps(layer, spec.id)
        project = self._keeper.project
        if project is not None:
            forget_review_of(project, spec.id)
            self._keeper.saver.log("deleted a class", id=spec.id, name=spec.name, pixels=pixels)
        self._table.remove(spec)
        self.refused.emit("")
        text = f"{capitalized(spec.name)} is deleted"
        if pixels:
            gone = count_of(pixels, "pixel")
            text = f"{text}, with {gone}; Ctrl+Z brings both back"
        self._session.status.emit(f"{text}.")

    def _stop_work_on(self, spec: ClassSpec) -> None:
        """Stop what would write or teach the class after it is gone."""
        state = self._teaching.state
        names = {key_of(known) for known in state.taught}
        if state.active and state.spec is not None:
            names.add(key_of(state.spec))
        if key_of(spec) in names or self._store.keys(spec.known_as):
            self._teaching.forget(spec.name)
        if self._choices.active == spec and self._session.jobs.busy(Job.PROPAGATE):
            self._session.jobs.cancel(Job.PROPAGATE)

    def _refuse(self, error: UserError) -> None:
        self.refused.emit(str(error))
