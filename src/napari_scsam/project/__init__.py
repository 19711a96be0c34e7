"""The annotation project on disk, its review, and the training sets it exports.

The names that scripts use are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_scsam.project.project import Project, create_project
    from napari_scsam.project.start import open_project
    from napari_scsam.project.training_set import export_training_set

__all__ = ["Project", "create_project", "export_training_set", "open_project"]

_HOME = {
    "Project": "napari_scsam.project.project",
    "create_project": "napari_scsam.project.project",
    "export_training_set": "napari_scsam.project.training_set",
    "open_project": "napari_scsam.project.start",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
