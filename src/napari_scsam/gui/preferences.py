"""What is kept between two windows: short lists of words, one JSON file each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from napari_scsam.atomic import replacing
from napari_scsam.paths import preferences_folder

RECENT = "recent_projects"
"""Name of the list."""

MAX_RECENT = 8
"""Most projects in the list."""


def kept_file(name: str) -> Path:
    """Say where a list lies."""
    return preferences_folder() / f"{name}.json"


def read_kept(name: str) -> list[str]:
    """Read a list; an empty one when there is none, or it is damaged."""
    try:
        listed = json.loads(kept_file(name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [word for word in listed if isinstance(word, str)] if isinstance(listed, list) else []


def keep(name: str, words: Sequence[str]) -> None:
    """Write a list; one that cannot be written is no loss."""
    file = kept_file(name)
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as draft:
            draft.write_text(json.dumps(list(words)), encoding="utf-8")


def recent_projects() -> list[Path]:
    """List those that are still there."""
    return [path for path in map(Path, read_kept(RECENT)) if path.is_dir()]


def remember_project(path: Path) -> None:
    """Put a project first."""
    path = path.absolute()
    listed = [path, *(other for other in recent_projects() if other != path)][:MAX_RECENT]
    keep(RECENT, [str(p) for p in listed])
