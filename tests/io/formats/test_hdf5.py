from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.io.formats.hdf5 import split_hdf5_path
from napari_scsam.io.volumes import open_volume

STACK = np.random.default_rng(0).integers(0, 100, (4, 40, 50))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a.h5", (Path("a.h5"), None)),
        ("a.h5:", (Path("a.h5"), None)),
        ("dir.d/a.hdf5:/em/raw", (Path("dir.d/a.hdf5"), "/em/raw")),
        ("C:/data/A.H5:raw", (Path("C:/data/A.H5"), "raw")),
        ("a.tif", None),
        ("a.h5.zarr", None),
    ],
)
def test_the_path_inside_stands_after_the_colon(
    text: str, parts: tuple[Path, str | None] | None
) -> None:
    assert split_hdf5_path(text) == parts


@pytest.mark.parametrize("dtype", ["u1", "i1", ">u2", "<i4", ">f4", "f8", "u8", "bool"])
def test_all_types(tmp_path: Path, dtype: str) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["em/raw"] = STACK.astype(dtype)
        file["names"] = ["x", "y"]
        file["table"] = np.arange(5)
    volume = open_volume(tmp_path / "a.h5")
    assert volume.dtype.isnative
    np.testing.assert_array_equal(volume.data[...], STACK.astype(dtype))
    np.testing.assert_array_equal(volume.data[-1, 3:, ::2], STACK.astype(dtype)[-1, 3:, ::2])


def test_a_named_data_set_and_reopening_by_path(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["raw"] = STACK
        file["labels"] = STACK > 50
    volume = open_volume(f"{tmp_path}/a.h5:/labels")
    assert volume.name == "labels"
    assert volume.path is not None
    np.testing.assert_array_equal(open_volume(volume.path).plane(1), STACK[1] > 50)


def test_several_data_sets_are_listed(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["em/raw"] = STACK
        file["labels"] = STACK
    with pytest.raises(UserError, match=r"a\.h5:/path, one of: /em/raw, /labels"):
        open_volume(tmp_path / "a.h5")
    with pytest.raises(UserError, match=r"no data set '/raw'.*: /em/raw, /labels"):
        open_volume(f"{tmp_path}/a.h5:/raw")
    with pytest.raises(UserError, match="no data set '/em'"):
        open_volume(f"{tmp_path}/a.h5:/em")


def test_a_file_without_images(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["table"] = np.arange(5)
    with pytest.raises(UserError, match="no data set of numbers"):
        open_volume(tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("size_um", "voxel_size"),
    [
        ((0.04, 0.00768, 0.01024), (40, 7.68, 10.24)),
        ((1, 1, 1), None),
        ((0, 0.01, 0.01), None),
        (0.01, None),
    ],
)
def test_element_size(tmp_path: Path, size_um: object, voxel_size: object) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["raw"] = STACK
        file["raw"].attrs["element_size_um"] = size_um
        file["slice"] = STACK[0]
        file["slice"].attrs["element_size_um"] = (0.04, 0.005, 0.006)
    assert open_volume(f"{tmp_path}/a.h5:raw").voxel_size == voxel_size
    assert open_volume(f"{tmp_path}/a.h5:slice").voxel_size == (5, 5, 6)


def test_ilastik_names_its_axes(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["exported_data"] = STACK[..., None]
        file["exported_data"].attrs["axistags"] = json.dumps(
            {"axes": [{"key": key} for key in "zyxc"]}
        )
    volume = open_volume(tmp_path / "a.h5")
    np.testing.assert_array_equal(volume.data[...], STACK)
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["exported_data"] = STACK
        file["exported_data"].attrs["axistags"] = json.dumps(
            {"axes": [{"key": key} for key in "xyz"]}
        )
    np.testing.assert_array_equal(open_volume(tmp_path / "b.h5").data[...], STACK.T)


def test_a_tera_voxel_data_set_opens_at_once(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset(
            "raw", (10_000, 10_000, 10_000), np.uint8, chunks=(1, 256, 256), fillvalue=3
        )
        data[9_999, :4, :4] = 9
    assert (tmp_path / "a.h5").stat().st_size < 1e6
    volume = open_volume(tmp_path / "a.h5")
    np.testing.assert_array_equal(volume.data[9_999, 3:5, 0], [9, 3])


def test_a_damaged_file_and_another_format(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["raw"] = STACK
    (tmp_path / "cut.h5").write_bytes((tmp_path / "a.h5").read_bytes()[:-3000])
    (tmp_path / "text.h5").write_text("not HDF5")
    for name in ("cut.h5", "text.h5"):
        with pytest.raises(UserError, match="cannot be opened"):
            open_volume(tmp_path / name)


def test_text_and_complex_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["text"] = np.full((3, 4), b"abc")
        file["wave"] = STACK.astype(complex)
    for name in ("text", "wave"):
        with pytest.raises(UserError, match="integers or floating-point"):
            open_volume(f"{tmp_path}/a.h5:{name}")


def test_a_single_slice_is_an_image(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "flat.h5", "w") as file:
        file["slice"] = np.arange(12, dtype=np.uint8).reshape(3, 4)
        file["row"] = np.arange(5, dtype=np.uint8)
    volume = open_volume(tmp_path / "flat.h5")
    assert volume.shape == (3, 4)
    assert volume.depth == 1
    assert volume.plane(0).tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


def test_a_file_that_only_leads_to_others_names_them(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["t00000/s00"] = h5py.ExternalLink("a-00.h5", "/t00000/s00")
        file["s00/resolutions"] = np.ones((1, 3))
        file["s00/subdivisions"] = np.ones((1, 3))
    with pytest.raises(UserError, match=r"leads to data in other files; open a-00\.h5:/t00000/s00"):
        open_volume(tmp_path / "a.h5")
