"""The time of each part of the shipped model on one tile."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from benchmarks.speed.clock import Figure, interleaved
from benchmarks.speed.models import shipped, stack
from torch import Tensor

from napari_scsam.infer.device import precision
from napari_scsam.infer.predictor import Predictor
from napari_scsam.model import ScSAM

SIZE = (5.0, 5.0)
"""Of a pixel in nm, which the shipped model was made for."""


def measure(*, quick: bool) -> list[Figure]:
    """Time each part on a tile, in this machine's best precision and in float32."""
    side, rounds = (64, 1) if quick else (384, 9)
    predictor = Predictor(shipped(), "cpu")
    grey = torch.from_numpy(stack(1, side).astype(np.float32) / 255)[None].contiguous(
        memory_format=torch.channels_last
    )
    works = parts(predictor.model, grey, lambda: precision(predictor.device))
    works |= {
        f"{name}, float32": work for name, work in parts(predictor.model, grey, nullcontext).items()
    }
    works["labels from the answer"] = settling(predictor, side)
    seconds = interleaved(works, rounds)
    return [
        Figure(f"shipped model, a tile of {side} px: {name}", 1000 * each, "ms")
        for name, each in seconds.items()
    ]


def parts(
    model: ScSAM, grey: Tensor, context: Callable[[], AbstractContextManager[None]]
) -> dict[str, Callable[[], object]]:
    """Create the parts of the work on B×1×H×W grey values, each from the result before."""
    with torch.inference_mode(), context():
        features = model.encode(grey)
        embedding = model.fuse(features)

    def timed(work: Callable[[], object]) -> Callable[[], object]:
        def run() -> object:
            with torch.inference_mode(), context():
                return work()

        return run

    return {
        "SAM's encoder": timed(lambda: model.image_encoder(model.sam_input(grey))),
        "MAE encoder": timed(lambda: model.mae(grey)),
        "fusion and detail path": timed(lambda: model.fuse(features)),
        "all classes": timed(lambda: model.class_logits(embedding)),
    }


def settling(predictor: Predictor, side: int) -> Callable[[], object]:
    """Create the work of turning logits into labels."""
    predictor.set_image(stack(1, side)[0], SIZE)
    logits = predictor.class_logits()
    classes = predictor.classes
    return lambda: predictor.labels_from_logits(logits, classes, pixel_size=SIZE)
