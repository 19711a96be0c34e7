"""Ctrl+S saves with the writer of the file type that is listed first, whatever name is typed.

napari 0.9 lists its own writer first, and no plugin can come before it: labels that are saved as
``.zarr`` end in a traceback of its TIFF writer. May go when napari lets the suffix choose.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import LayerList


def let_suffix_choose(layers: LayerList) -> None:
    """Make the suffix that is typed choose the writer; a second call does nothing."""
    original = layers.save
    if getattr(original, "suffix_chooses", False):
        return

    def save(path: Any, *, _writer: Any = None, **options: Any) -> list[str]:
        suffixes = getattr(_writer, "filename_extensions", ())
        if not may_write(suffixes, str(path)):
            _writer = None
        saved: list[str] = original(path, _writer=_writer, **options)
        return saved

    save.suffix_chooses = True  # type: ignore[attr-defined]
    layers.save = save


def may_write(suffixes: Sequence[str], path: str) -> bool:
    """Whether a writer of these suffixes may write a path; one without any writes all."""
    return not suffixes or not Path(path).suffix or path.lower().endswith(tuple(suffixes))
