"""Pictures of what a model in training predicts on a few crops."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.util import montage
from torch import Tensor, nn
from torch.nn import functional as F

from napari_scsam.config import ClassSpec
from napari_scsam.infer.device import precision
from napari_scsam.infer.picture import PICTURE_MARGIN, overlay
from napari_scsam.model import Embedding, EncoderFeatures, ScSAM
from napari_scsam.model.mae import PIXEL_MEAN, PIXEL_STD, MaskedAutoencoder
from napari_scsam.train.dataset import CropBatch
from napari_scsam.train.prompts import clicks
from napari_scsam.train.recipe_tables import Training

CROPS = 4
"""Rows of a picture."""

CLICKED = (ClassSpec(1, "clicked object", "#ffd23f"),)


@contextlib.contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Run a model without learning: no gradients, no batch statistics.

    Afterwards each part is in training or evaluation mode as before.
    """
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module in training:
            module.training = True


def prediction_picture(
    model: ScSAM, batch: CropBatch, features: EncoderFeatures, training: Training
) -> NDArray[np.uint8]:
    """Draw the first crops of a batch in rows: image, and the classes and objects that are trained.

    Parameters
    ----------
    model
        In `eval_mode`.
    batch, features
        Crops and their encoder features.

    Returns
    -------
    picture
        Y×X×3. From the left: the image, the true and the predicted classes, an object and the
        answer to one click on it.
    """
    batch = CropBatch(*(part[:CROPS] for part in batch))
    labels = batch.labels
    layers: list[tuple[Tensor, Sequence[ClassSpec]]] = [(torch.zeros_like(labels), ())]
    table = tuple(replace(spec, id=row) for row, spec in enumerate(model.classes, 1))
    with precision(batch.image.device):
        embedding = model.fuse(
            EncoderFeatures(features.sam[:CROPS], tuple(level[:CROPS] for level in features.mae))
        )
        if training.class_weight:
            layers += [(labels, table), (likeliest_classes(model, embedding, labels.shape), table)]
        if training.prompts:
            layers += [
                (batch.objects[:, 0], CLICKED),
                (clicked_objects(model, embedding, batch), CLICKED),
            ]
    return join_rows([colour(batch.image, answer, classes) for answer, classes in layers])


def likeliest_classes(model: ScSAM, embedding: Embedding, shape: Sequence[int]) -> Tensor:
    """Return the most probable classes, B×H×W rows of the class table plus one; 0 background."""
    logits = F.interpolate(
        model.class_logits(embedding).float(),
        tuple(shape[1:]),
        mode="bilinear",
        align_corners=False,
    )
    logits = model.calibrated(logits) - model.thresholds[:, None, None]
    return torch.cat([torch.zeros_like(logits[:, :1]), logits], 1).argmax(1)


def clicked_objects(model: ScSAM, embedding: Embedding, batch: CropBatch) -> Tensor:
    """Return the answer to one click on the first object of each crop, B×H×W; empty without one."""
    points = clicks(batch.first_clicks[:, 0], torch.Generator().manual_seed(0))
    logits, _ = model.prompt_logits(embedding, points)
    size = batch.labels.shape[1:]
    logits = F.interpolate(logits.float(), size, mode="bilinear", align_corners=False)
    has_object = batch.objects[:, 0].flatten(1).any(1)
    return (logits[:, 0] > 0) & has_object[:, None, None]


def reconstruction_picture(
    model: MaskedAutoencoder, image: Tensor, hidden: float
) -> NDArray[np.uint8]:
    """Draw the first crops of B×1×H×W in rows: the image, its visible blocks, the reconstruction.

    The blocks are hidden by torch's own random generator.
    """
    image = image[:CROPS]
    mask = model.random_mask(image, hidden)
    with precision(image.device):
        predicted = model.head(model.encoder(image, mask)[-1]).float() * PIXEL_STD + PIXEL_MEAN
    nothing = torch.zeros_like(image[:, 0])
    seen = image * (1 - mask)
    filled = torch.where(mask > 0, predicted.clamp(0, 1), image)
    return join_rows([colour(shown, nothing, ()) for shown in (image, seen, filled)])


def colour(image: Tensor, labels: Tensor, classes: Sequence[ClassSpec]) -> list[NDArray[np.uint8]]:
    """Draw B×H×W labels over B×1×H×W grey values."""
    pairs = zip(image[:, 0].float().cpu().numpy(), labels.cpu().numpy(), strict=True)
    return [overlay(grey, values, classes) for grey, values in pairs]


def join_rows(columns: Sequence[Sequence[NDArray[np.uint8]]]) -> NDArray[np.uint8]:
    """Join columns of equal pictures on white."""
    cells = [cell for row in zip(*columns, strict=True) for cell in row]
    shape = (len(columns[0]), len(columns))
    picture: NDArray[Any] = montage(
        np.stack(cells),
        fill=(255, 255, 255),
        grid_shape=shape,
        padding_width=PICTURE_MARGIN,
        channel_axis=-1,
    )
    return picture.astype(np.uint8)
