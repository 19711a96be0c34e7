"""Connects the class manager to the session of a viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_scsam.gui.panels.parts.class_editor import ClassEditor
from napari_scsam.gui.tools.classes.edit_classes import EditingClasses

if TYPE_CHECKING:
    from napari_scsam.config import ClassSpec
    from napari_scsam.gui.links import Links
    from napari_scsam.gui.panels.class_bar import ClassBar
    from napari_scsam.gui.session import Session


class ClassDesk:
    """The class manager; its window is created when it is opened first.

    Parameters
    ----------
    session, links
        Of the widget.
    bar
        Its button opens the window.
    """

    def __init__(self, session: Session, links: Links, bar: ClassBar) -> None:
        self._session = session
        self._bar = bar
        self.editing = session.part(EditingClasses)
        self.editor: ClassEditor | None = None
        bar.edit_asked.connect(self.open)
        links.add(session.choices.checkpoint_changed, self._show)
        links.add(session.choices.choices_changed, self._show)
        links.add(self.editing.refused, self._show_trouble)
        links.add(self.editing.deletion_asked, self._ask)

    def open(self) -> None:
        """Open the window on the class that is worked on."""
        if self.editor is None:
            self.editor = self._make()
        self._show()
        self._show_trouble("")
        self.editor.select(self._session.choices.active)
        self.editor.show()
        self.editor.raise_()

    def _make(self) -> ClassEditor:
        editor = ClassEditor(self._bar)
        editing = self.editing
        editor.add_asked.connect(editing.add)
        editor.rename_asked.connect(editing.rename)
        editor.recolour_asked.connect(editing.recolour)
        editor.describe_asked.connect(editing.describe)
        editor.move_asked.connect(editing.move)
        editor.delete_asked.connect(editing.ask_to_delete)
        return editor

    def _show(self) -> None:
        if self.editor is not None:
            choices = self._session.choices
            segmented = [spec.id for spec in choices.classes if choices.can_segment(spec)]
            self.editor.show_classes(choices.classes, segmented)

    def _show_trouble(self, text: str) -> None:
        if self.editor is not None:
            self.editor.show_trouble(text)

    def _ask(self, spec: ClassSpec, pixels: int) -> None:
        if self.editor is None or self.editor.may_delete(spec.name, pixels):
            self.editing.delete(spec)
