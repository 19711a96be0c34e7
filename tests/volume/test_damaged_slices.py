"""A damaged slice costs its slice: the others are segmented, and the command says what is missing."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import zarr

from napari_scsam.cli import main
from napari_scsam.io.contrast import measure_contrast
from napari_scsam.io.read_errors import DamagedPartError
from napari_scsam.io.volumes import open_labels, open_volume
from napari_scsam.project.image import fingerprint

STACK = np.random.default_rng(0).integers(0, 200, (5, 64, 64)).astype(np.uint8)


def folder_of_slices(path: Path) -> Path:
    path.mkdir()
    for z, plane in enumerate(STACK):
        tifffile.imwrite(path / f"s_{z:03}.tif", plane, compression="zlib")
    return path


def damaged_folder(path: Path) -> Path:
    (folder_of_slices(path) / "s_002.tif").write_bytes(b"II*\0")
    return path


def damaged_zarr(path: Path) -> Path:
    zarr.create_array(path, data=STACK, chunks=(1, 64, 64))
    (path / "c" / "2" / "0" / "0").write_bytes(b"damaged")
    return path


def damaged_hdf5(path: Path) -> Path:
    file = path.with_suffix(".h5")
    with h5py.File(file, "w") as opened:
        data = opened.create_dataset("x", data=STACK, chunks=(1, 64, 64), compression="gzip")
        at = data.id.get_chunk_info_by_coord((2, 0, 0)).byte_offset
    content = bytearray(file.read_bytes())
    content[at : at + 20] = bytes(20)
    file.write_bytes(content)
    return file


@pytest.mark.parametrize("make", [damaged_folder, damaged_zarr, damaged_hdf5])
@pytest.mark.parametrize("suffix", [".tif", ".zarr"])
def test_the_other_slices_are_segmented(
    make: object, suffix: str, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(make)
    image = make(tmp_path / "image")
    out = tmp_path / f"labels{suffix}"
    code = main(["segment", str(image), "-o", str(out), "--checkpoint", str(checkpoint)])
    told = capsys.readouterr().err
    assert code == 1
    assert "1 of 5 slices could not be read" in told
    if make is damaged_folder:
        assert "s_002.tif" in told
    labels = open_labels(out).data[...]
    assert [bool(plane.any()) for plane in labels] == [True, True, False, True, True]
    if suffix == ".zarr":
        again = ["segment", str(image), "-o", str(out), "--checkpoint", str(checkpoint)]
        assert main([*again, "--resume"]) == 1
        assert "could not be read when" in capsys.readouterr().err


def test_a_volume_without_a_whole_slice_is_refused(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = folder_of_slices(tmp_path / "image")
    for file in list(image.iterdir())[1:]:
        file.write_bytes(b"II*\0")
    whole = image / "s_000.tif"
    tifffile.imwrite(whole, STACK[0])
    volume = open_volume(image)
    whole.write_bytes(whole.read_bytes()[:-9])
    with pytest.raises(Exception, match=r"\.tif"):
        measure_contrast(volume.data)
    out = tmp_path / "labels.tif"
    assert main(["segment", str(image), "-o", str(out), "--checkpoint", str(checkpoint)]) == 2
    assert not out.exists()


def test_contrast_and_fingerprint_leave_a_damaged_slice_out(tmp_path: Path) -> None:
    whole = open_volume(folder_of_slices(tmp_path / "whole"))
    damaged = open_volume(damaged_folder(tmp_path / "damaged"))
    with pytest.raises(DamagedPartError, match=r"s_002\.tif"):
        damaged.plane(2)
    rest = np.delete(STACK, 2, axis=0)
    assert measure_contrast(damaged.data) == measure_contrast(rest)
    assert fingerprint(damaged.data) == fingerprint(damaged.data)
    assert fingerprint(damaged.data) != fingerprint(whole.data)
