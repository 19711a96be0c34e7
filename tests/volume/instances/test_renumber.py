"""Labels are looked up in a table, in place where they fit."""

from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.volume.instances.renumber import looked_up


@pytest.mark.parametrize("dtype", [np.uint32, np.uint64])
@pytest.mark.parametrize("writeable", [True, False])
def test_a_table_gives_each_label_its_id(dtype, writeable):
    labels = np.random.default_rng(0).integers(0, 5, (3, 4, 5)).astype(np.uint32)
    table = np.array([0, 7, 7, 0, 2**32 - 1], dtype)
    expected = table[labels]
    labels.flags.writeable = writeable
    got = looked_up(table, labels)
    np.testing.assert_array_equal(got, expected)
    assert got.dtype == dtype
