from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from napari_scsam.io.volumes import as_volume
from napari_scsam.project.image import fingerprint
from napari_scsam.volume import run_image as module
from napari_scsam.volume.run_image import image_fingerprint


@dataclass
class Image:
    """Stands for a large image."""

    array: np.ndarray

    chunks = (1, 8, 8)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.array, name)


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (40, 8, 8)).astype(np.uint8)


def test_a_small_image_is_known_as_by_a_project(image: np.ndarray) -> None:
    data = as_volume(image).data
    assert image_fingerprint(data, [image[0]]) == fingerprint(data)


def test_a_large_image_is_known_by_its_sample(
    image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WHOLE_BYTES", 0)
    monkeypatch.setattr(module, "FEW", 0)

    def refuse(_: object) -> str:
        raise AssertionError("read as a whole")

    monkeypatch.setattr(module, "fingerprint", refuse)
    found = image_fingerprint(Image(image), [image[3], image[9]])
    assert found == image_fingerprint(Image(image.copy()), [image[3].copy(), image[9]])
    changed = image.copy()
    changed[9, 0, 0] += 1
    others = [
        image_fingerprint(Image(changed), [changed[3], changed[9]]),
        image_fingerprint(Image(image.astype(np.uint16)), [image[3], image[9]]),
        image_fingerprint(Image(image[:39]), [image[3], image[9]]),
        image_fingerprint(Image(image), [image[9], image[3]]),
    ]
    assert found not in others
    assert len(set(others)) == len(others)
