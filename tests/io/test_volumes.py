from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dask.array as da
import h5py
import numpy as np
import pytest
import tifffile
import zarr

from napari_scsam.config import UserError
from napari_scsam.io.volumes import as_volume, open_labels, open_volume

STACK = np.random.default_rng(0).integers(0, 200, (6, 40, 50)).astype(np.uint8)


def test_a_stack_in_memory() -> None:
    volume = as_volume(STACK, voxel_size=(40, 10, 10), name="em")
    assert (volume.name, volume.shape, volume.ndim, volume.depth, volume.dtype) == (
        "em",
        STACK.shape,
        3,
        6,
        np.uint8,
    )
    assert (volume.voxel_size, volume.origin, volume.path, volume.levels) == (
        (40, 10, 10),
        (0, 0, 0),
        None,
        (),
    )
    np.testing.assert_array_equal(volume.plane(4), STACK[4])


def test_a_slice_in_memory() -> None:
    volume = as_volume(STACK[0].tolist(), voxel_size=5)
    assert (volume.shape, volume.depth, volume.voxel_size) == ((40, 50), 1, (5, 5, 5))
    np.testing.assert_array_equal(volume.plane(0), STACK[0])


def test_a_dask_array_is_computed_slice_by_slice() -> None:
    asked: list[int] = []

    def load(block_info: dict) -> np.ndarray:
        z = block_info[None]["chunk-location"][0]
        asked.append(z)
        return STACK[z : z + 1]

    lazy = da.map_blocks(
        load, chunks=((1,) * 6, (40,), (50,)), dtype=np.uint8, meta=np.empty((0, 0, 0), np.uint8)
    )
    volume = as_volume(lazy)
    plane = volume.plane(3)
    assert isinstance(plane, np.ndarray)
    np.testing.assert_array_equal(plane, STACK[3])
    assert asked == [3]


@pytest.mark.parametrize(
    "shape", [(1, 6, 40, 50), (1, 1, 6, 40, 50), (6, 40, 50, 1), (1, 6, 40, 50, 1)]
)
def test_singletons_around_a_stack_are_dropped(shape: tuple[int, ...]) -> None:
    np.testing.assert_array_equal(as_volume(STACK.reshape(shape)).data[...], STACK)


