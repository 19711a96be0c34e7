"""Classes become kinds of objects: with their parts, and a folder for each."""

from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.volume.instances.kinds import ObjectKind, kinds_of

TABLE = (
    ClassSpec(1, "mitochondrion"),
    ClassSpec(2, "boundary", part_of="mitochondrion"),
    ClassSpec(3, "crista", part_of="boundary"),
    ClassSpec(4, "ER", part_of="cell"),
)


def test_parts_and_their_parts_belong_to_the_whole():
    assert kinds_of(TABLE, None) == (ObjectKind("mitochondrion", (1, 2, 3)), ObjectKind("ER", (4,)))
    assert kinds_of(TABLE, ["boundary"]) == (ObjectKind("boundary", (2, 3)),)


def test_a_mask_holds_all_values_of_a_kind():
    labels = np.array([[0, 1, 2], [3, 4, 5]])
    assert ObjectKind("a", (1, 3)).mask(labels).tolist() == [
        [False, True, False],
        [True, False, False],
    ]
    assert ObjectKind("a", ()).mask(labels).sum() == 5


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("ER/golgi", "ER_golgi"),
        ("..", "_"),
        (".hidden", "_hidden"),
        ("__a", "_a"),
        ("µ m", "µ m"),
        ("zarr.json", "_zarr.json"),
    ],
)
def test_a_folder_has_a_name_that_every_system_takes(name, folder):
    assert ObjectKind(name, (1,)).folder == folder


def test_two_names_that_would_be_one_folder_are_refused():
    with pytest.raises(UserError, match="share the folder 'a_b'"):
        kinds_of((ClassSpec(1, "a/b"), ClassSpec(2, "a:b")), None)
