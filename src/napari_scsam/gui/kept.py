"""Short lists of words that are the same tomorrow: one small file each in the user's folder."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import platformdirs


def kept_file(name: str) -> Path:
    """Say where a list lies."""
    return Path(os.environ.get("NAPARI_SCSAM_USER") or platformdirs.user_data_path("napari-scsam")) / f"{name}.json"


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
    draft = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(list(words)), encoding="utf-8")
        draft.replace(file)
    except OSError:
        with suppress(OSError):  # the folder itself may be what cannot be written
            draft.unlink(missing_ok=True)
