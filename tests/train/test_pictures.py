"""Pictures of a model in training: the crops, the truth, the answers, and nothing changed by eval_mode."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from napari_scsam.infer.picture import PICTURE_MARGIN, rgb
from napari_scsam.model import ScSAM
from napari_scsam.model.mae import MaskedAutoencoder, build_mae_encoder
from napari_scsam.train.dataset import CropBatch
from napari_scsam.train.finetune.known_labels import UNKNOWN
from napari_scsam.train.pictures import (
    CLICKED,
    CROPS,
    eval_mode,
    likeliest_classes,
    prediction_picture,
    reconstruction_picture,
)
from napari_scsam.train.recipe_tables import Training

SIDE = 32


@pytest.fixture
def batch() -> CropBatch:
    """Six grey crops with a class on the left, the last class on the right, and an object; the first crop has none."""
    labels = torch.zeros(6, SIDE, SIDE, dtype=torch.long)
    labels[:, :, :8], labels[:, :, 24:], labels[:, :4] = 1, 3, UNKNOWN
    objects = torch.zeros(6, 2, SIDE, SIDE)
    objects[1:, 0, 10:20, 10:20] = 1
    return CropBatch(torch.full((6, 1, SIDE, SIDE), 0.5), labels, objects, objects)


def cell(picture: np.ndarray, row: int, column: int) -> np.ndarray:
    top, left = (PICTURE_MARGIN + n * (SIDE + PICTURE_MARGIN) for n in (row, column))
    return picture[top : top + SIDE, left : left + SIDE]


def tinted(colour: str) -> list[int]:
    return (0.55 * 127.5 + 0.45 * np.array(rgb(colour))).round().tolist()


@pytest.mark.parametrize(
    ("class_weight", "prompts", "columns"), [(1.0, 2, 5), (1.0, 0, 3), (0.0, 2, 3)]
)
def test_rows_of_crops_truth_and_answers(
    model: ScSAM, batch: CropBatch, class_weight: float, prompts: int, columns: int
) -> None:
    with eval_mode(model):
        picture = prediction_picture(
            model,
            batch,
            model.encode(batch.image),
            Training(class_weight=class_weight, prompts=prompts),
        )
    assert picture.shape == (
        CROPS * (SIDE + PICTURE_MARGIN) + PICTURE_MARGIN,
        columns * (SIDE + PICTURE_MARGIN) + PICTURE_MARGIN,
        3,
    )
    assert picture.dtype == np.uint8
    assert (picture[:PICTURE_MARGIN] == 255).all()
    assert np.isin(cell(picture, 0, 0), (127, 128)).all()
    if class_weight:
        truth = cell(picture, 1, 1)
        assert truth[9, 4].tolist() == tinted(model.classes[0].colour)
        assert truth[9, 28].tolist() == tinted(model.classes[2].colour)
        assert np.isin(truth[:4], (127, 128)).all()
    if prompts:
        clicked = cell(picture, 1, columns - 2)
        assert clicked[15, 15].tolist() == tinted(CLICKED[0].colour)
        assert np.isin(clicked[:10], (127, 128)).all()
        assert np.isin(cell(picture, 0, columns - 1), (127, 128)).all()


@torch.no_grad()
def test_predicted_classes_heed_temperature_and_thresholds(model: ScSAM) -> None:
    embedding = model.fuse(model.encode(torch.rand(1, 1, SIDE, SIDE)))
    logits = model.class_logits(embedding)
    best = likeliest_classes(model, embedding, (1, SIDE, SIDE))
    assert torch.equal(best > 0, logits.amax(1) > 0)
    assert torch.equal(best[best > 0] - 1, logits.argmax(1)[best > 0])
    model.thresholds.fill_(1e3)
    assert not likeliest_classes(model, embedding, (1, SIDE, SIDE)).any()
    model.thresholds.fill_(-1e3)
    assert likeliest_classes(model, embedding, (1, SIDE, SIDE)).all()


def test_looking_changes_nothing() -> None:
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Sequential(nn.BatchNorm2d(1)).eval())
    before = {k: v.clone() for k, v in model.state_dict().items()}
    with eval_mode(model):
        assert not any(m.training for m in model.modules())
        assert not model(torch.rand(2, 1, 4, 4)).requires_grad
    assert [m.training for m in model.modules()] == [True, True, False, False]
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_a_reconstruction_shows_what_was_hidden() -> None:
    model = MaskedAutoencoder(build_mae_encoder("hybrid"))
    for weights in model.head.parameters():
        nn.init.zeros_(weights)  # it predicts the mean grey
    image = torch.full((2, 1, SIDE, SIDE), 0.9)
    with eval_mode(model):
        picture = reconstruction_picture(model, image, hidden=0.5)
    assert picture.shape == (
        2 * (SIDE + PICTURE_MARGIN) + PICTURE_MARGIN,
        3 * (SIDE + PICTURE_MARGIN) + PICTURE_MARGIN,
        3,
    )
    whole, seen, filled = (cell(picture, 1, column)[..., 0].astype(int) for column in range(3))
    assert np.ptp(whole) == 0
    assert (seen == 0).mean() == 0.5
    assert (seen[seen > 0] == whole[0, 0]).all()
    assert np.isin(filled[seen == 0], (127, 128)).all()
    assert (filled[seen > 0] == whole[0, 0]).all()
