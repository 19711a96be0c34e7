from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.storage import LocalStore

from napari_scsam.config import UserError
from napari_scsam.io.volumes import open_volume

STACK = np.random.default_rng(0).integers(0, 200, (4, 40, 50)).astype(np.uint8)
SCALE = {"z": 5.0, "y": 7.68, "x": 10.24}


def write_multiscale(
    path: Path,
    version: str = "0.5",
    axes: str = "zyx",
    unit: str | None = "nanometer",
    scale: dict[str, float] | None = None,
    translation: list[float] | None = None,
    whole: list[dict[str, Any]] | None = None,
) -> None:
    """Write STACK and a half-size level as NGFF, with singleton axes before z."""
    sizes = SCALE if scale is None else scale
    group = zarr.open_group(path, mode="w", zarr_format=3 if version == "0.5" else 2)
    datasets = []
    for level, step in enumerate((1, 2)):
        array = STACK[:, ::step, ::step] if "z" in axes else STACK[0, ::step, ::step]
        group.create_array(
            str(level), data=array.reshape([1] * (len(axes) - array.ndim) + list(array.shape))
        )
        factors = [sizes.get(a, 1.0) * (step if a in "yx" else 1) for a in axes]
        steps: list[dict[str, Any]] = [{"type": "scale", "scale": factors}]
        steps += [{"type": "translation", "translation": translation}] if translation else []
        datasets.append({"path": str(level), "coordinateTransformations": steps})
    kinds = {"t": "time", "c": "channel"}
    described = [
        {
            "name": a,
            "type": kinds.get(a, "space"),
            **({"unit": unit} if unit and a in "zyx" else {}),
        }
        for a in axes
    ]
    multiscale = {
        "axes": described,
        "datasets": datasets,
        **({"coordinateTransformations": whole} if whole else {}),
    }
    if version == "0.5":
        group.attrs["ome"] = {"version": "0.5", "multiscales": [multiscale]}
    else:
        group.attrs["multiscales"] = [{"version": version, **multiscale}]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("axes", ["tczyx", "czyx", "zyx"])
def test_ngff(tmp_path: Path, version: str, axes: str) -> None:
    write_multiscale(tmp_path / "a.ome.zarr", version, axes)
    volume = open_volume(tmp_path / "a.ome.zarr")
    assert (volume.name, volume.voxel_size, volume.origin) == ("a", (5, 7.68, 10.24), (0, 0, 0))
    np.testing.assert_array_equal(volume.data[...], STACK)
    np.testing.assert_array_equal(volume.plane(2), STACK[2])
    assert [level.shape for level in volume.levels] == [(4, 20, 25)]
    np.testing.assert_array_equal(volume.levels[0][1], STACK[1, ::2, ::2])


@pytest.mark.parametrize("axes", ["yx", "cyx", "tcyx"])
def test_ngff_of_one_slice(tmp_path: Path, axes: str) -> None:
    write_multiscale(tmp_path / "a.zarr", axes=axes)
    volume = open_volume(tmp_path / "a.zarr")
    assert (volume.shape, volume.voxel_size) == ((40, 50), (7.68, 7.68, 10.24))
    np.testing.assert_array_equal(volume.plane(0), STACK[0])


def test_units_and_transformations_of_the_whole_image(tmp_path: Path) -> None:
    write_multiscale(
        tmp_path / "a.zarr",
        unit="micrometer",
        translation=[1.0, 2.0, 3.0],
        whole=[
            {"type": "scale", "scale": [0.001, 0.001, 0.002]},
            {"type": "translation", "translation": [0.1, 0, 0]},
        ],
    )
    volume = open_volume(tmp_path / "a.zarr")
    assert volume.voxel_size == (5, 7.68, 20.48)
    assert volume.origin == pytest.approx((101, 2, 6))


@pytest.mark.parametrize(("unit", "scale"), [(None, SCALE), ("micrometer", {}), ("second", SCALE)])
def test_a_scale_without_unit_and_a_scale_of_one_are_unknown(
    tmp_path: Path, unit: str | None, scale: dict[str, float]
) -> None:
    write_multiscale(tmp_path / "a.zarr", unit=unit, scale=scale, translation=[9.0, 9.0, 9.0])
    volume = open_volume(tmp_path / "a.zarr")
    assert (volume.voxel_size, volume.origin) == (None, (0, 0, 0))


def test_a_given_voxel_size_comes_before_the_files(tmp_path: Path) -> None:
    write_multiscale(tmp_path / "a.zarr")
    assert open_volume(tmp_path / "a.zarr", voxel_size=(8, 4)).voxel_size == (8, 8, 4)


def test_axes_of_older_versions(tmp_path: Path) -> None:
    write_multiscale(tmp_path / "a.zarr", "0.4", "tczyx")
    group = zarr.open_group(tmp_path / "a.zarr", mode="r+")
    multiscale = group.attrs["multiscales"][0]  # type: ignore[index]
    for axes in (list("tczyx"), None):
        group.attrs["multiscales"] = [
            {**multiscale, "axes": axes} if axes else {"datasets": [{"path": "0"}]}
        ]  # type: ignore[dict-item]
        volume = open_volume(tmp_path / "a.zarr")
        assert (volume.shape, volume.voxel_size) == (STACK.shape, None)


