"""Replace files and folders so that a crash at any moment loses neither the old nor the new.

A draft is written into the folder of its target, under the name ``.NAME.PID.part``. The draft is
complete and on disk before it takes the place of the target.

A file takes that place in one step (``rename``). So does a folder where the system can exchange two
names (Linux: ``renameat2`` with ``RENAME_EXCHANGE``). Elsewhere the old folder is first renamed to
``.NAME.PID.old``. A process that is killed just then leaves no folder at the target; the next
`replacing_folder` or `finish_replacing` completes the replacement.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from napari_scsam.drafts import (
    draft_path,
    is_empty,
    is_marked,
    leftovers_of,
    mark_draft,
    remove_marked,
    remove_stale_drafts,
    try_to_remove_marked,
    unmark_draft,
)

_RENAME_EXCHANGE = 2
_AT_FDCWD = -100
_NO_FOLDER_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield the path of a draft, and move the draft to `path` when the block ends well.

    Parameters
    ----------
    path
        The file to create or replace. Its folder must exist. A link to a file stays; the file that
        it leads to is replaced.

    Raises
    ------
    OSError
        When the file cannot be written, or `path` is a link to what is not there; the error names
        `path`. The old file is unchanged, unless the error came from writing the folder itself.
    """
    path = Path(path)
    if leads_nowhere(path):
        raise FileExistsError(errno.EEXIST, "a link to what is not there", str(path))
    if path.is_symlink():
        path = Path(os.path.realpath(path))
    draft = draft_path(path)
    remove_stale_drafts(path)
    with _errors_name(path, draft):
        try:
            yield draft
            sync(draft)
            os.replace(draft, path)  # noqa: PTH105 - tests fail each call of os
            sync(path.parent)
        finally:
            with suppress(OSError):  # the folder itself may be what cannot be changed
                draft.unlink(missing_ok=True)


def leads_nowhere(path: Path) -> bool:
    """Whether a path is a link to what is not there, such as a share that is not mounted."""
    return path.is_symlink() and not path.exists()


@contextmanager
def replacing_folder(path: Path, ours: Callable[[Path], bool]) -> Iterator[Path]:
    """Yield the path of an empty draft folder, and put it at `path` when the block ends well.

    Parameters
    ----------
    path
        The folder to create or replace. Its parent must exist.
    ours
        Whether a folder was written by this program; asked of the old folder. An empty folder may
        always be replaced.

    Raises
    ------
    FileExistsError
        When there is a file at `path`, or a folder that is not ours.
    OSError
        When the folder cannot be written; the error names `path`, and the old folder is unchanged.
    """
    path = Path(path)
    draft = draft_path(path)
    _finish(path, own=True)
    _refuse_foreign(path, ours)
    with _errors_name(path, draft):
        try:
            draft.mkdir()
            mark_draft(draft)
            yield draft
            sync_tree(draft)
            _refuse_foreign(path, ours)  # somebody may have put something there meanwhile
            _put_in_place(draft, path)
        finally:
            try_to_remove_marked(draft)


def finish_replacing(path: Path) -> None:
    """Complete a replacement of the folder `path` that a killed process left half done.

    Costs one listing of the parent folder. A replacement that runs right now is left alone, and a
    folder that cannot be changed stays as it is.
    """
    with suppress(OSError):
        _finish(Path(path), own=False)


def exchange_folders(one: Path, other: Path) -> None:
    """Exchange two folders of one parent, in one step where the system can.

    Elsewhere a killed process may leave `other` under another name: its `draft_path` with the
    suffix ``.old``. `finish_replacing` renames it back.
    """
    if not _exchange(one, other):
        aside = draft_path(other).with_suffix(".old")
        _move_through(one, other, aside)
        os.rename(aside, one)  # noqa: PTH104
    sync(other.parent)


