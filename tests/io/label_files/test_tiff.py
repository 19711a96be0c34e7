from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.label_files import tiff as label_tiff
from napari_scsam.io.labels import read_class_table, write_labels
from napari_scsam.io.volumes import open_labels

LABELS = np.random.default_rng(0).integers(0, 3, (5, 40, 50))
CLASSES = (
    ClassSpec(1, "mitochondrion", "#ff0000"),
    ClassSpec(2, "ER = “réticulum”: {x}", "#00ff00", "a\nb"),
)
SIZE = (5.0, 7.68, 10.24)


@pytest.mark.parametrize("dtype", ["bool", "u1", "i1", "u2", ">u2", "i2", "u4", "i4", "i8", "u8"])
@pytest.mark.parametrize("pick", [..., 0, slice(0, 1)])
def test_round_trip(tmp_path: Path, dtype: str, pick: object) -> None:
    labels = LABELS[pick].astype(dtype)
    write_labels(tmp_path / "sub" / "a.tif", labels, SIZE, CLASSES, origin=(10, 20, 30.5))
    volume = open_labels(tmp_path / "sub" / "a.tif")
    assert (volume.shape, volume.voxel_size, volume.origin) == (labels.shape, SIZE, (10, 20, 30.5))
    np.testing.assert_array_equal(volume.data[...], labels)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "sub" / "a.tif"), labels)
    assert read_class_table(tmp_path / "sub" / "a.tif") == CLASSES
    assert [p.name for p in (tmp_path / "sub").iterdir()] == ["a.tif"]


@pytest.mark.parametrize("dtype", ["u1", "u4"])
def test_unknown_size_and_no_classes(tmp_path: Path, dtype: str) -> None:
    write_labels(tmp_path / "a.tif", LABELS.astype(dtype), None, ())
    volume = open_labels(tmp_path / "a.tif")
    assert (volume.voxel_size, volume.origin) == (None, (0, 0, 0))
    assert read_class_table(tmp_path / "a.tif") is None


def test_fiji_and_itk_read_the_voxel_size(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.tif", LABELS.astype(np.uint8), SIZE, CLASSES)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.is_imagej
        assert tif.pages[0].compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        assert tif.pages[0].resolution == pytest.approx((1e7 / 10.24, 1e7 / 7.68))
        assert tif.pages[0].tags["ResolutionUnit"].value == tifffile.RESUNIT.CENTIMETER
        note = tif.imagej_metadata or {}
    assert (note["unit"], note["slices"]) == ("cm", 5)
    assert note["spacing"] == pytest.approx(5e-7)


def test_pixels_of_one_nanometre_are_kept(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.tif", LABELS.astype(np.uint8), (40.0, 1.0, 1.0), CLASSES)
    assert open_labels(tmp_path / "a.tif").voxel_size == (40, 1, 1)


def test_ome_holds_the_voxel_size_for_others(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.tif", LABELS.astype(np.int32), SIZE, CLASSES)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        pixels = tifffile.xml2dict(tif.ome_metadata or "")["OME"]["Image"]["Pixels"]
        assert tif.pages[0].tags["ResolutionUnit"].value == tifffile.RESUNIT.CENTIMETER
    assert [pixels[f"PhysicalSize{a}"] for a in "ZYX"] == list(SIZE)
    assert pixels["PhysicalSizeZUnit"] == "nm"


def test_labels_beyond_imagejs_limit_are_bigtiff(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_tiff, "IMAGEJ_LIMIT", 100)
    write_labels(tmp_path / "a.tif", LABELS.astype(np.uint8), SIZE, CLASSES)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.is_bigtiff
        assert not tif.is_imagej
    assert open_labels(tmp_path / "a.tif").voxel_size == SIZE


@pytest.mark.parametrize("value", [-1, 2**32])
def test_labels_beyond_32_bits_are_refused(tmp_path: Path, value: int) -> None:
    with pytest.raises(UserError, match="32 bits"):
        write_labels(tmp_path / "a.tif", np.full((4, 4), value), None, ())
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_labels(tmp_path / "a.tif", LABELS.astype(np.uint8), SIZE, CLASSES)

    def fail(path: Path, *args: object, **kwargs: object) -> None:
        Path(path).write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(tifffile, "imwrite", fail)
    with pytest.raises(OSError, match="disk full"):
        write_labels(tmp_path / "a.tif", np.zeros((4, 4), np.uint8), None, ())
    assert open_labels(tmp_path / "a.tif").shape == LABELS.shape
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]
