"""The projects that were open last, newest first; one short file in the user's folder."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

import platformdirs

KEPT = 8


def recent_file() -> Path:
    """Say where the list lies."""
    return Path(os.environ.get("NAPARI_SCSAM_RECENT") or platformdirs.user_data_path("napari-scsam") / "recent_projects.json")


def recent_projects() -> list[Path]:
    """List those that are still there."""
    try:
        listed = json.loads(recent_file().read_text(encoding="utf-8"))
        return [Path(path) for path in listed if Path(path).is_dir()]
    except (OSError, ValueError, TypeError):
        return []


def remember_project(path: Path) -> None:
    """Put a project first; a list that cannot be written is no loss."""
    path = path.absolute()
    listed = [path, *(other for other in recent_projects() if other != path)][:KEPT]
    file = recent_file()
    draft = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps([str(p) for p in listed]), encoding="utf-8")
        draft.replace(file)
    except OSError:
        with suppress(OSError):  # the folder itself may be what cannot be written
            draft.unlink(missing_ok=True)
