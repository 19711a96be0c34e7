from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.io.filling import (
    AREA_SHARE,
    BORDER_SHARE,
    LEAST_SHARE,
    border_values,
    find_filling,
    flat_at_border,
)


@pytest.fixture
def tissue() -> np.ndarray:
    """Return a slice of 100×100 pixels whose values are never 0 or 255."""
    return np.random.default_rng(0).integers(20, 230, (100, 100)).astype(np.uint8)


@pytest.mark.parametrize("value", [0, 255, 77])
def test_a_flat_margin_is_filling(tissue: np.ndarray, value: int) -> None:
    tissue[tissue == value] = value + 1 if value < 255 else 254
    tissue[:, :10] = value
    expected = np.zeros(tissue.shape, bool)
    expected[:, :10] = True
    np.testing.assert_array_equal(find_filling(tissue), expected)


def test_two_margins_may_have_different_values(tissue: np.ndarray) -> None:
    tissue[:10] = 0
    tissue[-10:] = 255
    found = find_filling(tissue)
    assert found[:10].all()
    assert found[-10:].all()
    assert not found[10:-10].any()


def test_a_slice_that_is_flat_in_many_values_is_drawn() -> None:
    drawn = np.repeat(np.arange(4, dtype=np.uint8), 25)[:, None].repeat(100, axis=1)
    assert not find_filling(drawn).any()


def test_tissue_has_no_filling(tissue: np.ndarray) -> None:
    assert not find_filling(tissue).any()


def test_saturated_tissue_inside_is_none(tissue: np.ndarray) -> None:
    tissue[30:70, 30:70] = 255
    assert not find_filling(tissue).any()


def test_what_hangs_together_with_the_margin_belongs_to_it(tissue: np.ndarray) -> None:
    tissue[:, :10] = 0
    tissue[50, 10:30] = 0
    tissue[80, 80] = 0
    found = find_filling(tissue)
    assert found[50, 10:30].all()
    assert not found[80, 80]


def test_a_narrow_margin_does_not_change_the_contrast(tissue: np.ndarray) -> None:
    narrow = int(LEAST_SHARE * 100)
    tissue[:, :narrow] = 0
    assert find_filling(tissue).sum() == 100 * narrow
    tissue[0, 0] = 50
    assert not find_filling(tissue).any()


def test_an_empty_slice_is_all_filling() -> None:
    assert find_filling(np.full((40, 40), 7, np.uint16)).all()


def test_values_that_are_no_numbers_are_no_filling(tissue: np.ndarray) -> None:
    plane = tissue.astype(np.float32)
    plane[:, :10] = np.nan
    assert not find_filling(plane).any()
    plane[:, :10] = np.inf
    assert not find_filling(plane).any()


def test_the_slice_is_not_changed(tissue: np.ndarray) -> None:
    tissue[:10] = 0
    before = tissue.copy()
    find_filling(tissue)
    np.testing.assert_array_equal(tissue, before)


def test_a_value_at_the_border_needs_a_share_of_it(tissue: np.ndarray) -> None:
    border = 4 * 100 - 4
    least = int(np.ceil(BORDER_SHARE * border))
    tissue[0, :least] = 0
    assert border_values(tissue) == [0]
    tissue[0, 0] = 50
    assert border_values(tissue) == []


def test_parts_of_a_mask_at_the_border_must_be_large() -> None:
    mask = np.zeros((100, 100), bool)
    least = int(AREA_SHARE * mask.size)
    mask[0, :least] = True
    mask[99, : least - 1] = True
    mask[50, 50:90] = True
    found = flat_at_border(mask)
    assert found[0, :least].all()
    assert np.count_nonzero(found) == least


@pytest.mark.parametrize("edge", [np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]])
def test_each_edge_is_a_border(edge: object) -> None:
    mask = np.zeros((50, 60), bool)
    mask[edge] = True
    np.testing.assert_array_equal(flat_at_border(mask), mask)


def test_an_empty_mask_has_no_part_at_the_border() -> None:
    assert not flat_at_border(np.zeros((5, 5), bool)).any()
