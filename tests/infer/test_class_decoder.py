"""Classes of a slice: decoded tile by tile, blended, averaged over views."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_scsam.infer.class_decoder import ClassDecoder
from napari_scsam.infer.device import precision
from napari_scsam.infer.prepared_slice import VIEWS
from napari_scsam.infer.tiling import EMPTY_LOGIT
from napari_scsam.model import ScSAM
from napari_scsam.steps import Progress, drive


@pytest.fixture
def decoder(random_model: ScSAM) -> ClassDecoder:
    return ClassDecoder(random_model, "cpu")


@pytest.fixture(scope="module")
def grey() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 255, (96, 112)).astype(np.uint8)


def logits(decoder: ClassDecoder, *names: str) -> np.ndarray:
    chosen = [spec for spec in decoder.model.classes if spec.name in (names or (spec.name,))]
    return drive(decoder.network_logits_steps(chosen))


def test_one_tile_is_what_the_network_answers(decoder: ClassDecoder, grey: np.ndarray) -> None:
    decoder.set_image(grey)
    found = logits(decoder)
    (tile,) = decoder.tiles()
    embedding = decoder.embed(tile)
    with torch.inference_mode(), precision(decoder.device):
        direct = decoder.model.class_logits(embedding).float() / decoder.model.temperature
    assert found.shape == (3, 96, 112)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, direct[0, :, :96, :112].numpy(), atol=1e-4)


def test_the_temperature_divides_the_logits(
    model: ScSAM, grey: np.ndarray, decoder: ClassDecoder
) -> None:
    decoder.set_image(grey)
    plain = logits(decoder)
    model.temperature = model.temperature * 4
    warmer = ClassDecoder(model, "cpu")
    warmer.set_image(grey)
    np.testing.assert_allclose(logits(warmer) * 4, plain, rtol=1e-3, atol=1e-4)


def test_each_class_has_a_bias_of_its_own(
    model: ScSAM, grey: np.ndarray, decoder: ClassDecoder
) -> None:
    decoder.set_image(grey)
    plain = logits(decoder)
    model.temperature = model.temperature * 2
    model.class_biases = torch.tensor([0.5, -1.0, 0.0])
    other = ClassDecoder(model, "cpu")
    other.set_image(grey)
    moved = plain / 2 + np.array([0.5, -1.0, 0.0], np.float32)[:, None, None]
    np.testing.assert_allclose(logits(other), moved, rtol=1e-3, atol=1e-3)
    first, _, third = model.classes
    turned = drive(other.network_logits_steps([third, first]))
    np.testing.assert_allclose(turned, moved[[2, 0]], rtol=1e-3, atol=1e-3)


def test_classes_come_in_the_order_asked_for(decoder: ClassDecoder, grey: np.ndarray) -> None:
    decoder.set_image(grey)
    every = logits(decoder)
    first, second, third = decoder.model.classes
    turned = drive(decoder.network_logits_steps([third, first]))
    np.testing.assert_allclose(turned, every[[2, 0]], atol=1e-5)
    np.testing.assert_allclose(drive(decoder.network_logits_steps([second])), every[1:2], atol=1e-5)


def test_progress_counts_the_tiles_and_ends_full(decoder: ClassDecoder) -> None:
    wide = np.random.default_rng(4).integers(0, 255, (100, 300)).astype(np.uint8)
    decoder.set_image(wide)
    steps = list(decoder.network_logits_steps(decoder.model.classes))
    count = len(decoder.tiles())
    assert count > 1
    assert all(isinstance(step, Progress) for step in steps)
    assert steps[-1].done == steps[-1].total == count
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert steps[0].done == 0


def test_tiles_are_embedded_once(
    decoder: ClassDecoder, grey: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    encode = decoder.model.encode

    def counted(image: torch.Tensor) -> object:
        seen.append(len(image))
        return encode(image)

    monkeypatch.setattr(decoder.model, "encode", counted)
    decoder.set_image(grey)
    logits(decoder)
    logits(decoder, "membrane")
    assert sum(seen) == 1


def test_tiles_of_one_grey_value_are_not_computed(
    decoder: ClassDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled = np.full((100, 400), 255, np.uint8)
    filled[:, :120] = np.random.default_rng(4).integers(0, 255, (100, 120))
    decoder.set_image(filled)
    seen = []
    encode = decoder.model.encode
    monkeypatch.setattr(
        decoder.model, "encode", lambda image: seen.append(len(image)) or encode(image)
    )
    found = logits(decoder)
    flat = [tile for tile in decoder.tiles() if tile.x > 120]
    assert flat
    assert sum(seen) == len(decoder.tiles()) - len(flat)
    assert (found[:, :, flat[-1].x + 70 :] == EMPTY_LOGIT).all()
    assert (found[:, :, :100] > EMPTY_LOGIT).all()


def test_views_are_turned_back_and_averaged(decoder: ClassDecoder, grey: np.ndarray) -> None:
    decoder.set_image(grey)
    decoder.tta = True
    average = logits(decoder)
    decoder.tta = False
    slices = [decoder.slice.augmented(view) for view in VIEWS]
    parts = []
    for view, slice_ in zip(VIEWS, slices, strict=True):
        maps = drive(decoder._decode_steps(slice_, decoder.model.classes))
        parts.append(maps[:, ::-1, ::-1] if view.turned else maps)
    np.testing.assert_allclose(average, np.mean(parts, axis=0), atol=1e-4)


def test_progress_runs_through_all_views(decoder: ClassDecoder, grey: np.ndarray) -> None:
    decoder.set_image(grey)
    decoder.tta = True
    steps = list(decoder.network_logits_steps(decoder.model.classes))
    total = sum(len(decoder.tiles(each)) for each in decoder.augmented(decoder.slice))
    assert {step.total for step in steps} == {total}
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert steps[-1].done == total


def test_a_resampled_slice_is_answered_in_its_own_size(decoder: ClassDecoder) -> None:
    image = np.random.default_rng(5).integers(0, 255, (50, 61)).astype(np.uint8)
    decoder.set_image(image, (8.0, 16.0, 12.0))
    assert decoder.slice.model_shape == (100, 92)
    assert logits(decoder).shape == (3, 50, 61)
