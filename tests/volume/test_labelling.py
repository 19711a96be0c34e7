from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.volume.labelling import (
    COMPARED,
    RESEMBLES,
    Seen,
    averaged_along_z,
    is_flat,
    resemble,
    sample_of,
)


def seen(plane: np.ndarray) -> Seen:
    return Seen("", None, None, sample_of(plane))


def maps(value: float) -> np.ndarray:
    return np.full((2, 3, 3), value, np.float16)


@pytest.mark.parametrize(
    ("beside", "expected"),
    [([], 8.0), ([4.0], (2 * 8 + 4) / 3), ([4.0, 0.0], 5.0), ([8.0, 8.0], 8.0)],
)
def test_a_slice_counts_twice_as_much_as_each_neighbour(
    beside: list[float], expected: float
) -> None:
    found = averaged_along_z(maps(8.0), [maps(value) for value in beside])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_logits_are_averaged_in_full_precision() -> None:
    own = maps(60_000.0)
    found = averaged_along_z(own, [maps(60_000.0)] * 2)
    assert np.isfinite(found).all()
    assert (own == 60_000).all()


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((10, 20), (10, 20)),
        ((COMPARED, 2 * COMPARED), (COMPARED, COMPARED)),
        ((2 * COMPARED - 1, 5 * COMPARED), (2 * COMPARED - 1, COMPARED)),
        ((1, 1), (1, 1)),
    ],
)
def test_a_sample_is_spread_evenly(shape: tuple[int, int], expected: tuple[int, int]) -> None:
    assert sample_of(np.ones(shape, np.uint8)).shape == expected


def test_a_sample_has_no_mean_and_the_plane_stays_as_it_is() -> None:
    plane = np.arange(12, dtype=np.float32).reshape(3, 4)
    before = plane.copy()
    assert sample_of(plane).mean() == pytest.approx(0)
    np.testing.assert_array_equal(plane, before)


def test_pixels_that_are_no_numbers_count_as_0() -> None:
    plane = np.array([[np.nan, 3.0], [np.inf, 3.0]])
    np.testing.assert_allclose(sample_of(plane), [[-1.5, 1.5], [-1.5, 1.5]])


def test_slices_resemble_each_other_by_the_correlation_of_their_pixels() -> None:
    rng = np.random.default_rng(0)
    one = rng.normal(size=(64, 64))
    other = rng.normal(size=(64, 64))
    for share in (0.0, 0.5, RESEMBLES - 0.06, RESEMBLES + 0.06, 1.0):
        mixed = share * one + np.sqrt(1 - share**2) * other
        correlation = np.corrcoef(one.ravel(), mixed.ravel())[0, 1]
        assert resemble(seen(one), seen(mixed)) == (correlation >= RESEMBLES), share


def test_brightness_and_contrast_do_not_matter() -> None:
    plane = np.random.default_rng(0).integers(0, 100, (32, 32)).astype(np.uint8)
    assert resemble(seen(plane), seen(plane * 2 + 50))
    assert not resemble(seen(plane.astype(float)), seen(-plane.astype(float)))


def test_an_empty_slice_resembles_none() -> None:
    flat = np.full((8, 8), 7, np.uint8)
    plane = np.arange(64, dtype=np.uint8).reshape(8, 8)
    assert not resemble(seen(flat), seen(plane))
    assert not resemble(seen(flat), seen(flat))


@pytest.mark.parametrize(
    ("plane", "expected"),
    [
        (np.zeros((3, 3), np.uint8), True),
        (np.full((3, 3), 255, np.uint8), True),
        (np.eye(3, dtype=np.uint8), False),
        (np.full((3, 3), np.nan), True),
        (np.full((3, 3), np.inf), True),
        (np.array([[np.nan, 2.0], [2.0, 2.0]]), True),
        (np.array([[np.nan, 2.0], [2.0, 3.0]]), False),
    ],
)
def test_a_slice_of_one_value_shows_nothing(plane: np.ndarray, expected: bool) -> None:
    assert is_flat(plane) is expected
