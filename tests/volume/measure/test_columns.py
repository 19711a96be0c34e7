from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_scsam.volume.measure.columns import COLUMNS, SIZE_COLUMNS, make_table
from napari_scsam.volume.measure.sums import ObjectSums
from napari_scsam.volume.measure.table import ObjectTable


def sums_of(**changes: Any) -> ObjectSums:
    """Return the sums of one object in a volume: 2 × 3 × 4 voxels from (1, 2, 3) on."""
    values: dict[str, Any] = {
        "ids": np.array([7], np.uint64),
        "parts": np.array([1]),
        "voxels": np.array([24]),
        "total": 24 * np.array([[1.5, 3.0, 4.5]]),
        "low": np.array([[1, 2, 3]]),
        "high": np.array([[3, 5, 7]]),
        "spread": 24 * np.diag([0.25, 2 / 3, 1.25])[None],
        "surface": np.array([2000.0]),
        "longest": np.array([500.0]),
        "grey": np.array([100.0]),
        "grey_spread": np.array([24 * 9.0]),
    }
    return ObjectSums(**{**values, **changes})


def table_of(
    sums: ObjectSums,
    voxel_size: tuple[float, float, float] | None = (40.0, 20.0, 10.0),
    shape: tuple[int, ...] = (9, 9, 9),
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> ObjectTable:
    return make_table(sums, np.array(["ER"]), shape, voxel_size, origin)


def test_the_columns_are_those_that_are_promised_in_order() -> None:
    assert tuple(table_of(sums_of())) == COLUMNS


def test_sizes_are_in_micrometres() -> None:
    table = table_of(sums_of())
    assert table["volume_um3"][0] == pytest.approx(24 * 0.04 * 0.02 * 0.01)
    assert table["surface_um2"][0] == pytest.approx(0.002)
    assert table["longest_axis_um"][0] == pytest.approx(0.5)


def test_without_a_voxel_size_only_voxels_are_known() -> None:
    table = table_of(sums_of(), None)
    for name in (*SIZE_COLUMNS[3], "z_um", "y_um", "x_um"):
        assert np.isnan(table[name][0]), name
    assert table["voxels"][0] == 24
    assert table["z_voxel"][0] == 1.5
    assert table["x0_voxel"][0] == 3


def test_places_are_centres_from_the_origin_on() -> None:
    table = table_of(sums_of(), origin=(1000.0, 0.0, -5.0))
    assert table["z_um"][0] == pytest.approx((1.5 * 40 + 1000) / 1000)
    assert table["y_um"][0] == pytest.approx(0.06)
    assert table["x_um"][0] == pytest.approx((4.5 * 10 - 5) / 1000)
    assert table["y_voxel"][0] == 3.0


def test_a_box_has_its_first_voxel_and_the_one_behind_its_last() -> None:
    table = table_of(sums_of())
    assert [table[f"{axis}0_voxel"][0] for axis in "zyx"] == [1, 2, 3]
    assert [table[f"{axis}1_voxel"][0] for axis in "zyx"] == [3, 5, 7]


def test_grey_values_have_a_mean_and_a_standard_deviation() -> None:
    table = table_of(sums_of())
    assert table["mean_grey"][0] == 100
    assert table["sd_grey"][0] == pytest.approx(3)


@pytest.mark.parametrize(
    ("low", "high", "touches"),
    [
        ([1, 2, 3], [3, 5, 7], False),
        ([0, 2, 3], [3, 5, 7], True),
        ([1, 2, 0], [3, 5, 7], True),
        ([1, 2, 3], [9, 5, 7], True),
        ([1, 2, 3], [3, 9, 7], True),
        ([1, 1, 1], [8, 8, 8], False),
    ],
)
def test_a_box_at_the_border_touches_it(low: list[int], high: list[int], touches: bool) -> None:
    table = table_of(sums_of(low=np.array([low]), high=np.array([high])))
    assert table["touches_border"][0] == touches


def test_a_ball_has_a_sphericity_of_one() -> None:
    radius = 300.0  # nm
    volume = 4 / 3 * np.pi * radius**3
    sums = sums_of(voxels=np.array([1000]), surface=np.array([4 * np.pi * radius**2]))
    side = (volume / 1000) ** (1 / 3)
    table = table_of(sums, (side, side, side))
    assert table["sphericity"][0] == pytest.approx(1)


def test_a_cube_is_less_round_than_a_ball() -> None:
    sums = sums_of(voxels=np.array([1]), surface=np.array([6.0]))
    table = table_of(sums, (1.0, 1.0, 1.0))
    assert table["sphericity"][0] == pytest.approx((np.pi / 6) ** (1 / 3))


def test_elongation_is_the_longest_axis_divided_by_the_next() -> None:
    table = table_of(sums_of(), (40.0, 20.0, 10.0))
    # A box of n voxels of side s has the variance (n s)² / 12 along an axis.
    assert table["elongation"][0] == pytest.approx((2 * 40) / (3 * 20))


def test_a_single_voxel_is_as_long_as_its_sides() -> None:
    sums = sums_of(voxels=np.array([1]), spread=np.zeros((1, 3, 3)))
    assert table_of(sums, (10.0, 10.0, 10.0))["elongation"][0] == pytest.approx(1)
    assert table_of(sums, (30.0, 10.0, 10.0))["elongation"][0] == pytest.approx(3)


@pytest.fixture
def flat() -> ObjectSums:
    """Return the sums of one object of 3 × 4 pixels in a slice."""
    return sums_of(
        voxels=np.array([12]),
        total=12 * np.array([[3.0, 4.5]]),
        low=np.array([[2, 3]]),
        high=np.array([[5, 7]]),
        spread=12 * np.diag([2 / 3, 1.25])[None],
        surface=np.array([140.0]),
    )


def test_an_object_in_a_slice_has_an_area_and_a_perimeter(flat: ObjectSums) -> None:
    table = table_of(flat, (40.0, 10.0, 10.0), (9, 9))
    assert table["area_um2"][0] == pytest.approx(12 * 1e-4)
    assert table["perimeter_um"][0] == pytest.approx(0.14)
    assert table["circularity"][0] == pytest.approx(4 * np.pi * 12e-4 / 0.14**2)
    assert not set(SIZE_COLUMNS[3][:2]) & set(table)


def test_a_slice_is_at_z_0(flat: ObjectSums) -> None:
    table = table_of(flat, (40.0, 10.0, 10.0), (9, 9), (200.0, 0.0, 0.0))
    assert (table["z_voxel"][0], table["z0_voxel"][0], table["z1_voxel"][0]) == (0, 0, 1)
    assert table["z_um"][0] == pytest.approx(0.2)
    assert table["x_voxel"][0] == 4.5
    assert not table["touches_border"][0]
