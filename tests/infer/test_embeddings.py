from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from napari_scsam.infer.embeddings import EmbeddingCache, bytes_of, join_batch
from napari_scsam.model import Embedding

BYTES = 4 * (2 * 3 + 5 + 2)


def embedding() -> Embedding:
    return Embedding(torch.zeros(1, 2, 3), torch.zeros(1, 5), torch.zeros(1, 2))


def one(cache: EmbeddingCache, key: str, compute: Callable[[], Embedding]) -> Embedding:
    (found,) = cache.get([key], lambda _: compute())
    return found


def no_need() -> Embedding:
    pytest.fail("this embedding was remembered and need not be computed")


def test_an_embedding_is_computed_once() -> None:
    cache = EmbeddingCache()
    first = one(cache, "a", embedding)
    assert one(cache, "a", no_need) is first
    assert "a" in cache
    assert "b" not in cache


def test_bytes_are_counted() -> None:
    half = Embedding(*(part.half() for part in embedding()))
    assert (bytes_of(embedding()), bytes_of(half)) == (BYTES, BYTES // 2)


def test_the_least_recently_used_goes_first() -> None:
    cache = EmbeddingCache(limit=2 * BYTES)
    one(cache, "a", embedding)
    one(cache, "b", embedding)
    one(cache, "a", no_need)
    one(cache, "c", embedding)
    assert [key in cache for key in "abc"] == [True, False, True]
    assert (len(cache), cache.size) == (2, 2 * BYTES)


def test_one_that_is_too_large_is_kept_alone() -> None:
    cache = EmbeddingCache(limit=BYTES // 2)
    one(cache, "a", embedding)
    one(cache, "b", embedding)
    assert (len(cache), cache.size, "b" in cache) == (1, BYTES, True)


def test_what_could_not_be_computed_is_not_remembered() -> None:
    def fails() -> Embedding:
        raise RuntimeError("out of memory")

    cache = EmbeddingCache()
    with pytest.raises(RuntimeError):
        one(cache, "a", fails)
    assert (len(cache), cache.size) == (0, 0)


def test_clearing_forgets_everything() -> None:
    cache = EmbeddingCache()
    one(cache, "a", embedding)
    cache.clear()
    assert (len(cache), cache.size) == (0, 0)


def numbered(missing: list[int]) -> Embedding:
    """Embed images of which the third is all 3, say."""
    numbers = torch.tensor(missing, dtype=torch.float32) + 1
    flat = numbers.view(-1, 1)
    return Embedding(flat[..., None].expand(-1, 2, 3), flat.expand(-1, 5), flat.expand(-1, 2))


def test_of_several_only_the_missing_are_computed_in_one_batch() -> None:
    cache, asked = EmbeddingCache(), []
    cache.get(["b"], lambda _: numbered([1]))
    found = cache.get(["a", "b", "c"], lambda missing: asked.append(missing) or numbered(missing))
    assert asked == [[0, 2]]
    assert [e.fused.unique().item() for e in found] == [1, 2, 3]
    assert [tuple(e.detail.shape) for e in found] == [(1, 5)] * 3
    batch = join_batch(found)
    assert batch.detail[:, 0].tolist() == [1, 2, 3]
    assert batch.fused.shape == (3, 2, 3)


def test_images_of_a_batch_have_memory_of_their_own() -> None:
    first, _ = EmbeddingCache().get(["a", "b"], numbered)
    assert first.fused.untyped_storage().nbytes() == 4 * 6


def test_several_that_are_too_large_together_are_given_all_the_same() -> None:
    cache = EmbeddingCache(limit=BYTES)
    assert [e.fused.unique().item() for e in cache.get(["a", "b", "c"], numbered)] == [1, 2, 3]
    assert ("c" in cache, len(cache)) == (True, 1)


def test_room_is_told_by_those_that_are_there() -> None:
    cache = EmbeddingCache(limit=3 * BYTES)
    cache.get(["a", "b"], numbered)
    assert cache.has_room(3)
    assert not cache.has_room(4)
