"""MRC files as other programs write them: other axes, stamps, sizes and compressions."""

from __future__ import annotations

import bz2
import gzip
import tempfile
from itertools import permutations
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.io.formats.mrc import FOUR_BITS, RGB
from napari_scsam.io.volumes import open_volume

STACK = np.random.default_rng(1).integers(0, 100, (4, 10, 15), np.int16)


def write(path: Path, data: np.ndarray, angstrom: Any = 50.0) -> None:
    with mrcfile.new(path, data) as mrc:
        mrc.voxel_size = angstrom


def patch(path: Path, at: int, numbers: Any, dtype: str = "<i4") -> None:
    """Write numbers at a place of a file."""
    with path.open("r+b") as file:
        file.seek(at)
        file.write(np.array(numbers, dtype).tobytes())


@pytest.mark.parametrize("axes", list(permutations((1, 2, 3))))
def test_columns_rows_and_sections_are_the_axes_that_the_header_says(
    tmp_path: Path, axes: tuple[int, int, int]
) -> None:
    write(tmp_path / "a.map", STACK)
    patch(tmp_path / "a.map", 64, axes)
    sizes = dict(zip(axes, (15, 10, 4), strict=True))  # along x, y, z
    grid = [sizes[axis] for axis in (1, 2, 3)]
    patch(tmp_path / "a.map", 28, grid)
    patch(tmp_path / "a.map", 40, np.array(grid) * (30.0, 40.0, 70.0), "<f4")
    volume = open_volume(tmp_path / "a.map")
    stored = "".join(" xyz"[axis] for axis in reversed(axes))
    assert volume.voxel_size == (7.0, 4.0, 3.0)
    np.testing.assert_array_equal(
        volume.data[...], STACK.transpose([stored.index(axis) for axis in "zyx"])
    )


@pytest.mark.parametrize("stamp", [b"", b"\0\0\0\0", b"junk"])
def test_a_file_without_the_stamp_is_read_with_a_word(tmp_path: Path, stamp: bytes) -> None:
    write(tmp_path / "a.mrc", STACK)
    data = (tmp_path / "a.mrc").read_bytes()
    (tmp_path / "a.mrc").write_bytes(data[:208] + stamp.ljust(8, b"\0") + data[216:])
    volume = open_volume(tmp_path / "a.mrc")
    np.testing.assert_array_equal(volume.data[...], STACK)
    assert "no stamp" in volume.notes[0]


@pytest.mark.parametrize(("order", "wrong"), [("<", b"\x11\x11"), (">", b"\x44\x44")])
def test_a_wrong_machine_stamp_is_noticed(tmp_path: Path, order: Any, wrong: bytes) -> None:
    write(tmp_path / "a.mrc", STACK.astype(STACK.dtype.newbyteorder(order)))
    patch(tmp_path / "a.mrc", 212, np.frombuffer(wrong, np.uint8), "u1")
    volume = open_volume(tmp_path / "a.mrc")
    np.testing.assert_array_equal(volume.data[...], STACK)
    assert volume.voxel_size == (5.0, 5.0, 5.0)


@pytest.mark.parametrize("columns", [14, 15])
def test_four_bits_a_voxel(tmp_path: Path, columns: int) -> None:
    voxels = np.random.default_rng(2).integers(0, 16, (4, 10, columns), np.uint8)
    padded = np.pad(voxels, ((0, 0), (0, 0), (0, columns % 2)))
    write(tmp_path / "a.mrc", (padded[..., ::2] | padded[..., 1::2] << 4).view(np.int8))
    patch(tmp_path / "a.mrc", 0, [columns, 10, 4, FOUR_BITS])
    volume = open_volume(tmp_path / "a.mrc")
    np.testing.assert_array_equal(volume.data[...], voxels)
    np.testing.assert_array_equal(volume.data[2, 3:5, 1:8:2], voxels[2, 3:5, 1:8:2])
    (tmp_path / "a.mrc").write_bytes((tmp_path / "a.mrc").read_bytes()[:-1])
    with pytest.raises(UserError, match=r"states .* bytes"):
        open_volume(tmp_path / "a.mrc")


def test_three_bytes_a_voxel_are_grey_if_they_are_equal(tmp_path: Path) -> None:
    grey = STACK.astype(np.int8)
    write(tmp_path / "a.mrc", np.repeat(grey, 3, -1))
    patch(tmp_path / "a.mrc", 0, [15, 10, 4, RGB])
    np.testing.assert_array_equal(open_volume(tmp_path / "a.mrc").data[...], grey)


def test_a_distance_of_slices_that_nobody_set_leaves_y_and_x_known(tmp_path: Path) -> None:
    write(tmp_path / "a.st", STACK, (32.0, 32.0, 1.0))
    volume = open_volume(tmp_path / "a.st")
    assert volume.voxel_size is None
    assert volume.pixel_size == (3.2, 3.2)


def test_ten_angstrom_are_one_nanometre(tmp_path: Path) -> None:
    write(tmp_path / "a.mrc", STACK, 10.0)
    assert open_volume(tmp_path / "a.mrc").voxel_size == (1.0, 1.0, 1.0)


def test_a_stack_of_volumes_has_time_points(tmp_path: Path) -> None:
    volumes = np.random.default_rng(3).integers(0, 99, (3, 4, 10, 15)).astype(np.int16)
    write(tmp_path / "a.mrcs", volumes)
    np.testing.assert_array_equal(open_volume(tmp_path / "a.mrcs", time=2).data[...], volumes[2])
    with pytest.raises(UserError, match="--time 0 to 2"):
        open_volume(tmp_path / "a.mrcs")


@pytest.mark.parametrize(("suffix", "packer"), [(".gz", gzip), (".bz2", bz2)])
def test_compressed_files_are_unpacked_when_they_are_needed(
    tmp_path: Path, suffix: str, packer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a.mrc", STACK)
    packed = tmp_path / f"a.mrc{suffix}"
    packed.write_bytes(packer.compress((tmp_path / "a.mrc").read_bytes()))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    volume = open_volume(packed)
    assert volume.voxel_size == (5.0, 5.0, 5.0)
    np.testing.assert_array_equal(volume.plane(3), STACK[3])
    assert not list((tmp_path / "temporary").iterdir())
    short = tmp_path / f"b.mrc{suffix}"
    short.write_bytes(packer.compress((tmp_path / "a.mrc").read_bytes()[:-100]))
    with pytest.raises(UserError, match=r"ends .* bytes early"):
        open_volume(short).plane(0)
    packed.write_bytes(packed.read_bytes()[:-40])
    with pytest.raises(UserError):
        open_volume(packed).plane(3)


def test_compressed_files_of_other_kinds_are_explained(tmp_path: Path) -> None:
    (tmp_path / "a.tif.gz").write_bytes(gzip.compress(b"II*"))
    with pytest.raises(UserError, match="unpack it and open the result"):
        open_volume(tmp_path / "a.tif.gz")