def sync(path: Path) -> None:
    """Wait until a file, or the list of names in a folder, is on disk."""
    folder = path.is_dir()
    if folder and sys.platform == "win32":  # Windows opens no folders
        return
    writable = os.O_RDWR if sys.platform == "win32" else os.O_RDONLY
    number = os.open(path, writable)
    try:
        os.fsync(number)
    except OSError as error:
        if not (folder and error.errno in _NO_FOLDER_SYNC):
            raise
    finally:
        os.close(number)


def sync_tree(folder: Path) -> None:
    """Wait until everything in a folder is on disk."""
    found = [Path(root) / name for root, _, names in os.walk(folder) for name in names]
    found += [Path(root) for root, _, _ in os.walk(folder)]
    # A journal writes what several threads wait for at once.
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(sync, found))


@contextmanager
def _errors_name(path: Path, draft: Path) -> Iterator[None]:
    """Make errors of the system name the file that the user knows, not its draft."""
    try:
        yield
    except OSError as error:
        told = tuple(
            a.replace(draft.name, path.name) if isinstance(a, str) else a for a in error.args
        )
        error.args = told
        for name in ("filename", "filename2"):
            shown = getattr(error, name, None)
            if shown is not None:
                setattr(error, name, os.fsdecode(shown).replace(draft.name, path.name))
        if error.errno is not None and error.filename is None:
            error.filename = str(path)  # a full disk names no file
        raise


def _refuse_foreign(path: Path, ours: Callable[[Path], bool]) -> None:
    if not os.path.lexists(path):
        return
    if path.is_dir() and not path.is_symlink() and (is_empty(path) or ours(path)):
        return
    raise FileExistsError(errno.EEXIST, "not written by this program", str(path))


def _put_in_place(draft: Path, path: Path) -> None:
    """Put a finished, marked draft at `path`, and remove what was there."""
    if not path.exists():
        os.rename(draft, path)  # noqa: PTH104
        sync(path.parent)
        unmark_draft(path)
        return
    aside = draft
    if not _exchange(draft, path):
        aside = draft.with_suffix(".old")
        _move_through(draft, path, aside)
    sync(path.parent)
    with suppress(OSError):  # the new folder is in place; the next call removes the old one
        mark_draft(aside)  # the new one keeps its mark until the old one has it
        unmark_draft(path)
    try_to_remove_marked(aside)


def _move_through(draft: Path, path: Path, aside: Path) -> None:
    """Rename the old folder out of the way and the new one in; back again if that fails."""
    os.rename(path, aside)  # noqa: PTH104
    try:
        os.rename(draft, path)  # noqa: PTH104
    except BaseException:
        os.rename(aside, path)  # noqa: PTH104
        raise


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False where the system or the disk cannot."""
    if sys.platform != "linux":
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)  # glibc 2.28 has it
    if rename is None:
        return False
    paths = (_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other))
    return bool(rename(*paths, _RENAME_EXCHANGE) == 0)


def _finish(path: Path, *, own: bool) -> None:
    if re.fullmatch(r"\..+\.\d+\.part", path.name):  # a draft, which has a mark of its own
        return
    left = [leftover for leftover in leftovers_of(path) if leftover.abandoned(own)]
    olds = [leftover.path for leftover in left if leftover.old]
    if olds and not path.exists():
        draft = olds[0].with_suffix(".part")
        if is_marked(draft):  # it was complete before the old folder was renamed
            os.rename(draft, path)  # noqa: PTH104
        else:
            os.rename(olds[0], path)  # noqa: PTH104
    if is_marked(path):  # the new one; what has its process number and no mark is the old one
        for leftover in left:
            if leftover.path.is_dir() and not is_marked(leftover.path):
                mark_draft(leftover.path)
        unmark_draft(path)
    for leftover in left:
        if leftover.of_this_machine():
            remove_marked(leftover.path)
        elif leftover.path.is_dir() and is_empty(leftover.path):  # killed before it was marked
            leftover.path.rmdir()
