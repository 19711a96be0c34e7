"""Fixtures for predictors; each test module makes its own `predictor`."""

from __future__ import annotations

import pytest
from torch import Tensor

from napari_scsam.infer.predictor import Predictor
from napari_scsam.model import EncoderFeatures


@pytest.fixture
def embedded(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes of the images that the encoders are given from now on."""
    shapes: list[tuple[int, ...]] = []
    encode = predictor.model.encode

    def counted(image: Tensor) -> EncoderFeatures:
        shapes.append(tuple(image.shape))
        return encode(image)

    monkeypatch.setattr(predictor.model, "encode", counted)
    return shapes
