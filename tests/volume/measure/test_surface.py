"""Surfaces and perimeters by the Crofton formula."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_scsam.volume.measure.surface import (
    cell_weights,
    direction_shares,
    mixed_cells,
    surfaces,
    voxel_surfaces,
)

SIZES = [(1.0, 1.0, 1.0), (5.0, 7.68, 10.24), (40.0, 10.0, 10.0), (1.0, 3.0, 2.0)]
LABELS = arrays.arrays(
    np.uint8, arrays.array_shapes(min_dims=2, max_dims=3, max_side=5), elements=st.integers(0, 3)
)


def ball(size: tuple[float, ...], radius: float, shift: float = 0.3) -> np.ndarray:
    """A ball or a disc that is not centred on a voxel, with a border of zeros."""
    sides = [int(2 * radius / length) + 6 for length in size]
    axes = np.ogrid[tuple(slice(0, side) for side in sides)]
    away = sum(
        ((axis - side / 2 + shift * (number + 1) / 3) * length) ** 2
        for number, (axis, side, length) in enumerate(zip(axes, sides, size, strict=True))
    )
    return (away <= radius**2).astype(np.uint8)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("voxels", [8, 13, 20])
def test_the_surface_of_a_ball_is_within_two_percent(size: tuple[float, ...], voxels: int) -> None:
    """The radius is so many of the longest side of a voxel."""
    radius = voxels * max(size)
    found = surfaces(ball(size, radius), 1, cell_weights(size))[1]
    assert found == pytest.approx(4 * np.pi * radius**2, rel=0.02)


@pytest.mark.parametrize("shift", [0.0, 0.2, 0.5])
def test_a_small_ball_is_within_two_percent_wherever_it_is(shift: float) -> None:
    found = surfaces(ball((1, 1, 1), 8, shift), 1, cell_weights((1, 1, 1)))[1]
    assert found == pytest.approx(4 * np.pi * 64, rel=0.02)


@pytest.mark.parametrize("size", [(1.0, 1.0), (3.0, 1.0), (7.68, 10.24)])
@pytest.mark.parametrize("voxels", [8, 20])
def test_the_perimeter_of_a_disc_is_within_two_percent(
    size: tuple[float, ...], voxels: int
) -> None:
    radius = voxels * max(size)
    found = surfaces(ball(size, radius), 1, cell_weights(size))[1]
    assert found == pytest.approx(2 * np.pi * radius, rel=0.02)


@pytest.mark.parametrize("size", [*SIZES, (1.0, 1.0), (3.0, 1.0)])
def test_the_shares_of_directions_cover_the_sphere(size: tuple[float, ...]) -> None:
    shares = direction_shares(size)
    assert len(shares) == {2: 4, 3: 13}[len(size)]
    assert shares.sum() == pytest.approx(1)
    assert (shares > 0).all()


def test_in_cubic_voxels_the_shares_are_those_of_lehmann_and_legland() -> None:
    shares = sorted(set(np.round(direction_shares((1, 1, 1)), 6)))
    # Halves of the sphere: 2 × 0.04577789120476, 0.03698062787608 and 0.03519563978232.
    assert shares == pytest.approx([2 * 0.035196, 2 * 0.036981, 2 * 0.045778], abs=2e-6)


def test_only_full_and_empty_cells_have_no_surface() -> None:
    for size in ((1.0, 2.0), (1.0, 2.0, 3.0)):
        weights = cell_weights(size)
        assert np.flatnonzero(weights == 0).tolist() == [0, len(weights) - 1]
        assert weights == pytest.approx(weights[::-1])


@given(LABELS)
@settings(max_examples=60, deadline=None)
def test_mixed_cells_are_those_with_two_values(labels: np.ndarray) -> None:
    expected = np.zeros(labels.shape, bool)
    for corner in np.ndindex(*(side - 1 for side in labels.shape)):
        cell = labels[tuple(slice(c, c + 2) for c in corner)]
        expected[corner] = cell.min() != cell.max()
    assert np.array_equal(mixed_cells(labels), expected)


@given(LABELS)
@settings(max_examples=60, deadline=None)
def test_each_object_has_the_surface_that_it_has_alone(labels: np.ndarray) -> None:
    padded = np.pad(labels, 1)
    weights = cell_weights((1.0, 2.0, 3.0)[-labels.ndim :])
    found = surfaces(padded, 3, weights)
    for number in (1, 2, 3):
        alone = np.uint8(padded == number)
        expected = 0.0
        for corner in product(*(range(side - 1) for side in alone.shape)):
            cell = alone[tuple(slice(c, c + 2) for c in corner)].reshape(-1)
            expected += weights[int((cell.astype(int) << np.arange(cell.size)).sum())]
        assert found[number] == pytest.approx(expected)


@given(LABELS)
@settings(max_examples=60, deadline=None)
def test_the_parts_of_voxels_add_up_to_the_surface(labels: np.ndarray) -> None:
    padded = np.pad(labels, 1)
    weights = cell_weights((1.0, 2.0, 3.0)[-labels.ndim :])
    parts = voxel_surfaces(padded, weights)
    found = np.bincount(padded.reshape(-1), parts.reshape(-1), 4)
    assert found == pytest.approx(surfaces(padded, 3, weights))
