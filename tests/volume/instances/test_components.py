"""Connected components of a block are those of SciPy, for every shape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_scsam.objects.components import label_components
from napari_scsam.volume.instances.components import multilabel_components


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.integers(1, 8), min_size=2, max_size=3),
    st.integers(0, 999),
    st.booleans(),
)
def test_components_of_any_shape_are_those_of_scipy(shape, seed, corners):
    mask = np.random.default_rng(seed).random(shape) < 0.4
    got = multilabel_components(mask, corners=corners)
    expected = label_components(mask, faces_only=not corners)
    assert len(np.unique(np.stack([got.ravel(), expected.ravel()]), axis=1).T) == got.max() + (
        not mask.all()
    )
    assert got.max() == expected.max()
    np.testing.assert_array_equal(got > 0, mask)


@pytest.mark.parametrize("shape", [(16, 3), (7, 5), (3, 5, 7)])
def test_booleans_of_odd_sides_are_right(shape):
    mask = np.zeros(shape, bool)
    mask[(-1,) * len(shape)] = True
    np.testing.assert_array_equal(multilabel_components(mask, corners=True), mask)
