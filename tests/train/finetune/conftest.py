"""A small stack with bright squares that are labelled, and quick settings."""

from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.io.volumes import as_volume
from napari_scsam.train.augment import Augmentation
from napari_scsam.train.finetune.data import CorrectedVolume
from napari_scsam.train.finetune.settings import FinetuneSettings

SQUARES = ((20, 30), (90, 100), (100, 20))
SIZE = (8.0, 8.0, 8.0)


@pytest.fixture(scope="package")
def stack() -> tuple[np.ndarray, np.ndarray]:
    """Four slices, and their labels: 5 on bright squares."""
    chance = np.random.default_rng(0)
    image = chance.integers(0, 80, (4, 160, 160)).astype(np.uint8)
    labels = np.zeros(image.shape, np.uint8)
    for y, x in SQUARES:
        image[:, y : y + 36, x : x + 36] += 150
        labels[:, y : y + 36, x : x + 36] = 5
    return image, labels


@pytest.fixture(scope="package")
def source(stack: tuple[np.ndarray, np.ndarray]) -> CorrectedVolume:
    """The stack, of whose slices the first three are reviewed; 5 is the vesicle."""
    image, labels = stack
    return CorrectedVolume(
        as_volume(image, voxel_size=SIZE), as_volume(labels), {5: "vesicle"}, slices=(0, 1, 2)
    )


@pytest.fixture(scope="package")
def quick() -> FinetuneSettings:
    """As little of everything as there may be."""
    return FinetuneSettings(
        crops=3,
        replayed=2,
        validated=4,
        batch=2,
        most_steps=3,
        validations=1,
        look=Augmentation(),
    )
