from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.io.lazy import LazyArray
from napari_scsam.io.slice_files import SliceFiles
from napari_scsam.io.volumes import open_volume

STACK = np.arange(2 * 3 * 4 * 5, dtype=np.uint16).reshape(2, 3, 4, 5)


def test_fixed_axes_are_left_out() -> None:
    lazy = LazyArray(STACK, [1, None, None, None], "stack")
    assert (lazy.shape, lazy.ndim, lazy.size, lazy.nbytes, len(lazy)) == ((3, 4, 5), 3, 60, 120, 3)
    np.testing.assert_array_equal(np.asarray(lazy), STACK[1])


@pytest.mark.parametrize(
    "key",
    [
        0,
        -1,
        np.int64(2),
        slice(1, 3),
        (1, 2),
        (..., 3),
        (0, ..., slice(0, 4, 2)),
        (slice(None), 1),
        ...,
    ],
)
def test_keys_mean_what_they_mean_in_numpy(key: object) -> None:
    block = LazyArray(STACK, [0, None, None, None], "stack")[key]
    np.testing.assert_array_equal(block, STACK[0][key])


def test_too_many_keys_are_refused() -> None:
    with pytest.raises(IndexError):
        LazyArray(STACK, [0, None, None, None], "stack")[0, 0, 0, 0]


def test_blocks_have_the_byte_order_of_the_machine() -> None:
    lazy = LazyArray(STACK.astype(">u2"), [None] * 4, "big endian")
    assert lazy.dtype == np.uint16
    assert lazy.dtype.isnative
    assert lazy[0].dtype.isnative
    np.testing.assert_array_equal(lazy[0], STACK[0])


def test_booleans_become_bytes() -> None:
    lazy = LazyArray(np.eye(4, dtype=bool), [None, None], "mask")
    assert lazy.dtype == lazy[...].dtype == np.uint8
    assert lazy[...].max() == 1


def test_a_mapped_file_gives_blocks_of_their_own(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", STACK)
    lazy = LazyArray(np.load(tmp_path / "a.npy", mmap_mode="r"), [None] * 4, "mapped")
    block = lazy[0]
    block[...] = 0
    np.testing.assert_array_equal(lazy[0], STACK[0])


def test_a_damaged_block_is_told_in_one_sentence() -> None:
    class Broken:
        shape, dtype = (2, 3, 4), np.dtype(np.uint8)

        def __getitem__(self, key: object) -> None:
            raise OSError("short read")

    with pytest.raises(
        UserError, match=r"broken\.tif cannot be read at slice 1: .* \(short read\)"
    ):
        LazyArray(Broken(), [None] * 3, "broken.tif")[1]


def files_in(folder: Path, *names: str) -> list[Path]:
    """Create empty files."""
    for name in names:
        (folder / name).touch()
    return [folder / name for name in names]


def test_slice_files_are_read_only_when_asked_for(tmp_path: Path) -> None:
    read: list[str] = []

    def load(file: Path) -> np.ndarray:
        read.append(file.name)
        return STACK[0, int(file.name)]

    stack = SliceFiles(files_in(tmp_path, "0", "1", "2"), load, (4, 5), np.uint16)
    assert stack.shape == (3, 4, 5)
    np.testing.assert_array_equal(stack[1, 2:, :3], STACK[0, 1, 2:, :3])
    assert read == ["1"]
    np.testing.assert_array_equal(stack[::2, :, 0], STACK[0, ::2, :, 0])
    assert stack[3:, :2, 0].shape == (0, 2)
    assert read == ["1", "0", "2"]


def test_a_slice_that_differs_is_named(tmp_path: Path) -> None:
    stack = SliceFiles(
        files_in(tmp_path, "a.png", "b.png"),
        lambda file: np.zeros((4, 5 if file.name == "a.png" else 6)),
        (4, 5),
        float,
    )
    with pytest.raises(UserError, match=r"b\.png is \(4, 6\)"):
        LazyArray(stack, [None] * 3, "folder")[1]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what is mapped")
def test_a_mapped_file_does_not_fill_the_memory_of_the_process(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((64, 1024, 512), np.uint8))
    volume = open_volume(tmp_path / "a.npy")

    def mapped() -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("RssFile"))

    before = mapped()
    for z in range(volume.depth):
        assert volume.plane(z).all()
    assert mapped() - before < 4096, "kB; the file has 32768"
