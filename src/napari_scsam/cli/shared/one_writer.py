"""One process at a time writes what a command writes."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from napari_scsam.errors import UserError
from napari_scsam.paths import comparable_path

OUTPUTS = ("out", "json", "contacts", "meshes", "onnx", "bioimageio")
"""Options that name what is written."""


@contextmanager
def alone_at_outputs(arguments: argparse.Namespace) -> Iterator[None]:
    """Keep other processes away from all that a command writes.

    Commands that can be resumed keep them away themselves.

    Raises
    ------
    UserError
        When another process writes one of the outputs.
    """
    from napari_scsam.volume.writing.only_writer import lock_of, only_writer

    with ExitStack() as held:
        for path in outputs_of(arguments):
            held.enter_context(only_writer(path, lock_of(path)))
        yield


def outputs_of(arguments: argparse.Namespace) -> list[Path]:
    """Return what a command writes, each place once; not what lies in an image, which is refused."""
    if getattr(arguments, "locks_itself", False):
        return []
    makes = not getattr(arguments, "needs_folder", False)
    named = {name: getattr(arguments, name, None) for name in OUTPUTS}
    places = {
        comparable_path(path): path
        for name, path in named.items()
        if isinstance(path, Path) and _may_be_written(path, may_lack_folder=makes and name == "out")
    }
    return list(places.values())


def _may_be_written(path: Path, *, may_lack_folder: bool) -> bool:
    """Whether a path is outside of images, and its folder exists or is created."""
    from napari_scsam.io.contents import check_outside

    if not may_lack_folder and not path.absolute().parent.is_dir():
        return False
    try:
        check_outside(path)
    except UserError:
        return False
    return True
