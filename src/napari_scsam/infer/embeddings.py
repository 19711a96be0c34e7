"""Embeddings of tiles, remembered in memory so that a second class costs only the decoder."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

from napari_scsam.model import Embedding

DEFAULT_BYTES = 1 << 30
"""Room for about 250 tiles of 448 px."""


class EmbeddingCache:
    """Keeps the most recently used embeddings, up to a number of bytes.

    Parameters
    ----------
    limit
        Bytes to keep at most; the least recently used go first.
    """

    def __init__(self, limit: int = DEFAULT_BYTES) -> None:
        self.limit, self.size = limit, 0
        self._entries: OrderedDict[Hashable, Embedding] = OrderedDict()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable, compute: Callable[[], Embedding]) -> Embedding:
        """Give the embedding of `key`; compute and remember it when it is not there."""
        if key in self._entries:
            self._entries.move_to_end(key)
            return self._entries[key]
        embedding = compute()
        self._entries[key] = embedding
        self.size += bytes_of(embedding)
        while self.size > self.limit and len(self._entries) > 1:
            self.size -= bytes_of(self._entries.popitem(last=False)[1])
        return embedding

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self.size = 0


def bytes_of(embedding: Embedding) -> int:
    """Memory that an embedding takes."""
    return sum(t.element_size() * t.nelement() for t in embedding)
