"""One process at a time writes an output: two at once would mix their slices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from napari_scsam.config import UserError


def lock_of(out: Path, *, into: bool = False) -> Path:
    """Return the lock file of an output, beside it; of labels in an image, in the image."""
    if into and out.is_dir():
        return out / ".scsam.lock"
    return out.with_name(f".{out.name}.lock")


@contextmanager
def only_writer(out: Path, lock_file: Path) -> Iterator[None]:
    """Keep other processes away from an output; the system frees it when this one is killed.

    The folder of the lock is created; if nothing is written into it, it is removed at the end.

    Parameters
    ----------
    out
        The output, for the message.
    lock_file
        From `lock_of`. Where it cannot be created, nothing is locked: no output can be written
        there either, and that error says why.

    Raises
    ------
    UserError
        When another process, or another run of this one, writes it.
    """
    created = [folder for folder in lock_file.parents if not folder.exists()]
    lock = FileLock(lock_file, thread_local=False)
    try:
        lock_file.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UserError(f"another process is writing {out}; wait until it has ended") from error
    except (NotImplementedError, OSError):  # a disk without locks, or one that is read-only
        pass
    try:
        yield
    finally:
        if lock.is_locked:
            with suppress(OSError):
                lock_file.unlink()
            lock.release()
        for folder in created:
            with suppress(OSError):
                folder.rmdir()
