from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.volume.instances.pairs import LabelPairs, distinct_pairs, shortened


def pairs(*values: tuple[int, int]) -> LabelPairs:
    return np.array(values, np.int64).reshape(-1, 2)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (pairs(), pairs()),
        (pairs((4, 2)), pairs((4, 2))),
        (pairs((4, 2), (4, 2)), pairs((4, 2))),
        (pairs((4, 2), (1, 9), (4, 2)), pairs((1, 9), (4, 2))),
        (pairs((2, 1), (1, 2)), pairs((1, 2), (2, 1))),
        (pairs((0, 3), (1, 0), (0, 3)), pairs((0, 3), (1, 0))),
        (pairs((1, 0), (0, 1), (0, 0)), pairs((0, 0), (0, 1), (1, 0))),
    ],
)
def test_each_pair_stays_once_and_sorted(given: LabelPairs, expected: LabelPairs) -> None:
    np.testing.assert_array_equal(distinct_pairs(given), expected)


def test_pairs_of_large_labels_are_told_apart() -> None:
    high = 2**40
    given = pairs((high, high + 1), (high + 1, high), (high, high + 1), (high + 1, high + 1))
    expected = pairs((high, high + 1), (high + 1, high), (high + 1, high + 1))
    np.testing.assert_array_equal(distinct_pairs(given), expected)


def test_distinct_pairs_are_those_of_a_set() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        given = rng.integers(5, 12, (40, 2))
        expected = np.array(sorted(set(map(tuple, given.tolist()))))
        np.testing.assert_array_equal(distinct_pairs(given), expected)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (pairs(), pairs()),
        (pairs((1, 2)), pairs((1, 2))),
        (pairs((1, 2), (1, 2), (1, 2)), pairs((1, 2))),
        (pairs((1, 2), (1, 3), (1, 3), (1, 2)), pairs((1, 2), (1, 3), (1, 2))),
        (pairs((1, 2), (3, 2)), pairs((1, 2), (3, 2))),
    ],
)
def test_a_pair_that_repeats_its_predecessor_is_left_out(
    given: LabelPairs, expected: LabelPairs
) -> None:
    np.testing.assert_array_equal(shortened(given), expected)
