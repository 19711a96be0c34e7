"""The projects that were open last, newest first."""

from __future__ import annotations

from pathlib import Path

from napari_scsam.gui.kept import keep, read_kept

RECENT = "recent_projects"
"""Name of the list."""

KEPT = 8


def recent_projects() -> list[Path]:
    """List those that are still there."""
    return [path for path in map(Path, read_kept(RECENT)) if path.is_dir()]


def remember_project(path: Path) -> None:
    """Put a project first."""
    path = path.absolute()
    listed = [path, *(other for other in recent_projects() if other != path)][:KEPT]
    keep(RECENT, [str(p) for p in listed])
