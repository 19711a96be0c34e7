"""One contrast for a volume of any dtype, robust against single pixels, measured on a few planes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.io.contrast import SAMPLE, Contrast, grid, measure_contrast, normalise

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
    sample = grid(plane, count).ravel()
    assert count <= sample.size <= 4 * count or sample.size == plane.size
    assert sample[0] == 0
    assert sample[-1] > 0.85 * plane.size


def test_contrast_survives_the_way_through_json() -> None:
    contrast = Contrast(12.5, 240.0)
    assert Contrast.from_dict(contrast.to_dict()) == contrast


RNG = np.random.default_rng(5)
TISSUE = np.clip(RNG.normal(120, 30, (4, 300, 400)), 30, 210)


def filled(kind: str, share: float, value: float) -> tuple[np.ndarray, np.ndarray]:
    """Return tissue with a filling, and which pixels are filled."""
    image = TISSUE.copy()
    mask = np.zeros(image.shape, bool)
    height, width = image.shape[1:]
    if kind == "side":
        mask[:, :, : round(share * width)] = True
    elif kind == "frame":
        inner = (1 - share) ** 0.5
        top, left = round(height * (1 - inner) / 2), round(width * (1 - inner) / 2)
        mask[:] = True
        mask[:, top : height - top, left : width - left] = False
    elif kind == "corners":
        y, x = np.mgrid[:height, :width]
        leg = (share / 2 * height * width) ** 0.5
        mask[:] = (x + y < leg) | ((width - x) + (height - y) < leg)
    else:  # whole slices
        mask[: max(1, round(share * len(image)))] = True
    image[mask] = value
    return image, mask


@pytest.mark.parametrize("kind", ["side", "frame", "corners", "slices"])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.75])
@pytest.mark.parametrize(
    ("dtype", "value"),
    [("u1", 255), ("u1", 0), ("u2", 65535), ("i2", -32768), ("f4", 0.0), ("f4", 1e6), ("u1", 128)],
)
def test_filling_at_the_border_is_no_tissue(
    kind: str, share: float, dtype: str, value: float
) -> None:
    image, mask = filled(kind, share, value)
    image = image.astype(dtype)
    expected = np.percentile(TISSUE[~mask].astype(dtype), (0.5, 99.5))
    found = measure_contrast(image)
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=2)
    plane = measure_contrast(image[-1])
    assert (plane.low, plane.high) == pytest.approx(tuple(expected), abs=2)


def test_two_fillings_are_no_tissue() -> None:
    image = TISSUE.astype(np.uint8)
    expected = measure_contrast(image)
    image[:, :60], image[:, -60:] = 0, 255
    found = measure_contrast(image)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=2)


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_saturated_tissue_still_counts(dtype: str) -> None:
    """Without a flat border, the contrast is that of all pixels, to the last digit."""
    image = np.clip(TISSUE * 2.4 - 60, 0, 255).astype(dtype)
    image[:, 100:160, 150:220] = 255  # a vessel inside the slice
    expected = np.percentile(image.astype(np.float32), (0.5, 99.5))
    assert measure_contrast(image) == Contrast(float(expected[0]), float(expected[1]))


def test_the_background_of_a_drawing_counts() -> None:
    image = np.zeros((100, 120), np.uint8)
    image[20:60, 30:70], image[70:90, 80:110] = 100, 200
    assert measure_contrast(image) == Contrast(0, 200)


def test_what_is_filled_almost_wholly_has_the_contrast_of_all() -> None:
    image = np.full((4, 300, 400), 255, np.uint8)
    image[:, 100:104, 100:200] = TISSUE[:, 100:104, 100:200]
    assert measure_contrast(image).high == 255
