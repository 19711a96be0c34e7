"""Labels that touch become one object, with dense ids in the order of first voxels."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import DisjointSet

from napari_scsam.volume.instances.graph import number_objects, roots_of
from napari_scsam.volume.instances.pairs import distinct_pairs, shortened


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 30), st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29))))
def test_roots_are_the_smallest_labels_of_their_sets(count, pairs):
    pairs = [(a % count, b % count) for a, b in pairs]
    sets = DisjointSet(range(count))
    for a, b in pairs:
        sets.merge(a, b)
    expected = [min(sets.subset(label)) for label in range(count)]
    assert roots_of(count, np.array(pairs, np.int64).reshape(-1, 2)).tolist() == expected


def test_ids_are_dense_and_follow_the_first_voxels():
    roots = np.array([0, 1, 0, 3, -1])
    found = number_objects(
        roots, np.array([50, 20, 5, 10, 0]), np.array([3, 9, 4, 1, 99]), smallest=2
    )
    assert found.table.tolist() == [1, 2, 1, 0, 0]
    assert found.voxels.tolist() == [7, 9]
    assert found.table.dtype == np.uint32


def test_no_label_is_no_object():
    nothing = np.zeros(0, np.int64)
    assert number_objects(nothing, nothing, nothing, 1).count == 0


@given(st.lists(st.tuples(st.integers(0, 2**40), st.integers(5, 9))))
def test_each_pair_is_kept_once(pairs):
    array = np.array(pairs, np.int64).reshape(-1, 2)
    assert list(map(tuple, distinct_pairs(array))) == sorted(set(pairs))
    assert set(map(tuple, shortened(array))) == set(pairs)
