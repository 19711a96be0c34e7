"""Work done side by side on a CPU."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from napari_scsam.infer.parallel import parallel_runner
from napari_scsam.infer.predictor import Predictor
from napari_scsam.model import ScSAM


def test_things_are_worked_on_at_once_and_come_back_in_order() -> None:
    together = threading.Barrier(2, timeout=20)

    def work(number: int) -> tuple[int, str]:
        together.wait()
        return -number, threading.current_thread().name

    with parallel_runner(2) as run:
        found = run(work, [3, 1])
    assert [number for number, _ in found] == [-3, -1]
    assert all(name.startswith("scsam-tile") for _, name in found)
    assert not [t for t in threading.enumerate() if t.name.startswith("scsam-tile")]


def test_each_gets_its_share_of_the_threads_and_gives_it_back() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        with parallel_runner(2) as run:
            assert run(lambda _: torch.get_num_threads(), [0, 0]) == [2, 2]
            assert run(
                lambda _: (torch.get_num_threads(), threading.current_thread().name), [0]
            ) == [(4, threading.current_thread().name)]
            assert torch.get_num_threads() == 4
            with pytest.raises(ZeroDivisionError):
                run(lambda n: 1 / n, [0, 1])
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(before)


def test_tiles_side_by_side_give_what_single_ones_give(model: ScSAM, blobs: np.ndarray) -> None:
    predictor = Predictor(model, "cpu")
    predictor.batch_limits.parallel_tiles = 1
    predictor.set_image(blobs)
    single, count = predictor.class_logits(), len(predictor.embeddings)
    predictor.embeddings.clear()
    predictor.slice.logits.clear()
    predictor.batch_limits.parallel_tiles = 3
    np.testing.assert_allclose(predictor.class_logits(), single, atol=1e-5 * np.abs(single).max())
    assert len(predictor.embeddings) == count
