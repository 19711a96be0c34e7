"""Whether a file that a checkpoint would replace is one of ours."""

from __future__ import annotations

import os
from pathlib import Path

from napari_scsam.checkpoints.formats import check_not_newer
from napari_scsam.config import UserError


def check_replaceable(path: Path) -> None:
    """Check that there is nothing at a path but a checkpoint that this program wrote.

    Raises
    ------
    UserError
        When a folder, a file of another program or a checkpoint of a newer version is there. These
        are never replaced.
    """
    if not os.path.lexists(path) or (path.is_file() and path.stat().st_size == 0):
        return
    if not (path.is_file() and _is_ours(path)):
        raise UserError(
            f"{path} is not a checkpoint of napari-scsam, so it is not replaced; "
            "choose another name, or move it away"
        )


def _is_ours(path: Path) -> bool:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            metadata: dict[str, str] = file.metadata() or {}
    except (SafetensorError, OSError, ValueError):
        return False
    check_not_newer(path, metadata.get("format"))
    return metadata.get("format", "").startswith("napari-scsam ")
