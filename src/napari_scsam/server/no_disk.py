"""A cache that keeps nothing: what clients send is never written to disk."""

from __future__ import annotations

from pathlib import Path

from napari_scsam.infer.disk_cache import DiskCache, TileValues, default_cache


class NoDisk(DiskCache):
    """A cache without anything in it.

    With a cache, embeddings are rounded as it stores them. A server rounds them alike, so that its
    answers are those of a window or a command.
    """

    def __init__(self) -> None:
        super().__init__(Path(), 0)

    def get(self, _name: str, _tile: int, _cells: tuple[int, int]) -> TileValues | None:
        """Return None: nothing is there."""
        return None

    def put(self, _name: str, _tile: int, _tiles: int, _values: TileValues) -> None:
        """Write nothing."""

    def bytes(self, _name: str = "*") -> int:
        """Return 0."""
        return 0


def no_disk() -> NoDisk | None:
    """Return a cache that keeps nothing; None where windows and commands have none, either."""
    return None if default_cache() is None else NoDisk()
