"""The current slice, and the embeddings of its tiles."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_scsam.config import UserError
from napari_scsam.infer.disk_cache import DiskCache
from napari_scsam.infer.prepared_slice import UNCHANGED, VIEWS
from napari_scsam.infer.slice_encoder import SliceEncoder
from napari_scsam.io.contrast import Contrast
from napari_scsam.model import ScSAM

IMAGE = np.random.default_rng(0).integers(0, 256, (70, 90)).astype(np.uint8)


@pytest.fixture(scope="module")
def shared(random_model: ScSAM) -> SliceEncoder:
    return SliceEncoder(random_model, "cpu")


@pytest.fixture
def encoder(random_model: ScSAM) -> SliceEncoder:
    return SliceEncoder(random_model, "cpu")


def test_without_an_image_a_question_says_what_to_do(encoder: SliceEncoder) -> None:
    for ask in (lambda: encoder.slice, encoder.tiles, encoder.embed_steps, encoder.cache_steps):
        with pytest.raises(UserError, match=r"^no image is set; call set_image first$"):
            ask()


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (np.zeros((3, 4, 5)), "the image has 3 axes"),
        (np.zeros((0, 5)), "the image is empty"),
        (np.full((4, 5), 7), "the image is constant"),
        (np.full((4, 5), np.nan), "only NaN or infinite values"),
    ],
)
def test_a_refused_image_leaves_the_last_one(
    encoder: SliceEncoder, image: np.ndarray, says: str
) -> None:
    encoder.set_image(IMAGE)
    kept = encoder.slice
    with pytest.raises(UserError, match=says):
        encoder.set_image(image)
    assert encoder.slice is kept


def test_a_slice_is_resampled_to_the_pixel_size_of_the_checkpoint(encoder: SliceEncoder) -> None:
    """The checkpoint has 8 nm."""
    encoder.set_image(IMAGE, (40.0, 4.0, 16.0))
    assert encoder.slice.model_shape == (35, 180)
    assert encoder.slice.pixel_size == (4.0, 16.0)
    encoder.set_image(IMAGE)
    assert encoder.slice.model_shape == (70, 90)
    assert encoder.zoom_for(None) == (1.0, 1.0)
    assert encoder.zoom_for(16) == (2.0, 2.0)


def test_a_coarse_look_never_enlarges(encoder: SliceEncoder) -> None:
    full = encoder.prepare(IMAGE, 16)
    encoder.coarse = True
    coarse = encoder.prepare(IMAGE, 16)
    assert full.model_shape == (140, 180)
    assert coarse.model_shape == (70, 90)
    assert coarse.key != full.key, "their embeddings differ"
    assert encoder.zoom_for((40, 16, 32)) == (1.0, 2.0), "pixels become square"
    assert encoder.zoom_for(4) == (0.5, 0.5), "what is finer is made smaller as before"
    assert encoder.zoom_for(None) == (1.0, 1.0)


def test_the_contrast_of_the_volume_is_used_where_it_is_given(encoder: SliceEncoder) -> None:
    given = encoder.prepare(IMAGE, contrast=Contrast(0.0, 510.0))
    np.testing.assert_allclose(given.grey, IMAGE / 510, atol=1e-6)
    low, high = np.percentile(IMAGE, (0.5, 99.5))
    measured = np.clip((IMAGE - low) / (high - low), 0, 1)
    np.testing.assert_allclose(encoder.prepare(IMAGE).grey, measured, atol=1e-5)


def test_the_same_slice_is_not_prepared_twice(encoder: SliceEncoder) -> None:
    encoder.set_image(IMAGE, 8.0)
    assert encoder.prepare(IMAGE.copy(), 8.0) is encoder.slice
    assert encoder.prepare(IMAGE) is not encoder.slice, "its pixel size is known"
    assert encoder.prepare(255 - IMAGE, 8.0) is not encoder.slice
    other = encoder.prepare(IMAGE, 8.0, key=("volume", 1))
    encoder.set_slice(other)
    assert encoder.slice is other


def test_an_image_may_be_a_list_of_rows(encoder: SliceEncoder) -> None:
    encoder.set_image(IMAGE.tolist())
    assert encoder.slice.shape == (70, 90)


@pytest.mark.parametrize(("tta", "views"), [(False, (UNCHANGED,)), (True, VIEWS)])
def test_views_are_four_when_asked(random_model: ScSAM, tta: bool, views: tuple) -> None:
    encoder = SliceEncoder(random_model, "cpu", tta=tta)
    encoder.set_image(IMAGE)
    assert tuple(encoder.views) == views
    augmented = encoder.augmented(encoder.slice)
    assert len(augmented) == len(views)
    assert augmented[-1] is encoder.slice


def test_tiles_are_those_of_the_slice_that_is_named(encoder: SliceEncoder) -> None:
    encoder.set_image(IMAGE)
    wide = encoder.prepare(np.tile(IMAGE, (1, 4)))
    assert len(encoder.tiles()) == 1
    assert len(encoder.tiles(wide)) > 1
    assert {tile.width for tile in encoder.tiles(wide)} <= {64, 80, 96, 112, 128}


def test_a_tile_is_embedded_once(shared: SliceEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    shared.set_image(255 - IMAGE)
    (tile,) = shared.tiles()
    first = shared.embed(tile)
    monkeypatch.setattr(shared.encoder, "embed", lambda *_: pytest.fail("it was embedded already"))
    again = shared.embed(tile)
    torch.testing.assert_close(again.fused, first.fused, rtol=0, atol=0)
    assert (shared.slice.key, tile) in shared.embeddings


def test_steps_embed_every_tile_and_say_what_they_do(shared: SliceEncoder) -> None:
    made = shared.prepare(np.tile(IMAGE, (1, 2)), key="wide")
    tiles = shared.tiles(made)
    steps = list(shared.embed_steps(made))
    assert all((made.key, tile) in shared.embeddings for tile in tiles)
    assert {(step.total, step.what) for step in steps} == {(len(tiles), "embedding")}
    assert steps[0].done == 0
    assert {step.what for step in shared.embed_steps(made)} == {"segmenting"}


def test_work_that_is_closed_early_embeds_nothing(shared: SliceEncoder) -> None:
    made = shared.prepare(IMAGE, key="closed")
    steps = shared.embed_steps(made)
    next(steps)
    steps.close()
    assert not any((made.key, tile) in shared.embeddings for tile in shared.tiles(made))


def test_caching_writes_to_disk_and_keeps_nothing_in_memory(
    random_model: ScSAM, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = SliceEncoder(random_model, "cpu", DiskCache(tmp_path / "cache", 1 << 30))
    encoder.set_image(IMAGE)
    list(encoder.cache_steps())
    assert len(encoder.embeddings) == 0
    assert any(path.is_file() for path in (tmp_path / "cache").rglob("*"))
    calls: list[object] = []
    monkeypatch.setattr(encoder.encoder, "_compute", calls.append)
    list(encoder.cache_steps())
    assert calls == [], "it is on disk already"
