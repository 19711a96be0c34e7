"""Embeddings of tiles in memory, so that a second class costs only the decoder."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from threading import Lock

import torch

from napari_scsam.model import Embedding

DEFAULT_BYTES = 1 << 30
"""About 250 tiles of 448 px."""


class EmbeddingCache:
    """Stores the most recently used embeddings, up to a number of bytes; thread safe.

    Parameters
    ----------
    limit
        Most bytes to keep; the least recently used are removed first.
    """

    def __init__(self, limit: int = DEFAULT_BYTES) -> None:
        self.limit = limit
        self.size = 0
        self._entries: OrderedDict[Hashable, Embedding] = OrderedDict()
        self._lock = Lock()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def get(
        self, keys: Sequence[Hashable], compute: Callable[[list[int]], Embedding]
    ) -> list[Embedding]:
        """Return the embeddings of some keys.

        Parameters
        ----------
        keys
            One for each image.
        compute
            Called with the positions of missing keys, if any; embeds these images in one batch.
        """
        found = [self._entries.get(key) for key in keys]
        missing = [i for i, embedding in enumerate(found) if embedding is None]
        if missing:
            for i, embedding in zip(missing, split_batch(compute(missing)), strict=True):
                found[i] = embedding
        known = [embedding for embedding in found if embedding is not None]
        with self._lock:
            for key, embedding in zip(keys, known, strict=True):
                self._remember(key, embedding)
        return known

    def _remember(self, key: Hashable, embedding: Embedding) -> None:
        if key not in self._entries:
            self.size += bytes_of(embedding)
        self._entries[key] = embedding
        self._entries.move_to_end(key)
        while self.size > self.limit and len(self._entries) > 1:
            self.size -= bytes_of(self._entries.popitem(last=False)[1])

    def has_room(self, count: int) -> bool:
        """Whether `count` embeddings of the average size of those stored fit."""
        return count * self.size <= self.limit * len(self)

    def clear(self) -> None:
        """Remove everything."""
        self._entries.clear()
        self.size = 0


def bytes_of(embedding: Embedding) -> int:
    """Return the size of an embedding in memory."""
    return sum(t.element_size() * t.nelement() for t in embedding)


def split_batch(batch: Embedding) -> list[Embedding]:
    """Return the embeddings of B images, each with memory of its own.

    So removing one frees its memory.
    """
    count = len(batch.fused)
    if count == 1:
        return [batch]
    return [Embedding(*(t[i : i + 1].clone() for t in batch)) for i in range(count)]


def join_batch(embeddings: Sequence[Embedding]) -> Embedding:
    """Join the embeddings of images to one batch."""
    if len(embeddings) == 1:
        return embeddings[0]
    return Embedding(*(torch.cat(parts) for parts in zip(*embeddings, strict=True)))
