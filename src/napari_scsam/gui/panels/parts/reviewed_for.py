"""A button that shows which classes a slice was reviewed for, and opens a list to change them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from napari_scsam.config import ClassSpec
from napari_scsam.gui.panels.parts.class_picker import MultipleClasses
from napari_scsam.gui.panels.parts.widgets import plain_tip
from napari_scsam.gui.words import list_names

FEW = 2
"""More names than these do not fit on the button."""

TIP = (
    "Tick the classes that you have looked at: {names}.\n"
    "Of the others, training takes nothing from this slice: they are unknown there."
)


class ReviewedFor(MultipleClasses):
    """Shows the classes of a review; a list opens in which they are ticked."""

    def __init__(self) -> None:
        super().__init__()
        self._listed: tuple[ClassSpec, ...] = ()

    def show_reviewed(
        self, classes: Sequence[ClassSpec], reviewed: Collection[int], *, done: bool
    ) -> None:
        """Show the classes of a review.

        Parameters
        ----------
        classes, reviewed
            All classes of the project, and ids of those that the slice is reviewed for.
        done
            Whether it is reviewed already; else it will be, when it is marked.
        """
        if tuple(classes) != self._listed:
            self._listed = tuple(classes)
            self.show_classes(classes)
        self.show_chosen([spec for spec in classes if spec.id in reviewed])
        begin = "Reviewed for" if done else "Will be reviewed for"
        self.setText(f"{begin}: {describe_classes(classes, reviewed, FEW)}  ")
        self.setToolTip(plain_tip(TIP.format(names=describe_classes(classes, reviewed))))


def describe_classes(
    classes: Sequence[ClassSpec], reviewed: Collection[int], few: int | None = None
) -> str:
    """Return the names of classes as a sentence lists them.

    Parameters
    ----------
    classes, reviewed
        All classes, and the ids of those to name.
    few
        More names than these are counted instead.
    """
    names = [spec.name for spec in classes if spec.id in reviewed]
    if len(names) == len(classes):
        return "all classes"
    if not names:
        return "no class"
    if few is not None and len(names) > few:
        return f"{len(names)} of {len(classes)} classes"
    return list_names(names)
