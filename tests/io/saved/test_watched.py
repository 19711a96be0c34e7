"""An image that goes away, is cut off or replaced while it is open is an error that names it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import zarr
from image_files import (
    FORMATS,
    cut_off,
    put_back,
    remove,
    rename_away,
    replace_by_another,
    write_image,
    write_ome_zarr,
    write_zarr,
)
from kinds.kind import STACK as PARTS
from kinds.odd import odd_tiffs

from napari_scsam.config import UserError
from napari_scsam.io.saved.watched import ChangedFileError, Stamp
from napari_scsam.io.volumes import as_volume, open_volume

STACK = np.random.default_rng(0).integers(1, 200, (5, 96, 80), dtype=np.uint8)


@pytest.mark.parametrize("harm", [rename_away, remove, cut_off])
@pytest.mark.parametrize("form", FORMATS)
def test_a_slice_of_a_lost_image_is_an_error_that_names_it(
    tmp_path: Path, form: str, harm: Callable[[Path], None]
) -> None:
    path = write_image(tmp_path, form, STACK)
    volume = open_volume(path)
    np.testing.assert_array_equal(volume.plane(0), STACK[0])
    harm(path)
    for z in (0, 3):
        with pytest.raises(UserError, match=r"em(\.|/)?.*(no longer there|changed or replaced)"):
            volume.plane(z)
    with pytest.raises(UserError, match="em"):
        volume.data[:, 5:7, 9]


@pytest.mark.parametrize("form", FORMATS)
def test_a_replaced_image_is_not_mixed_with_the_one_that_was_opened(
    tmp_path: Path, form: str
) -> None:
    path = write_image(tmp_path, form, STACK)
    volume = open_volume(path)
    replace_by_another(path, form, STACK[::-1])
    with pytest.raises(ChangedFileError, match="was changed or replaced after it was opened"):
        volume.plane(2)
    np.testing.assert_array_equal(open_volume(path).plane(2), STACK[2])


@pytest.mark.parametrize("form", FORMATS)
def test_an_image_that_comes_back_is_read_on(tmp_path: Path, form: str) -> None:
    path = write_image(tmp_path, form, STACK)
    volume = open_volume(path)
    rename_away(path)
    with pytest.raises(UserError, match="no longer there"):
        volume.plane(1)
    put_back(path)
    np.testing.assert_array_equal(volume.data[...], STACK)


@pytest.mark.parametrize("version", [2, 3])
def test_a_chunk_that_an_intact_store_lacks_is_the_fill_value(tmp_path: Path, version: int) -> None:
    path = write_zarr(tmp_path / "em.zarr", STACK, version)
    volume = open_volume(path)
    chunk = {2: path / "2.0.0", 3: path / "c" / "2" / "0" / "0"}[version]
    chunk.unlink()
    assert not volume.plane(2).any()
    np.testing.assert_array_equal(volume.plane(3), STACK[3])


def test_coarser_levels_and_arrays_in_memory_are_watched_too(tmp_path: Path) -> None:
    path = write_ome_zarr(tmp_path / "em.zarr", STACK)
    volume = as_volume(zarr.open_group(path, mode="r")["0"])
    remove(path)
    with pytest.raises(ChangedFileError, match=r"em\.zarr/0 is no longer there"):
        volume.plane(0)


def test_one_slice_of_a_folder_that_is_lost_is_named(tmp_path: Path) -> None:
    path = write_image(tmp_path, "PNG folder", STACK)
    volume = open_volume(path)
    (path / "3.png").unlink()
    np.testing.assert_array_equal(volume.plane(2), STACK[2])
    with pytest.raises(ChangedFileError, match=r"3\.png is no longer there"):
        volume.plane(3)


def test_one_slice_of_a_folder_that_is_damaged_is_named(tmp_path: Path) -> None:
    path = write_image(tmp_path, "PNG folder", STACK)
    (path / "3.png").write_bytes((path / "3.png").read_bytes()[:200])
    volume = open_volume(path)
    with pytest.raises(UserError, match=r"3\.png cannot be opened: it is damaged"):
        volume.plane(3)


def test_a_file_that_goes_away_during_a_read_does_not_count_as_read(tmp_path: Path) -> None:
    path = write_zarr(tmp_path / "em.zarr", STACK)
    volume = open_volume(path)
    stored = volume.data._source.array

    class Leaving:
        """Loses its folder just before it is read."""

        def __getitem__(self, key: object) -> np.ndarray:
            remove(path)
            values: np.ndarray = stored[key]
            assert not values.any(), "zarr takes what is lost for the fill value"
            return values

    volume.data._source.array = Leaving()
    with pytest.raises(ChangedFileError):
        volume.plane(1)


def test_a_stamp_of_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ChangedFileError, match=r"nothing\.tif is no longer there"):
        Stamp.of(tmp_path / "nothing.tif")


def write_two_parts(folder: Path) -> tuple[Path, Path]:
    """An OME-TIFF whose second slice is in a file of its own."""
    kind = next(kind for kind in odd_tiffs() if kind.name == "OME-TIFF, in two files")
    return Path(kind.write(folder)), folder / "1.ome.tif"


def write_detached(folder: Path) -> tuple[Path, Path]:
    """A NRRD whose voxels are beside its header."""
    (folder / "voxels.raw").write_bytes(PARTS.tobytes())
    fields = ("type: uint8", "dimension: 3", "sizes: 30 20 6", "encoding: raw")
    text = "\n".join(["NRRD0004", *fields, "data file: voxels.raw", ""])
    (folder / "a.nhdr").write_text(text)
    return folder / "a.nhdr", folder / "voxels.raw"


def write_external(folder: Path) -> tuple[Path, Path]:
    """An HDF5 whose voxels are in another file."""
    (folder / "voxels.raw").write_bytes(PARTS.tobytes())
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_dataset(
            "em", PARTS.shape, np.uint8, external=[("voxels.raw", 0, h5py.h5f.UNLIMITED)]
        )
    return folder / "a.h5", folder / "voxels.raw"


def write_virtual(folder: Path) -> tuple[Path, Path]:
    """An HDF5 that shows the voxels of another one."""
    with h5py.File(folder / "part.h5", "w") as file:
        file["em"] = PARTS
    layout = h5py.VirtualLayout(PARTS.shape, np.uint8)
    layout[...] = h5py.VirtualSource("part.h5", "em", PARTS.shape)
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_virtual_dataset("em", layout)
    return folder / "a.h5", folder / "part.h5"


def cut_in_place(file: Path) -> None:
    os.truncate(file, 10)


def change_in_place(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.seek(file.stat().st_size - 50)
        opened.write(bytes(50))


@pytest.mark.parametrize("harm", [cut_in_place, change_in_place, Path.unlink])
@pytest.mark.parametrize("write", [write_two_parts, write_detached, write_external, write_virtual])
def test_the_other_files_of_an_image_are_watched_too(
    tmp_path: Path,
    write: Callable[[Path], tuple[Path, Path]],
    harm: Callable[[Path], None],
) -> None:
    image, other = write(tmp_path)
    volume = open_volume(image)
    assert np.array_equal(volume.plane(0), PARTS[0])
    harm(other)
    with pytest.raises(ChangedFileError, match=other.name):
        volume.plane(1)
    with pytest.raises(ChangedFileError, match=other.name):
        volume.data.check()
