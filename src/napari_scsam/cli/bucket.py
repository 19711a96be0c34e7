"""An output that goes into a bucket: made on this computer, and uploaded when it is whole."""

from __future__ import annotations

import argparse
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from napari_scsam.cli.shared.parts import note, show
from napari_scsam.errors import PartlyDoneError, TakenError
from napari_scsam.io.locations import absolute_location, is_address
from napari_scsam.paths import staging_folder

if TYPE_CHECKING:
    from napari_scsam.io.remote.upload import Bucket


@contextmanager
def output_to_bucket(arguments: argparse.Namespace) -> Iterator[bool]:
    """Make a command write to the disk what is to go into a bucket, then upload it.

    Parameters
    ----------
    arguments
        With ``out``, ``resume`` and ``overwrite``. An address in ``out`` is replaced by a path,
        and ``bucket`` is set to it; else that is None.

    Yields
    ------
    bool
        Whether anything is left to do.

    Raises
    ------
    UserError
        When nothing can be written to the address.
    TakenError
        When there is something, and it is not to be replaced.
    """
    arguments.bucket = None
    if arguments.out is None or not is_address(str(arguments.out)):
        yield True
        return
    from napari_scsam.io.remote.upload import open_bucket

    bucket = open_bucket(absolute_location(str(arguments.out)))
    arguments.bucket = bucket.address
    staged = staging_of(bucket.address)
    arguments.out = staged
    if not _is_left(bucket, staged, arguments):
        yield False
        print(bucket.address)
        return
    note(
        f"scsam: a bucket cannot be resumed in place, so {staged} is written first, "
        "and uploaded when it is whole"
    )
    try:
        yield True
    except PartlyDoneError:
        if not _is_stopped(staged):
            _send(bucket, staged)
        raise
    _send(bucket, staged)


def staging_of(address: str) -> Path:
    """Return where an output is written that goes to an address; the same at each time."""
    digest = hashlib.blake2b(address.encode(), digest_size=6).hexdigest()
    return staging_folder() / f"{Path(address).stem}-{digest}.zarr"


def _is_left(bucket: Bucket, staged: Path, arguments: argparse.Namespace) -> bool:
    """Check that the address may be written; False when a resumed run already exists there."""
    if _is_begun(staged):
        if not (arguments.resume or arguments.overwrite):
            raise TakenError(
                f"a stopped run to {bucket.address} is on this computer; "
                "add --resume to continue it, or --overwrite to start again"
            )
        return True
    if arguments.overwrite or not bucket.is_taken():
        return True
    if not arguments.resume:
        raise TakenError(
            f"{bucket.address} exists; give another name, or --overwrite to replace it"
        )
    if not bucket.is_whole():
        return True
    note(f"scsam: {bucket.address} is finished, so nothing is left to do")
    return False


def _is_begun(staged: Path) -> bool:
    """Whether a run to an address was stopped, or its upload."""
    from napari_scsam.volume.instances.run_folder import InstanceFolder

    return staged.exists() or InstanceFolder(staged).path.exists()


def _send(bucket: Bucket, staged: Path) -> None:
    show(bucket.upload(staged))
    shutil.rmtree(staged)
    print(bucket.address)


def _is_stopped(staged: Path) -> bool:
    from napari_scsam.volume.writing.run_labels import find_stopped

    return find_stopped(staged) is not None
