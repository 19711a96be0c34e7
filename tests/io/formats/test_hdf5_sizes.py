"""Voxel sizes in HDF5 as CREMI, ilastik, EMD, Velox and BigDataViewer write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.io.formats.hdf5_sizes import read_resolution
from napari_scsam.io.volumes import open_volume

STACK = np.random.default_rng(0).integers(0, 255, (4, 20, 30), np.uint8)


def write(path: Path, name: str, data: np.ndarray, **attributes: Any) -> None:
    with h5py.File(path, "a") as file:
        file[name] = data
        file[name].attrs.update(attributes)


@pytest.mark.parametrize(
    ("stated", "ndim", "sides", "origin"),
    [
        ((40, 4, 5), 3, (40, 4, 5), (400, 8, 12)),
        ((40, 4, 5), 2, (4, 5), (0, 8, 12)),
        ((1, 40, 4, 5), 4, (40, 4, 5), (400, 8, 12)),
        ((5,), 2, (), (0, 0, 0)),
    ],
)
def test_the_last_sizes_are_those_of_the_axes_in_space(
    stated: tuple[float, ...], ndim: int, sides: tuple[float, ...], origin: tuple[float, ...]
) -> None:
    assert read_resolution({"resolution": stated, "offset": (400, 8, 12)}, ndim) == (sides, origin)


def test_cremi_states_nanometres_and_an_offset(tmp_path: Path) -> None:
    write(
        tmp_path / "a.hdf", "volumes/raw", STACK, resolution=(40.0, 4.0, 4.0), offset=(400, 8, 12)
    )
    volume = open_volume(tmp_path / "a.hdf")
    assert volume.voxel_size == (40.0, 4.0, 4.0)
    assert volume.origin == (400.0, 8.0, 12.0)
    write(tmp_path / "b.h5", "raw", STACK, resolution=(1, 1, 1))
    assert open_volume(tmp_path / "b.h5").voxel_size is None
    write(tmp_path / "c.h5", "raw", STACK, resolution=(0.04, 0.004, 0.004), units="um")
    assert open_volume(tmp_path / "c.h5").voxel_size == (40.0, 4.0, 4.0)
    write(tmp_path / "d.h5", "raw", STACK, resolution="fine")
    assert open_volume(tmp_path / "d.h5").voxel_size is None


def test_ilastik_names_axes_in_any_order_and_their_resolution(tmp_path: Path) -> None:
    nm = {"x": 4.0, "y": 5.0, "z": 40.0}
    axes = [{"key": key, "resolution": nm.get(key, 0), "description": "nm"} for key in "xyzc"]
    write(
        tmp_path / "a.h5",
        "exported_data",
        STACK.transpose(2, 1, 0)[..., None],
        axistags=json.dumps({"axes": axes}),
    )
    volume = open_volume(tmp_path / "a.h5")
    assert volume.voxel_size == (40.0, 5.0, 4.0)
    np.testing.assert_array_equal(volume.data[...], STACK)


@pytest.mark.parametrize("order", ["zyx", "xyz"])
def test_emd_has_a_vector_for_each_axis(tmp_path: Path, order: str) -> None:
    steps = {"z": 30.0, "y": 5.0, "x": 4.0}
    with h5py.File(tmp_path / "a.emd", "w") as file:
        group = file.create_group("data/tomogram")
        group.attrs["emd_group_type"] = 1
        group["data"] = STACK.transpose(["zyx".index(axis) for axis in order])
        for number, axis in enumerate(order):
            vector = np.arange(group["data"].shape[number]) * steps[axis]
            group[f"dim{number + 1}"] = vector
            group[f"dim{number + 1}"].attrs.update({"name": axis, "units": "[n_m]"})
    volume = open_volume(tmp_path / "a.emd")
    assert volume.voxel_size == (30.0, 5.0, 4.0)
    np.testing.assert_array_equal(volume.data[...], STACK)


def test_velox_has_its_pixel_size_in_json(tmp_path: Path) -> None:
    record = {"BinaryResult": {"PixelSize": {"width": "4e-09", "height": "5e-09"}}}
    text = np.frombuffer(json.dumps(record).encode().ljust(60000, b"\0"), np.uint8)
    write(tmp_path / "a.emd", "Data/Image/8f1c/Data", STACK[0][..., None])
    write(tmp_path / "a.emd", "Data/Image/8f1c/Metadata", text[:, None])
    volume = open_volume(tmp_path / "a.emd:/Data/Image/8f1c/Data")
    assert volume.voxel_size == (5.0, 5.0, 4.0)
    np.testing.assert_array_equal(volume.data[...], STACK[0])
    np.testing.assert_array_equal(open_volume(tmp_path / "a.emd").data[...], STACK[0])


XML = """<SpimData><SequenceDescription><ViewSetups><ViewSetup><id>0</id><voxelSize>
<unit>micrometer</unit><size>0.004 0.005 0.03</size></voxelSize></ViewSetup></ViewSetups>
</SequenceDescription></SpimData>"""


def write_big_data_viewer(folder: Path, views: int = 1) -> np.ndarray:
    """Write what BigDataViewer exports: 16 bits without sign as a type with sign."""
    stack = (STACK.astype(np.uint16) * 250).view(np.int16)
    for view in range(views):
        write(folder / "a.h5", f"s0{view}/resolutions", np.ones((2, 3)))
        write(folder / "a.h5", f"s0{view}/subdivisions", np.ones((2, 3), np.int32))
        for level in range(2):
            step = level + 1
            write(folder / "a.h5", f"t00000/s0{view}/{level}/cells", stack[:, ::step, ::step])
    (folder / "a.xml").write_text(XML)
    return stack.view(np.uint16)


def test_big_data_viewer_has_an_xml_beside_it(tmp_path: Path) -> None:
    stack = write_big_data_viewer(tmp_path)
    volume = open_volume(tmp_path / "a.h5")
    assert volume.voxel_size == (30.0, 5.0, 4.0)
    assert volume.dtype == np.uint16
    np.testing.assert_array_equal(volume.data[...], stack)
    np.testing.assert_array_equal(volume.levels[0][...], stack[:, ::2, ::2])
    (tmp_path / "a.xml").write_text("<SpimData")
    assert open_volume(tmp_path / "a.h5").voxel_size is None


def test_several_views_of_big_data_viewer_are_listed(tmp_path: Path) -> None:
    stack = write_big_data_viewer(tmp_path, views=2)
    with pytest.raises(UserError, match="/t00000/s01/0/cells"):
        open_volume(tmp_path / "a.h5")
    named = open_volume(f"{tmp_path}/a.h5:/t00000/s01/0/cells")
    np.testing.assert_array_equal(named.data[...], stack)
