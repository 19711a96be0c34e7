"""Pseudo-labels: what a teacher says alike from every side, and nothing else."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_scsam.config import ClassSpec
from napari_scsam.io.volumes import as_volume
from napari_scsam.steps import drive
from napari_scsam.train.pseudo_labels import MIN_CORE_NM3, labels_from_votes, pseudo_labels

CLASSES = (
    ClassSpec(3, "mitochondrion"),
    ClassSpec(7, "mitochondrial_boundary", part_of="mitochondrion"),
    ClassSpec(300, "vesicle"),
)


class DarkIsMitochondrion:
    """A teacher that takes what is dark for mitochondria, and from one side everything else for vesicles."""

    classes = CLASSES

    def __init__(self) -> None:
        self.model = SimpleNamespace(
            thresholds=torch.zeros(3), config=SimpleNamespace(nm_per_pixel=10.0)
        )
        self.seen: list[tuple[tuple[int, ...], tuple[float, ...] | None]] = []

    def set_image(self, plane, nm, *, contrast) -> None:
        assert (contrast.low, contrast.high) == (0, 1)
        self.plane = plane
        self.seen.append((plane.shape, nm))

    def class_logits(self) -> np.ndarray:
        dark = self.plane < 0.5 * self.plane.max()
        vesicle = np.where(dark | (self.seen[-1][1] != (10.0, 12.0)), -9.0, 9.0)
        return np.stack([np.where(dark, 9.0, -9.0), np.full(dark.shape, -9.0), vesicle])


def ball(shape: tuple[int, int, int] = (64, 66, 68), radius: int = 20) -> np.ndarray:
    grid = np.indices(shape) - np.array([n // 2 for n in shape]).reshape(3, 1, 1, 1)
    return np.where((grid**2).sum(0) < radius**2, 40, 200).astype(np.uint8)


def test_sides_vote() -> None:
    image, teacher = ball(), DarkIsMitochondrion()
    labels, known = drive(pseudo_labels(teacher, as_volume(image, (11.0, 10.0, 12.0))))
    assert [seen[1] for seen in teacher.seen[:: len(teacher.seen) // 3]][:3] == [
        (10.0, 12.0),
        (11.0, 12.0),
        (11.0, 10.0),
    ]
    assert len(teacher.seen) == sum(image.shape)
    assert np.array_equal(labels == 3, image == 40)
    assert set(np.unique(labels)) == {0, 3}
    # A third of the votes for vesicles leaves the rest below what counts as sure of nothing.
    assert np.array_equal(known == 1, image == 40)


@pytest.mark.parametrize("size", [(40.0, 10.0, 12.0), None])
def test_flat_voxels_are_seen_from_one_side(size: tuple[float, float, float] | None) -> None:
    image, teacher = ball(), DarkIsMitochondrion()
    labels, known = drive(pseudo_labels(teacher, as_volume(image, size)))
    assert len(teacher.seen) == len(image)
    assert known.all()
    assert set(np.unique(labels)) == ({3, 300} if size else {0, 3})


def test_a_flat_image_stays_flat() -> None:
    image = np.where(ball((1, 200, 210), 90)[0] == 40, 40, 200).astype(np.uint8)
    labels, known = drive(
        pseudo_labels(DarkIsMitochondrion(), as_volume(image, (40.0, 30.0, 30.0)))
    )
    assert labels.shape == known.shape == image.shape
    assert np.array_equal(labels == 3, image == 40)


def test_classes_not_believed_are_unknown() -> None:
    image = ball()
    labels, known = drive(
        pseudo_labels(
            DarkIsMitochondrion(), as_volume(image, (40.0, 10.0, 12.0)), ["mitochondrion"]
        )
    )
    assert np.array_equal(known == 1, image == 40)
    assert labels.max() == 3


@pytest.fixture
def scene() -> dict[str, np.ndarray]:
    """A large and a small object, an edge of the large one that is doubtful, and a dark place."""
    parts = {name: np.zeros((30, 30, 30)) for name in ("large", "small", "dark")}
    (
        parts["large"][5:20, 5:20, 5:20],
        parts["small"][25:28, 25:28, 25:28],
        parts["dark"][2:5, 22:28, 2:28],
    ) = 1, 1, 1
    parts["rim"] = parts["large"] - ndimage.binary_erosion(parts["large"])
    parts["edge"] = ndimage.binary_dilation(parts["large"]) - parts["large"]
    parts["halo"] = (
        ndimage.binary_dilation(parts["large"], iterations=2) - parts["large"] - parts["edge"]
    )
    return parts


def test_an_object_is_believed_with_its_doubtful_edge_and_its_parts(scene) -> None:
    large, rim, edge, halo = (scene[name] for name in ("large", "rim", "edge", "halo"))
    votes = np.zeros((4, 30, 30, 30))
    votes[1] = large - 0.55 * rim + 0.1 * edge  # what is not clearly either is clearly one of both
    votes[2] = 0.55 * rim + 0.45 * edge + 0.3 * halo
    votes[0] = 1 - votes.sum(0)
    labels, known = labels_from_votes(votes, CLASSES, CLASSES[:2], 10.0**3, 200 - 100 * large)
    assert np.array_equal(labels, 3 * (large - rim) + 7 * (rim + edge))
    assert np.array_equal(known, 1 - halo)
    assert labels.dtype == np.uint16


def test_small_objects_and_dark_background_are_unknown(scene) -> None:
    large, small, dark = (scene[name] for name in ("large", "small", "dark"))
    votes = np.zeros((4, 30, 30, 30))
    votes[1] = large + small
    votes[0] = 1 - votes.sum(0)
    assert large.sum() * 10**3 > MIN_CORE_NM3 > small.sum() * 10**3
    labels, known = labels_from_votes(
        votes, CLASSES, CLASSES[:2], 10.0**3, 200 - 100 * large - 100 * dark
    )
    assert np.array_equal(labels, 3 * large)
    assert np.array_equal(known, 1 - small - dark)
