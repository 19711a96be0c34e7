from __future__ import annotations

import pytest

from napari_scsam.io.units import sides_nm, to_nm, voxel_size_nm


@pytest.mark.parametrize(
    ("unit", "nm"),
    [
        ("angstrom", 0.768),
        ("Å", 0.768),
        ("\u212b", 0.768),
        ("A", 0.768),
        ("A\u030a", 0.768),
        ("ångströms", 0.768),
        ("ångstroms", 0.768),
        ("NM", 7.68),
        ("nano meters", 7.68),
        ("UM", 7680.0),
        ("picometer", 0.00768),
        ("nanometer", 7.68),
        ("nm", 7.68),
        ("micrometer", 7680.0),
        ("micron", 7680.0),
        ("microns", 7680.0),
        ("µm", 7680.0),
        ("\u03bcm", 7680.0),
        ("\\u00B5m", 7680.0),
        ("um", 7680.0),
        ("Millimetres", 7.68e6),
        ("cm", 7.68e7),
        ("inch", 7.68 * 2.54e7),
        ("meter", 7.68e9),
    ],
)
def test_units_of_all_formats_become_nanometres(unit: str, nm: float) -> None:
    assert to_nm(7.68, unit) == pytest.approx(nm, rel=1e-12)


def test_products_carry_no_binary_noise() -> None:
    assert to_nm(0.00768, "um") == 7.68
    assert to_nm(1 / 3, "nm") == 1 / 3


@pytest.mark.parametrize("unit", [None, "", "pixel", "second", "reference frame", "Mm"])
def test_what_is_no_length_is_unknown(unit: str | None) -> None:
    assert to_nm(5.0, unit) is None


@pytest.mark.parametrize("value", [None, 0, float("nan"), float("inf")])
def test_unusable_values_are_unknown(value: float | None) -> None:
    assert to_nm(value, "nm") is None


def test_every_axis_has_its_own_unit() -> None:
    assert voxel_size_nm([0.04, 7.68, 102.4], ["um", "nm", "angstrom"]) == (40.0, 7.68, 10.24)


def test_a_single_slice_is_as_thick_as_its_pixels_are_high() -> None:
    assert voxel_size_nm([4.0, 5.0], ["nm", "nm"]) == (4.0, 4.0, 5.0)


@pytest.mark.parametrize("unit", ["um", "angstrom", "meter"])
def test_one_by_one_by_one_is_a_writers_default(unit: str) -> None:
    assert voxel_size_nm([1, 1.0, 1], [unit] * 3) is None


@pytest.mark.parametrize(
    ("sizes", "units"),
    [
        ([1, 1.0, 1], ["nm"] * 3),
        ([10.0, 10.0, 10.0], ["angstrom"] * 3),
        ([0.001, 0.001, 0.001], ["um"] * 3),
        ([1, 1e-7, 1e-7], ["nm", "cm", "cm"]),
    ],
)
def test_one_nanometre_is_believed(sizes: list[float], units: list[str]) -> None:
    assert voxel_size_nm(sizes, units) == (1.0, 1.0, 1.0)


def test_each_side_is_known_by_itself() -> None:
    assert sides_nm([None, 5.0, 0.004], ["nm", "nm", "um"]) == (None, 5.0, 4.0)
    assert sides_nm([30.0, 5.0, 5.0], ["pixel", "nm", "nm"]) == (None, 5.0, 5.0)


@pytest.mark.parametrize(
    ("sizes", "units"),
    [([None, 5, 5], ["nm"] * 3), ([5, 5, 5], ["nm", None, "nm"]), ([5, -5, 5], ["nm"] * 3)],
)
def test_one_unknown_axis_makes_the_voxel_size_unknown(
    sizes: list[float | None], units: list[str | None]
) -> None:
    assert voxel_size_nm(sizes, units) is None


def test_a_side_of_nothing_makes_the_size_unknown() -> None:
    assert voxel_size_nm((0.0, 4.0, 4.0), ("nm",) * 3) is None
    assert voxel_size_nm((4.0, 4.0, -1.0), ("nm",) * 3) is None
