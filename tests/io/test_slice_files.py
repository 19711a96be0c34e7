"""A stack with one file per slice."""

from pathlib import Path

import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.io.slice_files import SliceFiles

STACK = np.arange(4 * 5 * 6, dtype=np.uint16).reshape(4, 5, 6)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = []
    for number, plane in enumerate(STACK):
        paths.append(tmp_path / f"{number}.npy")
        np.save(paths[-1], plane)
    return paths


@pytest.fixture
def stack(files: list[Path]) -> SliceFiles:
    return SliceFiles(files, np.load, (5, 6), ">u2")


@pytest.mark.parametrize(
    "key",
    [
        (2,),
        (-1,),
        (slice(None),),
        (slice(1, 3), slice(2, 4)),
        (slice(None, None, -2), 3, slice(1, 5)),
        (0, slice(None), 2),
        (slice(2, 2), slice(0, 3), slice(1, 5)),
    ],
)
def test_it_is_indexed_as_an_array(stack, key):
    found = stack[key]
    np.testing.assert_array_equal(found, STACK[key])
    assert found.shape == STACK[key].shape


def test_its_shape_and_type_are_known_before_anything_is_read(files):
    def never(_path):
        raise AssertionError

    stack = SliceFiles(files, never, (5, 6), ">u2")
    assert stack.shape == (4, 5, 6)
    assert stack.dtype == np.dtype("=u2")


def test_only_the_slices_that_are_asked_for_are_read(files):
    read = []

    def noted(path):
        read.append(path.name)
        return np.load(path)

    _ = SliceFiles(files, noted, (5, 6), "u2")[slice(1, 3),]
    assert read == ["1.npy", "2.npy"]


@pytest.mark.parametrize("values", [np.zeros((5, 7), "u2"), np.zeros((5, 6), "u1")])
def test_a_slice_of_another_size_or_type_is_named(files, values):
    def other(_path):
        return values

    with pytest.raises(UserError, match=r"1\.npy is .* but the first slice of its folder is"):
        _ = SliceFiles(files, other, (5, 6), "u2")[1,]


def test_a_slice_that_was_changed_since_is_named(stack, files):
    np.save(files[1], np.zeros((50, 60)))
    with pytest.raises(UserError, match=r"1\.npy"):
        _ = stack[1,]
    np.testing.assert_array_equal(stack[0,], STACK[0])


def test_a_damaged_slice_is_a_sentence_that_names_it(files):
    def damaged(_path):
        raise ValueError("bad bytes")

    with pytest.raises(UserError, match=r"2\.npy cannot be opened: .*bad bytes"):
        _ = SliceFiles(files, damaged, (5, 6), "u2")[2,]
