"""Wait until the files of an array are on disk."""

from __future__ import annotations

from pathlib import Path

from napari_scsam.atomic import sync


def sync_files(folder: Path, names: tuple[str, ...], above: Path) -> None:
    """Wait until files of a folder, and the folders up to `above`, are on disk."""
    folders = {folder, *(parent for name in names for parent in (folder / name).parents)}
    for path in [*(folder / name for name in names), *sorted(folders, reverse=True)]:
        if path.exists() and path.is_relative_to(above):
            sync(path)
