from __future__ import annotations

import resource
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.io.formats.mrc import IMOD_STAMP
from napari_scsam.io.volumes import open_volume

STACK = np.random.default_rng(0).integers(0, 100, (4, 40, 50))


def write(
    path: Path, data: np.ndarray, angstrom_xyz: tuple[float, float, float] | float = 0
) -> None:
    with mrcfile.new(path, data) as mrc:
        mrc.voxel_size = angstrom_xyz


@pytest.mark.parametrize("dtype", ["i1", "i2", "u2", "f2", "f4"])
@pytest.mark.parametrize("suffix", [".mrc", ".rec", ".MRC"])
def test_all_modes(tmp_path: Path, dtype: str, suffix: str) -> None:
    write(tmp_path / f"a{suffix}", STACK.astype(dtype))
    volume = open_volume(tmp_path / f"a{suffix}")
    assert volume.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(volume.data[...], STACK)


def test_big_endian(tmp_path: Path) -> None:
    write(tmp_path / "a.mrc", STACK.astype(">i2"), 50)
    assert (tmp_path / "a.mrc").read_bytes()[212:214] == b"\x11\x11"
    volume = open_volume(tmp_path / "a.mrc")
    assert volume.dtype.isnative
    assert volume.voxel_size == (5, 5, 5)
    np.testing.assert_array_equal(volume.plane(3), STACK[3])


def test_angstrom_become_nanometres(tmp_path: Path) -> None:
    write(tmp_path / "a.mrc", STACK.astype("i2"), (102.4, 76.8, 50))
    assert open_volume(tmp_path / "a.mrc").voxel_size == (5, 7.68, 10.24)


@pytest.mark.parametrize("angstrom", [0, 1, (50, 50, 0)])
def test_no_size_and_one_angstrom_are_unknown(tmp_path: Path, angstrom: float) -> None:
    write(tmp_path / "a.mrc", STACK.astype("i2"), angstrom)
    assert open_volume(tmp_path / "a.mrc").voxel_size is None


def test_one_slice(tmp_path: Path) -> None:
    write(tmp_path / "a.mrc", STACK[0].astype("i2"), 50)
    volume = open_volume(tmp_path / "a.mrc")
    assert (volume.shape, volume.voxel_size) == ((40, 50), (5, 5, 5))


@pytest.mark.parametrize(("flags", "dtype"), [(0, np.uint8), (1, np.int8)])
def test_imod_says_whether_its_bytes_have_a_sign(tmp_path: Path, flags: int, dtype: type) -> None:
    grey = (STACK + 100).astype(np.uint8)
    write(tmp_path / "a.mrc", grey.view(np.int8))
    with (tmp_path / "a.mrc").open("r+b") as file:
        file.seek(152)
        file.write(np.array([IMOD_STAMP, flags], "<i4").tobytes())
    volume = open_volume(tmp_path / "a.mrc")
    assert volume.dtype == dtype
    np.testing.assert_array_equal(volume.plane(1), grey[1].view(dtype))


def test_statistics_above_127_say_that_bytes_have_no_sign(tmp_path: Path) -> None:
    write(tmp_path / "a.mrc", STACK.astype(np.int8))
    with (tmp_path / "a.mrc").open("r+b") as file:
        file.seek(76)
        file.write(np.array([0, 255, 120], "<f4").tobytes())
    volume = open_volume(tmp_path / "a.mrc")
    assert (volume.dtype, volume.notes) == (np.uint8, ())


def test_bytes_of_which_nothing_says_whether_they_have_a_sign_come_with_a_word(
    tmp_path: Path,
) -> None:
    write(tmp_path / "a.mrc", STACK.astype(np.int8))
    with (tmp_path / "a.mrc").open("r+b") as file:
        file.seek(76)
        file.write(bytes(12))
        file.seek(220)
        file.write(bytes(4))
    volume = open_volume(tmp_path / "a.mrc")
    assert volume.dtype == np.uint8
    assert ["they were read without" in note for note in volume.notes] == [True]


def test_a_200_gb_volume_opens_at_once(tmp_path: Path) -> None:
    write(tmp_path / "a.mrc", np.ones((1, 4000, 5000), np.int16), 80)
    with (tmp_path / "a.mrc").open("r+b") as file:
        file.seek(8)
        file.write(np.array([5000], "<i4").tobytes())
        file.seek(36)
        file.write(np.array([5000], "<i4").tobytes())
        file.seek(48)
        file.write(np.array([80 * 5000], "<f4").tobytes())
        file.seek(88)
        file.write(np.array([1], "<i4").tobytes())
        file.truncate(1024 + 5000 * 4000 * 5000 * 2)
    volume = open_volume(tmp_path / "a.mrc")
    assert volume.shape == (5000, 4000, 5000)
    assert volume.data.nbytes == 2 * 10**11
    assert volume.data[0, 5, 5] == 1
    assert not volume.data[4999, :10, :10].any()


def test_complex_values_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.mrc", STACK.astype(np.complex64))
    with pytest.raises(UserError, match="complex64"):
        open_volume(tmp_path / "a.mrc")


@pytest.mark.parametrize("kept", [500, 2000])
def test_a_file_cut_short_is_refused(tmp_path: Path, kept: int) -> None:
    write(tmp_path / "a.mrc", STACK.astype("i2"))
    (tmp_path / "cut.mrc").write_bytes((tmp_path / "a.mrc").read_bytes()[:kept])
    with pytest.raises(UserError, match=r"cut\.mrc cannot be opened"):
        open_volume(tmp_path / "cut.mrc")


def test_another_format_by_this_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mrc").write_bytes(b"no header" * 500)
    with pytest.raises(UserError, match=r"a\.mrc cannot be opened"):
        open_volume(tmp_path / "a.mrc")


@pytest.mark.parametrize(
    ("at", "number"),
    [
        (0, 60_000),  # columns
        (8, 2**31 - 1),  # slices
        (8, -1),
        (0, 0),
        (12, 3),  # mode
        (12, -7),
        (92, 1_500_000_000),  # extended header
        (92, -4),
    ],
)
def test_a_header_that_states_more_than_the_file_has_takes_no_memory(
    tmp_path: Path, at: int, number: int
) -> None:
    write(tmp_path / "a.mrc", STACK.astype("i2"), 50)
    with (tmp_path / "a.mrc").open("r+b") as file:
        file.seek(at)
        file.write(np.array([number], "<i4").tobytes())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match=r"a\.mrc cannot be opened: .*header|mode"):
        open_volume(tmp_path / "a.mrc")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


def test_a_file_shorter_than_a_header_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.mrc").write_bytes(bytes(1000))
    with pytest.raises(UserError, match=r"a\.mrc cannot be opened: .*shorter than the header"):
        open_volume(tmp_path / "a.mrc")
