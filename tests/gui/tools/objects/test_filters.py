from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.gui.tools.objects.filters import Filters, size_column

COLUMNS = {
    "class": np.array(["ER", "ER", "PSD", "PSD"]),
    "voxels": np.array([10, 20, 30, 40]),
    "volume_um3": np.array([0.1, 0.2, np.nan, 0.4]),
    "touches_border": np.array([True, False, True, False]),
    "reviewed": np.array([False, False, True, True]),
}


@pytest.mark.parametrize(
    ("filters", "rows"),
    [
        (Filters(), [0, 1, 3]),
        (Filters(class_name="ER"), [0, 1]),
        (Filters(class_name="Golgi"), []),
        (Filters(smallest=0.2), [1, 3]),
        (Filters(largest=0.2), [0, 1]),
        (Filters(smallest=0.15, largest=0.3), [1]),
        (Filters(at_border=True), [0]),
        (Filters(at_border=False), [1, 3]),
        (Filters(reviewed=True), [3]),
        (Filters(reviewed=False), [0, 1]),
        (Filters(class_name="PSD", reviewed=True, at_border=False), [3]),
    ],
)
def test_an_object_is_shown_when_it_passes_every_filter(filters, rows):
    assert np.flatnonzero(filters.mask(COLUMNS)).tolist() == rows


def test_without_a_voxel_size_objects_are_filtered_by_voxels():
    columns = {key: values for key, values in COLUMNS.items() if key != "volume_um3"}
    assert np.flatnonzero(Filters(smallest=30).mask(columns)).tolist() == [2, 3]


@pytest.mark.parametrize("columns", [{}, {"class": np.zeros(0, "U1")}])
def test_an_empty_table_has_no_rows(columns):
    assert Filters(class_name="ER", smallest=3).mask(columns).tolist() == []


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["voxels", "volume_um3"], "volume_um3"),
        (["voxels", "area_um2"], "area_um2"),
        (["voxels"], "voxels"),
        ([], "voxels"),
    ],
)
def test_the_best_column_of_sizes_is_taken(keys, expected):
    assert size_column(dict.fromkeys(keys)) == expected
