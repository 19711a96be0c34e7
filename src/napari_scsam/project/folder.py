"""The folder of an open project: held for one window, repaired, and checked before each write."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from napari_scsam.atomic import finish_replacing
from napari_scsam.config import UserError
from napari_scsam.io.saved.anchored_store import MissingStoreError
from napari_scsam.project.holder import Holder
from napari_scsam.project.record import is_newer, read_only_reason, read_record
from napari_scsam.project.repair import has_record, repair_metadata

HALF_WRITTEN = ("*.partial", ".*.part")
"""Names of files that a killed process was writing."""


class ProjectFolder:
    """Holds the folder of a project; `release` it to let others open it.

    A project that a newer version wrote is not held, and nothing in it is changed.

    Parameters
    ----------
    path
        The folder.

    Raises
    ------
    UserError
        When it is not a project, cannot be repaired, or is open elsewhere.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.read_only = ""
        """Why it cannot be changed, as a sentence; empty when it can."""
        self.repaired: tuple[str, ...] = ()
        """Files that were damaged, and were restored from their copies."""
        self._holder: Holder | None = None
        finish_replacing(path)
        if is_newer(path):
            self.read_only = read_only_reason(path)
            return
        if not has_record(path):
            read_record(path)  # raises the error that says why
        self._holder = Holder(path)
        try:
            self._repair()
        except BaseException:
            self.release()
            raise

    def _repair(self) -> None:
        """Restore damaged metadata, and remove what killed processes left."""
        try:
            self.repaired = repair_metadata(self.path)
        except OSError as error:
            raise UserError(
                f"the project {self.path} is damaged, and cannot be repaired there ({error}); "
                "copy it to a place that can be written"
            ) from error
        for pattern in HALF_WRITTEN:
            for partial in self.path.rglob(pattern):
                with suppress(OSError):  # on a disk that is read-only they stay; nothing reads them
                    if partial.is_file():
                        partial.unlink(missing_ok=True)

    def check(self) -> None:
        """Check that the folder on disk is still the one that was opened.

        Raises
        ------
        MissingStoreError
            When it is gone, or another one is in its place.
        """
        if self._holder is not None:
            self._holder.check()
        elif not self.path.is_dir():
            raise MissingStoreError(f"the folder {self.path} is gone; put it back")

    def check_changeable(self) -> None:
        """Check that the project may be changed, and is where it was opened.

        Raises
        ------
        UserError
            When it is read-only or has gone.
        """
        if self.read_only:
            raise UserError(self.read_only)
        self.check()

    def release(self) -> None:
        """Release the project, so that others can open it."""
        if self._holder is not None:
            self._holder.release()

    def is_at(self, path: Path) -> bool:
        """Whether the folder that was opened is now at another path."""
        return self._holder is not None and self._holder.is_at(path)

    def follow(self, path: Path) -> None:
        """Continue with the same folder, which is now at another path."""
        self.path = path
        if self._holder is not None:
            self._holder.path = path
