"""TIFFs that say 0 is white are read so that 0 is black, as they are shown elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_scsam.io.contrast import measure_contrast
from napari_scsam.io.volumes import open_labels, open_volume

STACK = np.random.default_rng(0).integers(0, 200, (3, 40, 50)).astype(np.uint8)


def write(path: Path, stack: np.ndarray, **options: Any) -> Path:
    """Write a TIFF of which 0 is white."""
    tifffile.imwrite(path, stack, photometric="miniswhite", metadata={"axes": "ZYX"}, **options)
    return path


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("dtype", ["u1", "u2", ">u2", "u4", "i2", "f4"])
def test_an_image_is_as_it_is_shown(tmp_path: Path, dtype: str, compression: str | None) -> None:
    stack = STACK.astype(dtype)
    kind = np.dtype(dtype)
    black = {"u": np.iinfo(kind).max if kind.kind != "f" else 0, "i": -1, "f": 0}[kind.kind]
    volume = open_volume(write(tmp_path / "em.tif", stack, compression=compression))
    expected = (np.array(black, kind) - stack).astype(kind.newbyteorder("="))
    np.testing.assert_array_equal(volume.data[...], expected)
    np.testing.assert_array_equal(volume.plane(1), expected[1])
    np.testing.assert_array_equal(volume.data[:, 3:9, 4], expected[:, 3:9, 4])
    assert volume.dtype == kind.newbyteorder("=")
    order = np.argsort(-STACK[0].ravel().astype(int), kind="stable")
    assert (np.diff(volume.plane(0).ravel()[order].astype(float)) >= 0).all(), "dark stays dark"


def test_its_grey_values_are_those_of_the_same_image_with_black_as_zero(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "usual.tif", STACK, photometric="minisblack")
    usual = open_volume(tmp_path / "usual.tif")
    other = open_volume(write(tmp_path / "other.tif", 255 - STACK))
    np.testing.assert_array_equal(other.data[...], usual.data[...])
    assert measure_contrast(other.data) == measure_contrast(usual.data)


def test_a_folder_of_slices(tmp_path: Path) -> None:
    (tmp_path / "em").mkdir()
    for z, plane in enumerate(STACK):
        tifffile.imwrite(tmp_path / "em" / f"{z}.tif", plane, photometric="miniswhite")
    np.testing.assert_array_equal(open_volume(tmp_path / "em").data[...], 255 - STACK)


@pytest.mark.parametrize("photometric", ["miniswhite", "minisblack", None])
def test_a_bilevel_image_keeps_the_values_that_are_stored(
    tmp_path: Path, photometric: str | None
) -> None:
    """It is a mask, and tifffile writes masks as white-is-zero by itself."""
    mask = STACK[0] > 100
    tifffile.imwrite(tmp_path / "mask.tif", mask, photometric=photometric)
    np.testing.assert_array_equal(open_volume(tmp_path / "mask.tif").data[...].squeeze(), mask)


def test_labels_keep_the_values_that_are_stored(tmp_path: Path) -> None:
    """Fiji saves masks with an inverted look-up table as white-is-zero; the values count."""
    labels = (STACK > 150).astype(np.uint8)
    path = write(tmp_path / "labels.tif", labels)
    np.testing.assert_array_equal(open_labels(path).data[...], labels)