@pytest.mark.parametrize(("axes", "what"), [("tzyx", "4 time points"), ("czyx", "4 channels")])
def test_real_channels_and_times_are_refused(tmp_path: Path, axes: str, what: str) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    group.create_array("0", data=STACK[:, None])
    group.attrs["ome"] = {
        "multiscales": [{"axes": [{"name": a} for a in axes], "datasets": [{"path": "0"}]}]
    }
    with pytest.raises(UserError, match=f"{what}.*choose one with --"):
        open_volume(tmp_path / "a.zarr")


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("dtype", ["u1", ">u2", "<i4", ">f4", "f8", "i8", "bool"])
def test_plain_arrays(tmp_path: Path, zarr_format: Any, dtype: str) -> None:
    zarr.create_array(
        tmp_path / "a.zarr", data=STACK.astype(dtype), chunks=(1, 16, 16), zarr_format=zarr_format
    )
    zarr.open_group(tmp_path / "g.zarr", mode="w", zarr_format=zarr_format).create_array(
        "em/raw", data=STACK.astype(dtype)
    )
    for name in ("a.zarr", "g.zarr", "g.zarr/em/raw"):
        volume = open_volume(tmp_path / name)
        assert volume.dtype.isnative
        assert volume.voxel_size is None
        np.testing.assert_array_equal(volume.data[...], STACK.astype(dtype))


def test_several_arrays_are_listed(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    group.create_array("raw", data=STACK)
    group.create_array("seg/cells", data=STACK)
    with pytest.raises(
        UserError, match=r"several images; open one of: .*a\.zarr/raw, .*a\.zarr/seg/cells"
    ):
        open_volume(tmp_path / "a.zarr")


def test_an_image_is_found_within_groups_and_comes_before_its_labels(tmp_path: Path) -> None:
    zarr.open_group(tmp_path / "a.zarr", mode="w").attrs["bioformats2raw.layout"] = 3
    write_multiscale(tmp_path / "a.zarr" / "0")
    assert open_volume(tmp_path / "a.zarr").voxel_size == (5, 7.68, 10.24)
    zarr.open_group(tmp_path / "a.zarr" / "0" / "labels", mode="w").create_array(
        "nuclei", data=STACK
    )
    assert open_volume(tmp_path / "a.zarr").voxel_size == (5, 7.68, 10.24)


def test_a_group_with_only_labels_opens_the_first_listed(tmp_path: Path) -> None:
    root = zarr.open_group(tmp_path / "a.zarr", mode="w")
    root.create_group("labels").attrs["ome"] = {"labels": ["second", "first"]}
    for name, axes in (("first", "yx"), ("second", "zyx")):
        write_multiscale(tmp_path / "a.zarr" / "labels" / name, axes=axes)
    assert open_volume(tmp_path / "a.zarr").ndim == 3
    assert open_volume(tmp_path / "a.zarr" / "labels").ndim == 3
    assert open_volume(tmp_path / "a.zarr" / "labels" / "first").ndim == 2


def test_a_plane_reads_only_its_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zarr.create_array(tmp_path / "a.zarr", data=STACK, chunks=(2, 20, 25))
    read: list[str] = []
    get = LocalStore.get

    async def counting_get(self: LocalStore, key: str, *args: Any, **kwargs: Any) -> Any:
        read.append(key)
        return await get(self, key, *args, **kwargs)

    monkeypatch.setattr(LocalStore, "get", counting_get)
    volume = open_volume(tmp_path / "a.zarr")
    assert not [key for key in read if "c/" in key]
    read.clear()
    volume.plane(3)
    assert sorted(read) == ["c/1/0/0", "c/1/0/1", "c/1/1/0", "c/1/1/1"]
    read.clear()
    volume.data[0, 25:30, :10]
    assert read == ["c/0/1/0"]


def test_a_petavoxel_volume_opens_at_once(tmp_path: Path) -> None:
    array = zarr.create_array(
        tmp_path / "a.zarr",
        shape=(100_000, 100_000, 100_000),
        chunks=(1, 512, 512),
        dtype="u1",
        fill_value=0,
    )
    array[99_999, :3, :3] = 5
    volume = open_volume(tmp_path / "a.zarr")
    assert volume.data.size == 10**15
    np.testing.assert_array_equal(volume.data[99_999, 2:4, 0], [5, 0])


def test_damage(tmp_path: Path) -> None:
    write_multiscale(tmp_path / "a.zarr")
    chunk = next(p for p in (tmp_path / "a.zarr" / "0" / "c").rglob("*") if p.is_file())
    chunk.write_bytes(chunk.read_bytes()[:50])
    with pytest.raises(UserError, match="damaged"):
        open_volume(tmp_path / "a.zarr").data[...]
    (tmp_path / "a.zarr" / "0" / "zarr.json").unlink()
    with pytest.raises(UserError, match="damaged"):
        open_volume(tmp_path / "a.zarr")
    (tmp_path / "a.zarr" / "zarr.json").write_text("{not json")
    with pytest.raises(UserError, match="damaged"):
        open_volume(tmp_path / "a.zarr")


def test_metadata_that_point_at_a_group(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    group.create_group("0")
    group.attrs["ome"] = {
        "multiscales": [{"axes": [{"name": "y"}, {"name": "x"}], "datasets": [{"path": "0"}]}]
    }
    with pytest.raises(UserError, match=r"'0' .* is not an array"):
        open_volume(tmp_path / "a.zarr")


def test_an_empty_group(tmp_path: Path) -> None:
    zarr.open_group(tmp_path / "a.zarr", mode="w")
    with pytest.raises(UserError, match="without an image"):
        open_volume(tmp_path / "a.zarr")


def test_an_unknown_codec(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", data=STACK)
    file = tmp_path / "a.zarr" / "zarr.json"
    meta = json.loads(file.read_text())
    meta["codecs"][-1]["name"] = "from-the-future"
    file.write_text(json.dumps(meta))
    with pytest.raises(UserError, match="from-the-future"):
        open_volume(tmp_path / "a.zarr").plane(0)
