"""Out of memory, simulated: less at once, one line that says so, and the same result."""

from __future__ import annotations

import logging
from collections.abc import Generator

import numpy as np
import pytest
import torch
from embedded import is_embedded
from torch import Tensor

from napari_scsam.config import UserError
from napari_scsam.infer.memory import BatchLimits, is_out_of_memory
from napari_scsam.infer.predictor import Predictor
from napari_scsam.model import EncoderFeatures, ScSAM
from napari_scsam.steps import Progress

CPU = torch.device("cpu")
CUDA_SAYS = torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.mark.parametrize(
    ("error", "so"),
    [
        (CUDA_SAYS, True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"), True),
        (
            RuntimeError(
                "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried 4 bytes"
            ),
            True,
        ),
        (MemoryError(), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (UserError("the image is empty"), False),
    ],
)
def test_it_is_known_however_a_device_says_it(error: Exception, so: bool) -> None:
    assert is_out_of_memory(error) == so


@pytest.fixture
def predictor(model: ScSAM) -> Predictor:
    return Predictor(model, "cpu")


class Small:
    """A device that holds so many pixels at once."""

    def __init__(self, predictor: Predictor, pixels: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pixels, self.tried, self._encode = pixels, [], predictor.model.encode
        monkeypatch.setattr(predictor.model, "encode", self.encode)

    def encode(self, image: Tensor) -> EncoderFeatures:
        self.tried.append(tuple(image.shape))
        if image.numel() > self.pixels:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return self._encode(image)


def test_the_batch_is_halved_first(
    predictor: Predictor,
    blobs: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    predictor.set_image(blobs)
    whole = predictor.class_logits()
    tile = predictor.tiles()[0]
    predictor.embeddings.clear()
    predictor.slice.logits.clear()
    predictor.batch_limits.batch, predictor.batch_limits.parallel_tiles = 4, 1
    device = Small(predictor, tile.height * tile.width, monkeypatch)
    with caplog.at_level(logging.WARNING):
        logits = predictor.class_logits()
    assert [shape[0] for shape in device.tried] == [4, 2, *[1] * 6]
    assert [record.getMessage() for record in caplog.records] == [
        "out of memory on cpu; continuing with 2 tiles at once",
        "out of memory on cpu; continuing with one tile at a time",
    ]
    np.testing.assert_allclose(logits, whole, atol=0.02 * np.abs(whole).max())
    assert predictor.batch_limits.tile == 128


def test_then_the_tile(
    predictor: Predictor, blobs: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor.batch_limits = BatchLimits(CPU, 256)
    device = Small(predictor, 130 * 130, monkeypatch)
    predictor.set_image(blobs)
    steps = list(predictor.segment_steps())
    assert "out of memory on cpu; continuing with tiles of 128 px" in [step.what for step in steps]
    assert max(shape[2:] for shape in device.tried[1:]) <= (128, 128)
    assert predictor.segment().shape == blobs.shape
    assert is_embedded(predictor)


def test_all_views_go_on_with_smaller_tiles(
    predictor: Predictor, blobs: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor.batch_limits, predictor.tta = BatchLimits(CPU, 256), True
    Small(predictor, 130 * 130, monkeypatch)
    predictor.set_image(blobs)
    steps = [step for step in predictor.logits_steps() if "out of memory" not in step.what]
    assert predictor.batch_limits.tile == 128
    assert (
        steps[-1].done
        == steps[-1].total
        == sum(len(predictor.tiles(view)) for view in predictor.augmented(predictor.slice))
    )
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert is_embedded(predictor)


def test_clicks_and_strokes_go_on_as_well(
    predictor: Predictor, blobs: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor.batch_limits = BatchLimits(CPU, 512)
    Small(predictor, 130 * 130, monkeypatch)
    predictor.set_image(blobs)
    assert predictor.predict_prompts(points=[(60, 60)]).masks.shape == (1, *blobs.shape)
    predictor.batch_limits = BatchLimits(CPU, 512)
    stroke = np.zeros(blobs.shape, bool)
    stroke[60:64, 60:80] = True
    assert predictor.teach("granule", stroke).name == "granule"


def test_when_nothing_helps_the_error_comes_out(
    predictor: Predictor, blobs: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    Small(predictor, 0, monkeypatch)
    predictor.set_image(blobs)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        predictor.segment()


def test_other_errors_come_out_at_once() -> None:
    begun = []

    def fails() -> Generator[Progress, None, None]:
        begun.append(1)
        yield Progress(0, 1)
        raise RuntimeError("shapes cannot be multiplied")

    load = BatchLimits(CPU, 512)
    load.batch = 8
    with pytest.raises(RuntimeError, match="multiplied"):
        list(load.steps(fails))
    assert (begun, load.batch) == ([1], 8)


def test_a_gpu_gets_several_tiles_in_a_batch_and_a_cpu_side_by_side(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gpu = BatchLimits(torch.device("cuda"), 512)
    assert (gpu.batch > 1, gpu.parallel_tiles) == (True, 1)
    for threads, lanes in ((1, 1), (2, 2), (8, 2), (16, 4), (64, 4)):
        monkeypatch.setattr(torch, "get_num_threads", lambda: threads)  # noqa: B023  # asked at once
        assert (BatchLimits(CPU, 512).batch, BatchLimits(CPU, 512).parallel_tiles) == (1, lanes)


def test_fewer_tiles_side_by_side_before_smaller_ones() -> None:
    load, error = BatchLimits(CPU, 512), MemoryError()
    load.parallel_tiles = 4
    said = [load.halve(error).split("with ")[1] for _ in range(4)]
    assert said == ["2 tiles at once", "one tile at a time", "tiles of 256 px", "tiles of 128 px"]
    with pytest.raises(MemoryError):
        load.halve(error)


def test_closing_is_no_lack_of_memory(predictor: Predictor, blobs: np.ndarray) -> None:
    predictor.set_image(blobs)
    steps = predictor.segment_steps()
    next(steps)
    steps.close()
    assert predictor.batch_limits.tile == 128
