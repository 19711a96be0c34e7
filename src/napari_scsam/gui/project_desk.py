"""Connects the panels for project, review, training and export to the session of a viewer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from napari_scsam.gui.layers.class_table import classes_of
from napari_scsam.gui.panels.export import ExportPanel
from napari_scsam.gui.panels.parts.class_map_dialog import ClassMapDialog
from napari_scsam.gui.panels.parts.slice_strip import SliceStrip
from napari_scsam.gui.panels.project import ProjectPanel
from napari_scsam.gui.panels.review import ReviewPanel, describe_slices
from napari_scsam.gui.panels.train import TrainPanel
from napari_scsam.gui.preferences import recent_projects
from napari_scsam.gui.project.damages import ProjectDamages
from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.project.model import ProjectModel
from napari_scsam.gui.tools.files.export import Exporting
from napari_scsam.gui.tools.files.save_labels import SavingLabels
from napari_scsam.gui.tools.review import Reviewing
from napari_scsam.gui.tools.slice_marks import SliceMarks
from napari_scsam.gui.tools.train import ProjectTraining
from napari_scsam.gui.words import as_sentence
from napari_scsam.project.image_labels import may_hold_labels

if TYPE_CHECKING:
    from napari_scsam.config import ClassSpec
    from napari_scsam.gui.links import Links
    from napari_scsam.gui.session import Session


class ProjectDesk:
    """The four panels and the strip of slices, connected to their tools."""

    def __init__(self, session: Session, links: Links, review_key: str, suggested_key: str) -> None:
        self.keeper = session.part(ProjectKeeper)
        self.reviewing = session.part(Reviewing)
        self.training = session.part(ProjectTraining)
        self.exporting = session.part(Exporting)
        self.damages = session.part(ProjectDamages)
        session.part(ProjectModel)
        self.project = ProjectPanel()
        self.review = ReviewPanel(review_key, suggested_key)
        self.strip = SliceStrip()
        self.marks = session.part(SliceMarks)
        self.train = TrainPanel()
        self.export = ExportPanel()
        self._session = session
        self._connect_panels()
        links.add(session.choices.image_changed, self.show_image)
        links.add(session.outputs.used, self._show_possible)
        links.add(self.keeper.changed, self.show_project)
        links.add(session.choices.image_changed, self.show_review)
        links.add(self.keeper.changed, self.show_review)
        links.add(session.choices.checkpoint_changed, self.show_review)
        links.add(session.choices.checkpoint_changed, self.show_training)
        links.add(self.keeper.image_missed, self.project.ask_for_image)
        links.add(self.keeper.image_changed, self.project.ask_about_changed_image)
        links.add(self.damages.changed, self.show_damage)
        links.add(self.reviewing.changed, self.show_review)
        links.add(self.marks.changed, self.show_review)
        if session.viewer is not None:
            links.add(session.viewer.dims.events.current_step, self._show_slice)
            links.add(session.viewer.layers.events.removed, self._show_possible)
        links.add(self.training.changed, self.show_training)
        links.add(self.training.heard, self.train.show_message)
        links.add(self.exporting.replace_asked, self._ask_to_replace)
        links.add(self.exporting.map_asked, self._ask_for_map)
        self.show_image()
        self.show_project()
        self.show_damage()
        self.show_review()
        self.show_training()

    def show_image(self) -> None:
        """Propose the chosen image's name for a new project."""
        image = self._session.choices.image
        if image is None:
            self.project.propose("")
        else:
            self.project.propose(image.name)
        self._show_possible()

    def _show_possible(self, *_: object) -> None:
        """Offer what can be done with the chosen image."""
        session = self._session
        image = session.choices.image is not None
        self.project.show_possible(image=image, labels=session.labels is not None)

    def show_project(self) -> None:
        """Show the project and whether it is saved."""
        project = self.keeper.project
        path = project.path if project is not None else None
        self.project.show_project(path, self.keeper.saver.state)
        self.project.show_recent(recent_projects())
        takes_labels = project is None or may_hold_labels(project)
        self.export.show_ready(ready=project is not None, takes_labels=takes_labels)

    def show_damage(self) -> None:
        """Show what of the project cannot be read."""
        self.project.show_damage([damage.sentence for damage in self.damages.found])

    def show_review(self) -> None:
        """Show the progress of the review."""
        reviewing = self.reviewing
        classes = self._classes()
        there = self.keeper.project is not None
        position = reviewing.position if there else -1
        obstacle = as_sentence(reviewing.obstacle)
        self.review.show_progress(
            reviewing.depth,
            position,
            reviewing.slices,
            classes,
            there=there,
            obstacle=obstacle,
            reviewed_for=reviewing.classes_shown,
            meanings=reviewing.meanings,
        )
        self.export.show_reviewed(reviewed=any(one.reviewed for one in reviewing.slices.values()))
        self._show_strip(classes, position, there=there)

    def _show_slice(self) -> None:
        """Show the slice that the slider is at; what is counted in it follows a little later."""
        if self.keeper.project is None:
            return
        position = self.reviewing.position
        self.review.show_slice(self.reviewing.slices.get(position))
        self.strip.show_position(position)

    def _show_strip(self, classes: Sequence[ClassSpec], position: int, *, there: bool) -> None:
        reviewing = self.reviewing
        slices = reviewing.slices
        shares = {z: one.share for z, one in slices.items() if one.found or one.reviewed}
        notes = describe_slices(slices, classes, reviewing.meanings)
        self.strip.setVisible(there and reviewing.depth > 1)
        self.strip.setEnabled(there and not reviewing.obstacle)
        self.strip.show_slices(reviewing.depth, position, shares, notes)
        self.strip.show_marks(self.marks.suggested, self.marks.running)

    def show_training(self) -> None:
        """Show what can be trained on, and how far the training is."""
        training = self.training
        classes = self._classes()
        self.train.show_colours(classes)
        self.train.show_phase(training.phase, training.outcome, training.trouble)
        self.train.show_plan(
            training.plan, classes, training.minutes, training.obstacle, training.place
        )

    def _connect_training(self) -> None:
        panel = self.train
        training = self.training
        panel.start_asked.connect(training.start)
        panel.pause_asked.connect(training.pause)
        panel.resume_asked.connect(training.resume)
        panel.cancel_asked.connect(training.cancel)
        panel.drop_asked.connect(training.drop)
        panel.use_asked.connect(training.use)
        panel.minutes_changed.connect(training.set_minutes)
        panel.classes_picked.connect(training.choose)

    def _connect_panels(self) -> None:
        self._connect_training()
        self.project.new_asked.connect(self.keeper.new)
        self.project.open_asked.connect(self.keeper.open)
        self.project.copy_asked.connect(self.keeper.save_as)
        self.project.image_shown.connect(self.keeper.open)
        self.project.image_accepted.connect(self.keeper.accept_image)
        self.project.image_attached.connect(self.keeper.accept_image)
        self.project.damage.give_up_asked.connect(self.damages.give_up)
        self.project.damage.restore_asked.connect(self.damages.restore)
        self.project.labels_asked.connect(self._session.part(SavingLabels).save)
        self.review.slice_marked.connect(self.reviewing.mark_slice)
        self.review.rectangle_marked.connect(self.reviewing.mark_rectangle)
        self.strip.picked.connect(self.reviewing.go_to)
        self.review.suggestion_asked.connect(self.marks.go_to_next)
        self.review.classes_picked.connect(self.reviewing.review_for)
        self.export.export_asked.connect(self.exporting.export)
        self.export.into_image_asked.connect(self.exporting.into_image)
        self.export.import_asked.connect(self.exporting.bring)

    def _ask_to_replace(self, name: str) -> None:
        if self.export.may_replace(f"'{name}' in labels/ of the image"):
            self.exporting.into_image(replace=True)

    def _ask_for_map(self, values: Sequence[int], guess: Mapping[int, int]) -> None:
        dialog = ClassMapDialog(values, guess, self._classes(), self.export)
        if dialog.exec():
            self.exporting.import_as(dialog.mapping)

    def _classes(self) -> tuple[ClassSpec, ...]:
        """Return the classes of the project's labels."""
        labels = self.keeper.labels
        if labels is None:
            return ()
        order = [spec.id for spec in self._session.choices.classes]
        place = {number: index for index, number in enumerate(order)}
        table = classes_of(labels) or ()
        return tuple(sorted(table, key=lambda spec: place.get(spec.id, len(place))))
