"""Know a folder that this program wrote, and that nobody put anything into."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

CHUNKED = r"(zarr\.json|c(/\d+)*)"
"""Files of a zarr array, from the folder of the array."""
OLD_CHUNKED = r"(\.zarray|\.zattrs|\d+(/\d+)*)"
"""The same of zarr v2."""
OLD_LABEL_IMAGE = rf"(\.zgroup|\.zattrs|\d+/{OLD_CHUNKED})"
LABEL_IMAGE = rf"((probabilities/)?(zarr\.json|\d+/{CHUNKED})|{OLD_LABEL_IMAGE})"
"""Files of a label image, from its folder, and of the probabilities of its classes."""


def foreign_files(folder: Path, patterns: Sequence[str]) -> list[str]:
    """Return what is in a folder and has a name that this program does not write.

    Parameters
    ----------
    folder
        The folder.
    patterns
        Regular expressions of the files that it may hold, relative to it, with ``/``. A link is
        always foreign.

    Returns
    -------
    list of str
        Relative paths, sorted.
    """
    allowed = [re.compile(pattern) for pattern in patterns]
    found = []
    for root, folders, files in os.walk(folder):
        for name in [*files, *(n for n in folders if (Path(root) / n).is_symlink())]:
            path = Path(root) / name
            relative = path.relative_to(folder).as_posix()
            known = any(pattern.fullmatch(relative) for pattern in allowed)
            if path.is_symlink() or not known:
                found.append(relative)
    return sorted(found)


def list_files(names: Sequence[str], most: int = 3) -> str:
    """Return the first names in words, e.g. ``notes.txt, raw.tif and 4 more``."""
    shown = ", ".join(names[:most])
    if len(names) > most:
        return f"{shown} and {len(names) - most} more"
    return shown
