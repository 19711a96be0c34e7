from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_scsam.config import ClassSpec
from napari_scsam.io.label_header import LabelHeader, label_header
from napari_scsam.io.label_pyramid import new_level
from napari_scsam.volume.probabilities import (
    create_probabilities,
    open_probabilities,
    probability_bytes,
    write_probabilities,
)

CLASSES = (ClassSpec(1, "ER", "#112233"), ClassSpec(5, "PSD", "#aabbcc"))


def header_of(shape: tuple[int, ...]) -> LabelHeader:
    size = (40.0, 8.0, 4.0)
    return label_header("classes", shape, size, CLASSES, (0.0, 16.0, 8.0), np.dtype(np.uint8))


def made(path: Path, shape: tuple[int, ...]) -> zarr.Array:
    """Return the image of probabilities of a new label image."""
    group = zarr.open_group(path, mode="w", zarr_format=3)
    level = new_level(group, "0", shape, np.dtype(np.uint8), None)
    create_probabilities(group, header_of(shape), shape)
    return open_probabilities(level)


@pytest.mark.parametrize(
    ("logits", "expected"),
    [
        ([0.0], [127.5]),
        ([np.log(3.0)], [191.25]),
        ([-np.inf], [0]),
        ([800.0], [255]),
        ([-800.0], [0]),
        ([np.log(2.0), 0.0], [127.5, 63.75]),
        ([900.0, 900.0], [127.5, 127.5]),
        ([-np.inf, 0.0], [0, 127.5]),
    ],
)
def test_probabilities_are_shares_of_a_softmax_with_background(
    logits: list[float], expected: list[float]
) -> None:
    maps = np.array(logits, np.float32).reshape(-1, 1, 1)
    found = probability_bytes(maps, range(len(logits)))
    assert found.dtype == np.uint8
    np.testing.assert_allclose(found.ravel(), expected, atol=0.51)


def test_only_the_rows_that_are_asked_for_are_returned_but_all_compete() -> None:
    logits = np.zeros((3, 2, 2), np.float32)
    found = probability_bytes(logits, [2, 0])
    assert found.shape == (2, 2, 2)
    assert (found == 64).all()


def test_shares_of_all_classes_and_background_add_up() -> None:
    logits = np.random.default_rng(0).normal(0, 4, (4, 9, 9)).astype(np.float32)
    total = probability_bytes(logits, range(4)).astype(int).sum(axis=0)
    background = 255 / (1 + np.exp(logits.astype(float)).sum(axis=0))
    np.testing.assert_allclose(total + background, 255, atol=2.5)


def test_an_image_of_probabilities_has_a_channel_for_each_class(tmp_path: Path) -> None:
    image = made(tmp_path / "labels", (3, 20, 30))
    assert image.shape == (2, 3, 20, 30)
    assert image.dtype == np.uint8
    assert image.metadata.dimension_names == ("c", "z", "y", "x")
    ome = zarr.open_group(tmp_path / "labels" / "probabilities", mode="r").attrs["ome"]
    multiscale = ome["multiscales"][0]
    assert [axis["name"] for axis in multiscale["axes"]] == ["c", "z", "y", "x"]
    scale, translation = multiscale["datasets"][0]["coordinateTransformations"]
    assert scale["scale"] == [1.0, 40.0, 8.0, 4.0]
    assert translation["translation"] == [0.0, 0.0, 16.0, 8.0]
    channels = ome["omero"]["channels"]
    assert [channel["label"] for channel in channels] == ["ER", "PSD"]
    assert [channel["color"] for channel in channels] == ["112233", "aabbcc"]
    assert channels[0]["window"] == {"min": 0, "max": 255, "start": 0, "end": 255}


def test_slices_are_written_at_their_place(tmp_path: Path) -> None:
    image = made(tmp_path / "labels", (5, 20, 30))
    values = np.random.default_rng(0).integers(0, 256, (2, 2, 8, 10)).astype(np.uint8)
    write_probabilities(image, 3, values, (slice(4, 12), slice(20, 30)))
    read = image[...]
    np.testing.assert_array_equal(read[:, 3:5, 4:12, 20:30], values)
    assert read.sum() == values.sum()


def test_a_single_slice_is_written(tmp_path: Path) -> None:
    image = made(tmp_path / "labels", (20, 30))
    assert image.metadata.dimension_names == ("c", "y", "x")
    values = np.full((2, 1, 20, 30), 9, np.uint8)
    write_probabilities(image, 0, values, (slice(0, 20), slice(0, 30)))
    assert (image[...] == 9).all()
