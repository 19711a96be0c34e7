"""One contrast for a volume of any dtype, robust against single pixels, measured on a few planes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.io.contrast import SAMPLE, Contrast, measure_contrast, normalise, thin

RAMP = np.linspace(0, 1, 64 * 80).reshape(64, 80)
INTEGERS = ["u1", "i1", "u2", "i2", ">u2", "u4", "i4", "u8", "i8"]


def spread_over(dtype: str) -> np.ndarray:
    """The ramp over most of an integer type's range."""
    info = np.iinfo(dtype)
    return (RAMP * (0.9 * info.max - 0.9 * info.min) + 0.9 * info.min).astype(dtype)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_every_integer_type_becomes_the_same_grey(dtype: str) -> None:
    image = spread_over(dtype)
    grey = normalise(image, measure_contrast(image))
    assert grey.dtype == np.float32
    np.testing.assert_allclose(grey, np.clip((RAMP - 0.005) / 0.99, 0, 1), atol=0.02)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4"])
@pytest.mark.parametrize(("scale", "offset"), [(1.0, 0.0), (40.0, -1000.0)])
def test_every_float_type_becomes_the_same_grey(dtype: str, scale: float, offset: float) -> None:
    image = (RAMP * scale + offset).astype(dtype)
    grey = normalise(image, measure_contrast(image))
    assert grey.dtype == np.float32
    np.testing.assert_allclose(grey, np.clip((RAMP - 0.005) / 0.99, 0, 1), atol=0.03)


def test_small_steps_on_a_large_offset_are_kept() -> None:
    image = (RAMP * 200).astype(np.int32) + 2_000_000_000
    grey = normalise(image, measure_contrast(image))
    assert len(np.unique(grey)) > 190


def test_a_hot_pixel_changes_nothing() -> None:
    image = (RAMP * 200).astype(np.uint16)
    before = measure_contrast(image)
    image[10, 10], image[20, 20] = 65_535, 0
    after = measure_contrast(image)
    assert after.high == pytest.approx(before.high, abs=1)
    assert after.low == pytest.approx(before.low, abs=1)


def test_one_contrast_for_the_volume_not_one_for_a_slice() -> None:
    volume = np.stack([RAMP * 50, RAMP * 50 + 100, RAMP * 50 + 200]).astype(np.uint8)
    contrast = measure_contrast(volume)
    assert contrast.low < 5
    assert contrast.high > 245
    means = [normalise(plane, contrast).mean() for plane in volume]
    assert means[0] < 0.2
    assert means[2] > 0.8


def test_nan_and_infinity_are_left_out_and_shown_as_border_values() -> None:
    image = RAMP.astype(np.float32).copy()
    clean = measure_contrast(image)
    image[0, :5], image[1, :5], image[2, :5] = np.nan, np.inf, -np.inf
    contrast = measure_contrast(image)
    assert contrast.low == pytest.approx(clean.low, abs=0.02)
    assert contrast.high == pytest.approx(clean.high, abs=0.02)
    grey = normalise(image, contrast)
    assert np.isfinite(grey).all()
    assert (grey[0, :5] == 0).all()
    assert (grey[1, :5] == 1).all()
    assert (grey[2, :5] == 0).all()


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (np.full((20, 30), np.nan, np.float32), "only NaN or infinite values"),
        (np.full((3, 20, 30), np.inf), "only NaN or infinite values"),
        (np.full((20, 30), 7, np.uint8), "is constant .* is 7"),
        (np.zeros((3, 20, 30), np.int32), "is constant"),
        (np.zeros((0, 30), np.uint8), "is empty"),
        (np.zeros((0, 20, 30), np.uint8), "is empty"),
        (np.zeros((2, 20, 0), np.uint8), "is empty"),
    ],
)
def test_nothing_to_see_is_said(image: np.ndarray, says: str) -> None:
    with pytest.raises(UserError, match=says):
        measure_contrast(image)


def test_few_bright_pixels_on_black_still_have_a_contrast() -> None:
    image = np.zeros((100, 100), np.uint8)
    image[50, 50:55] = 200
    assert measure_contrast(image) == Contrast(0, 200)


class Huge:
    """A lazy volume of half a terabyte that counts what is read of it."""

    shape, ndim = (8000, 8192, 8192), 3

    def __init__(self) -> None:
        self.read: list[int] = []

    def __getitem__(self, z: Any) -> np.ndarray:
        assert isinstance(z, int)
        self.read.append(z)
        return np.broadcast_to(np.arange(8192, dtype=np.uint16) % 256, self.shape[1:])


def test_a_huge_volume_is_sampled_from_end_to_end() -> None:
    volume = Huge()
    contrast = measure_contrast(volume)
    assert len(volume.read) == 16
    assert volume.read[0] == 0
    assert volume.read[-1] == 7999
    assert contrast.low < contrast.high <= 255


@pytest.mark.parametrize("count", [100, SAMPLE])
def test_thinned_plane_is_spread_and_not_too_large(count: int) -> None:
    plane = np.arange(300 * 400, dtype=np.float32).reshape(300, 400)
    sample = thin(plane, count)
    assert count <= sample.size <= 4 * count or sample.size == plane.size
    assert sample[0] == 0
    assert sample[-1] > 0.85 * plane.size


def test_contrast_survives_the_way_through_json() -> None:
    contrast = Contrast(12.5, 240.0)
    assert Contrast.from_dict(contrast.to_dict()) == contrast
