"""A folder for what is needed while a table is made; those of killed runs are removed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

SUFFIX = ".work"
LOCK = ".lock"
"""File in it that its process holds; the system frees it when that is killed."""


@contextmanager
def work_folder(prefix: str, folder: Path | None) -> Iterator[Path]:
    """Create a temporary folder, and remove those of killed processes with the same prefix.

    Parameters
    ----------
    prefix
        How its name begins.
    folder
        Where it is; the system's folder of temporary files when not given.
    """
    if folder is not None and folder.is_dir():
        for left in folder.glob(f"{prefix}*{SUFFIX}"):
            if not _is_used(left):
                shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(SUFFIX, prefix, folder) as name:
        lock = FileLock(Path(name) / LOCK)
        with lock:
            yield Path(name)


def _is_used(folder: Path) -> bool:
    """Whether a process works in a folder."""
    if not (folder / LOCK).exists():
        return False
    try:
        with FileLock(folder / LOCK, timeout=0):
            return False
    except Timeout:
        return True
