"""What the record of a project says of classes that were added and deleted by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_scsam.project.reviewed_classes import LEGACY, every_class, recorded_classes

if TYPE_CHECKING:
    from napari_scsam.project.project import Project


def added_by_hand(project: Project) -> set[int]:
    """Return the ids of the classes that were added by hand."""
    return _ids_in_history(project, "added a class")


def ids_of_deleted(project: Project) -> set[int]:
    """Return ids that meant a class once: what was reviewed or predicted may still hold them."""
    reviewed = {number for ids in recorded_classes(project).values() for number in ids}
    return _ids_in_history(project, "deleted a class") | reviewed


def settle_reviews(project: Project) -> None:
    """Record which classes earlier reviews are for, before there is another class.

    A review without a record is for every class; of a class that is new, it says nothing.
    """
    if not project.read_only and not recorded_classes(project):
        project.update(reviewed_classes={str(LEGACY): every_class(project)})


def forget_review_of(project: Project, class_id: int) -> None:
    """Remove a class from what slices were reviewed for."""
    recorded = recorded_classes(project)
    if project.read_only or not any(class_id in ids for ids in recorded.values()):
        return
    kept = {
        str(number): tuple(each for each in ids if each != class_id)
        for number, ids in recorded.items()
    }
    project.update(reviewed_classes=kept)


def _ids_in_history(project: Project, what: str) -> set[int]:
    entries = [entry for entry in project.record.history if entry.get("what") == what]
    return {int(entry["id"]) for entry in entries if isinstance(entry.get("id"), int)}
