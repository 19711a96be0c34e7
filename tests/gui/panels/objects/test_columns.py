from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.gui.panels.objects.columns import comparable, heading, plotted, text_of


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("volume_um3", "volume µm³"),
        ("longest_axis_um", "longest axis µm"),
        ("z0_voxel", "z0 voxel"),
        ("touches_border", "at border"),
        ("sphericity", "sphericity"),
    ],
)
def test_headings_have_units(key, shown):
    assert heading(key) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (np.float64(0.0000412912), "0.00004129"),
        (np.float64(1234.5678), "1235"),
        (np.float64(2.0), "2"),
        (np.float64(np.nan), ""),
        (np.int64(22152), "22\u2009152"),
        (np.bool_(False), ""),
        (np.str_("vesicle"), "vesicle"),
    ],
)
def test_numbers_have_few_digits_and_no_exponents(value, shown):
    assert text_of(value) == shown


def test_texts_are_compared_as_numbers_in_their_order():
    assert comparable(np.array(["b", "a", "c", "a"])).tolist() == [1, 0, 2, 0]


def test_numbers_alone_are_plotted():
    columns = {"id": np.arange(2), "class": np.array(["a", "b"]), "voxels": np.arange(2)}
    assert plotted(columns) == ["voxels"]
