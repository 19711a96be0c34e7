"""A temporary file for what is needed later, so that it does not stay in memory."""

from __future__ import annotations

import tempfile
import zlib
from types import TracebackType
from typing import Self


class Spool:
    """Keeps compressed bytes in a temporary file, which goes when it is closed."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="scsam-")  # noqa: SIM115  # closed by __exit__
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, data: bytes) -> tuple[int, int]:
        """Keep compressed bytes, and return the place where they are."""
        place = (self._end, len(data))
        self._file.seek(self._end)
        self._file.write(data)
        self._end += len(data)
        return place

    def read(self, place: tuple[int, int]) -> bytes:
        """Return what is at a place, decompressed."""
        self._file.seek(place[0])
        return zlib.decompress(self._file.read(place[1]))


def compress(data: bytes) -> bytes:
    """Compress bytes quickly."""
    return zlib.compress(data, 1)