def test_one_slice_of_a_stack_stays_a_stack() -> None:
    assert as_volume(STACK[:1]).shape == (1, 40, 50)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((40, 50, 3), np.uint8), "colour"),
        (np.zeros((6, 40, 50, 4), np.uint8), "colour"),
        (np.zeros((2, 6, 40, 50)), r"2 channels \(shape 2 x 6 x 40 x 50"),
        (np.zeros((3, 1, 6, 40, 50)), "3 time points"),
        (np.zeros(7), r"shape 7; choose an image \(y, x\) or"),
        (np.zeros((2, 1, 1, 6, 40, 50)), r"shape 2 x 1 x .*; choose an image"),
        (np.zeros((6, 0, 50)), "is empty"),
        (np.zeros((40, 50), complex), "complex128"),
        (np.full((40, 50), "a"), "<U1 values"),
        (np.zeros((40, 50), object), "object values"),
        (np.zeros((40, 50), "datetime64[s]"), "datetime64"),
    ],
)
def test_what_is_no_volume_is_refused_in_one_sentence(array: np.ndarray, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        as_volume(array, name="em")
    assert str(caught.value).startswith("em ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("voxel_size", [0, (5, -5), (1, 2, 3, 4), float("nan")])
def test_an_unusable_voxel_size_is_refused(voxel_size: object) -> None:
    with pytest.raises(UserError, match="voxel size"):
        as_volume(STACK, voxel_size=voxel_size)  # type: ignore[arg-type]


def test_missing_unknown_and_empty_files(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_text("x")
    (tmp_path / "plain").write_text("x")
    for name in ("a.tif", "a.h5", "a.mrc"):
        (tmp_path / name).touch()
        with pytest.raises(UserError, match="is an empty file"):
            open_volume(tmp_path / name)
    with pytest.raises(UserError, match=r"suffix '\.docx'.*use OME-Zarr"):
        open_volume(tmp_path / "a.docx")
    with pytest.raises(UserError, match="no suffix"):
        open_volume(tmp_path / "plain")
    for name in ("b.tif", "b.zarr", "b.h5:/raw", "b.docx"):
        with pytest.raises(UserError, match=r"b\.\w+ does not exist; check the path"):
            open_volume(f"{tmp_path}/{name}")


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.h5", "a.mrc"])
def test_text_with_the_name_of_a_volume(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("this is not an image " * 100)
    with pytest.raises(UserError, match=rf"{name} cannot be opened: .*not what its name says"):
        open_volume(tmp_path / name)


def test_labels_are_integers(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "labels.tif", (STACK > 100).astype(np.uint16))
    tifffile.imwrite(tmp_path / "mask.tif", STACK > 100)
    tifffile.imwrite(tmp_path / "grey.tif", STACK.astype(np.float32))
    assert open_labels(tmp_path / "labels.tif").dtype == np.uint16
    assert open_labels(tmp_path / "mask.tif").dtype == np.uint8
    with pytest.raises(UserError, match=r"grey\.tif holds float32 values, but labels are integers"):
        open_labels(tmp_path / "grey.tif")


@pytest.mark.parametrize("name", ["c.tif", "m.tif", "a.zarr", "a.h5"])
def test_threads_may_read_at_the_same_time(tmp_path: Path, name: str) -> None:
    stack = np.arange(24, dtype=np.uint8)[:, None, None] * np.ones((1, 64, 64), np.uint8)
    tifffile.imwrite(tmp_path / "c.tif", stack, compression="zlib", rowsperstrip=16)
    tifffile.imwrite(tmp_path / "m.tif", stack)
    zarr.create_array(tmp_path / "a.zarr", data=stack, chunks=(1, 32, 32))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("raw", data=stack, chunks=(1, 32, 32), compression="gzip")
    volume = open_volume(tmp_path / name)
    order = np.random.default_rng(0).integers(0, 24, 60)
    with ThreadPoolExecutor(8) as pool:
        planes = list(pool.map(volume.plane, order))
    assert all((plane == z).all() for plane, z in zip(planes, order, strict=True))


def with_shape(tmp_path: Path, kind: str, shape: tuple[int, ...]) -> Path:
    """Write an image that states a shape and holds nothing."""
    path = tmp_path / f"a.{kind}"
    if kind == "h5":
        with h5py.File(path, "w") as file:
            file.create_dataset("x", shape, "u1", chunks=(1, 64, 64))
    else:
        zarr.create_array(
            path,
            shape=shape,
            chunks=(1, 64, 64),
            dtype="u1",
            zarr_format=3 if kind == "zarr" else 2,
        )
    return path


@pytest.mark.parametrize("kind", ["zarr", "v2.zarr", "h5"])
@pytest.mark.parametrize("shape", [(1 << 62, 64, 64), (64, 1 << 30, 1 << 30)], ids=str)
def test_more_voxels_than_64_bits_count_are_refused(
    tmp_path: Path, kind: str, shape: tuple[int, ...]
) -> None:
    """Such a depth ended in an error of numpy, or its product in a negative size."""
    path = with_shape(tmp_path, kind, shape)
    with pytest.raises(UserError, match=r"states .* voxels, more than any disk holds"):
        open_volume(path)


@pytest.mark.parametrize("kind", ["zarr", "v2.zarr", "h5"])
def test_a_petabyte_opens(tmp_path: Path, kind: str) -> None:
    volume = open_volume(with_shape(tmp_path, kind, (1 << 20, 1 << 15, 1 << 15)))
    assert volume.data.nbytes == 1 << 50
