from __future__ import annotations

import pytest
import torch

from napari_scsam.infer.embeddings import EmbeddingCache, bytes_of
from napari_scsam.model import Embedding

BYTES = 4 * (2 * 3 + 5)


def embedding() -> Embedding:
    return Embedding(torch.zeros(2, 3), torch.zeros(5))


def no_need() -> Embedding:
    pytest.fail("this embedding was remembered and need not be computed")


def test_an_embedding_is_computed_once() -> None:
    cache = EmbeddingCache()
    first = cache.get("a", embedding)
    assert cache.get("a", no_need) is first
    assert "a" in cache
    assert "b" not in cache


def test_bytes_are_counted() -> None:
    half = Embedding(torch.zeros(2, 3, dtype=torch.float16), torch.zeros(5, dtype=torch.float16))
    assert (bytes_of(embedding()), bytes_of(half)) == (BYTES, BYTES // 2)


def test_the_least_recently_used_goes_first() -> None:
    cache = EmbeddingCache(limit=2 * BYTES)
    cache.get("a", embedding)
    cache.get("b", embedding)
    cache.get("a", no_need)
    cache.get("c", embedding)
    assert [key in cache for key in "abc"] == [True, False, True]
    assert (len(cache), cache.size) == (2, 2 * BYTES)


def test_one_that_is_too_large_is_kept_alone() -> None:
    cache = EmbeddingCache(limit=BYTES // 2)
    cache.get("a", embedding)
    cache.get("b", embedding)
    assert (len(cache), cache.size, "b" in cache) == (1, BYTES, True)


def test_what_could_not_be_computed_is_not_remembered() -> None:
    def fails() -> Embedding:
        raise RuntimeError("out of memory")

    cache = EmbeddingCache()
    with pytest.raises(RuntimeError):
        cache.get("a", fails)
    assert (len(cache), cache.size) == (0, 0)


def test_clearing_forgets_everything() -> None:
    cache = EmbeddingCache()
    cache.get("a", embedding)
    cache.clear()
    assert (len(cache), cache.size) == (0, 0)
