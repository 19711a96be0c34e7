from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from ome_zarr_models.v05 import Labels

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.label_pyramid import CHUNK
from napari_scsam.io.labels import create_labels, finish_labels, read_class_table, write_labels
from napari_scsam.io.volumes import open_labels, open_volume

LABELS = np.random.default_rng(0).integers(0, 3, (5, 40, 50)).astype(np.uint8)
CLASSES = (
    ClassSpec(1, "mitochondrion", "#ff0000"),
    ClassSpec(2, "réticulum", "#00ff00", "smooth and rough"),
)
SIZE = (5.0, 7.68, 10.24)
ORIGIN = (100.0, 0.5, 20.0)


def test_filled_slice_by_slice_and_read_back(tmp_path: Path) -> None:
    array = create_labels(tmp_path / "a.zarr", LABELS.shape, SIZE, CLASSES, origin=ORIGIN)
    for z, plane in enumerate(LABELS):
        array[z] = plane
    finish_labels(tmp_path / "a.zarr")
    volume = open_labels(tmp_path / "a.zarr")
    assert (volume.voxel_size, volume.origin, volume.dtype) == (SIZE, ORIGIN, np.uint8)
    np.testing.assert_array_equal(volume.data[...], LABELS)
    assert read_class_table(tmp_path / "a.zarr") == CLASSES
    assert read_class_table(tmp_path / "a.zarr" / "labels" / "classes") == CLASSES


@pytest.mark.parametrize("voxel_size", [SIZE, None])
@pytest.mark.parametrize("pick", [..., 0])
def test_the_metadata_are_valid_ngff(
    tmp_path: Path, voxel_size: tuple[float, float, float] | None, pick: object
) -> None:
    labels = np.pad(LABELS, ((0, 0), (0, 600), (0, 600)))[pick]
    write_labels(tmp_path / "a.zarr", labels, voxel_size, CLASSES)
    write_labels(tmp_path / "a.zarr", labels.astype(np.int32), voxel_size, (), name="instances")
    group = zarr.open_group(tmp_path / "a.zarr" / "labels", mode="r", zarr_format=3)
    model = Labels.from_zarr(group)
    assert model.label_paths == ["classes", "instances"]
    image = model.get_image_labels_group("classes").attributes.ome
    assert image.image_label is not None
    assert [c.rgba for c in image.image_label.colors or ()] == [(255, 0, 0, 255), (0, 255, 0, 255)]
    assert len(image.multiscales[0].datasets) == 2
    assert {axis.unit for axis in image.multiscales[0].axes} == {
        "nanometer" if voxel_size else None
    }


def test_chunks_are_one_slice_deep_and_compressed(tmp_path: Path) -> None:
    array = create_labels(tmp_path / "a.zarr", (3, 2000, 1500), SIZE, CLASSES)
    assert array.chunks == (1, CHUNK, CHUNK)
    array[1] = 1
    files = [
        p
        for p in (tmp_path / "a.zarr" / "labels" / "classes" / "0" / "c").rglob("*")
        if p.is_file()
    ]
    assert len(files) == 4
    assert sum(p.stat().st_size for p in files) < 10_000


@pytest.mark.parametrize("dtype", ["bool", "u1", "u2", ">u2", "i4", "u8"])
@pytest.mark.parametrize("pick", [..., 0, slice(0, 1)])
def test_write_labels_round_trip(tmp_path: Path, dtype: str, pick: object) -> None:
    labels = LABELS[pick].astype(dtype)
    write_labels(tmp_path / "sub" / "a.zarr", labels, SIZE, CLASSES, origin=ORIGIN)
    volume = open_labels(tmp_path / "sub" / "a.zarr")
    assert volume.shape == labels.shape
    assert volume.voxel_size == (SIZE if labels.ndim == 3 else (7.68, 7.68, 10.24))
    assert volume.origin == (ORIGIN if labels.ndim == 3 else (0, *ORIGIN[1:]))
    np.testing.assert_array_equal(volume.data[...], labels)
    assert read_class_table(tmp_path / "sub" / "a.zarr") == CLASSES
    assert [p.name for p in (tmp_path / "sub" / "a.zarr" / "labels").iterdir() if p.is_dir()] == [
        "classes"
    ]


def test_unknown_size_stays_unknown(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.zarr", LABELS, None, ())
    volume = open_labels(tmp_path / "a.zarr")
    assert (volume.voxel_size, volume.origin) == (None, (0, 0, 0))
    assert read_class_table(tmp_path / "a.zarr") is None


def test_label_images_live_side_by_side(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.zarr", LABELS, SIZE, CLASSES)
    write_labels(tmp_path / "a.zarr", LABELS.astype(np.uint32) + 1000, SIZE, (), name="instances")
    write_labels(tmp_path / "a.zarr", LABELS + 1, SIZE, CLASSES)
    np.testing.assert_array_equal(open_labels(tmp_path / "a.zarr").data[...], LABELS + 1)
    np.testing.assert_array_equal(
        open_labels(tmp_path / "a.zarr" / "labels" / "instances").plane(2),
        LABELS[2].astype(int) + 1000,
    )
    assert read_class_table(tmp_path / "a.zarr") == CLASSES
    assert read_class_table(tmp_path / "a.zarr" / "labels" / "instances") is None


def test_resume_gives_what_is_there(tmp_path: Path) -> None:
    create_labels(tmp_path / "a.zarr", LABELS.shape, SIZE, CLASSES)[0] = 2
    again = create_labels(tmp_path / "a.zarr", LABELS.shape, SIZE, CLASSES, resume=True)
    assert (again[0] == 2).all()
    again[1] = 1
    assert (open_labels(tmp_path / "a.zarr").plane(1) == 1).all()
    afresh = create_labels(tmp_path / "a.zarr", LABELS.shape, SIZE, CLASSES)
    assert not afresh[...].any()


def test_resume_makes_what_is_missing(tmp_path: Path) -> None:
    array = create_labels(tmp_path / "a.zarr", LABELS.shape, SIZE, CLASSES, resume=True)
    assert array.shape == LABELS.shape
    (tmp_path / "b.zarr").mkdir()
    create_labels(tmp_path / "b.zarr", LABELS.shape, SIZE, CLASSES, resume=True)


def test_resume_after_a_crash_while_creating(tmp_path: Path) -> None:
    create_labels(tmp_path / "a.zarr", LABELS.shape, SIZE, CLASSES)
    file = tmp_path / "a.zarr" / "labels" / "zarr.json"
    record = json.loads(file.read_text())
    record["attributes"]["ome"]["labels"] = []
    file.write_text(json.dumps(record))
    (tmp_path / "a.zarr" / "labels" / "classes" / "0" / "zarr.json").unlink()
    create_labels(tmp_path / "a.zarr", LABELS.shape, SIZE, CLASSES, resume=True)[...] = LABELS
    np.testing.assert_array_equal(open_labels(tmp_path / "a.zarr").data[...], LABELS)


@pytest.mark.parametrize(
    ("shape", "dtype", "classes"),
    [((5, 40, 51), "u1", CLASSES), ((5, 40, 50), "u2", CLASSES), ((5, 40, 50), "u1", CLASSES[:1])],
)
def test_resume_of_something_else_is_refused(
    tmp_path: Path, shape: tuple[int, ...], dtype: str, classes: tuple[ClassSpec, ...]
) -> None:
    create_labels(tmp_path / "a.zarr", LABELS.shape, SIZE, CLASSES)[0] = 2
    with pytest.raises(UserError, match="cannot be resumed"):
        create_labels(tmp_path / "a.zarr", shape, SIZE, classes, dtype=dtype, resume=True)
    assert (open_labels(tmp_path / "a.zarr").plane(0) == 2).all()


def test_what_is_not_ours_is_never_overwritten(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "raw.zarr", data=LABELS)
    zarr.open_group(tmp_path / "group.zarr", mode="w").create_array("0", data=LABELS)
    (tmp_path / "notes.zarr").mkdir()
    (tmp_path / "notes.zarr" / "thesis.txt").write_text("precious")
    (tmp_path / "broken.zarr").mkdir()
    (tmp_path / "broken.zarr" / "zarr.json").write_text("{")
    (tmp_path / "file.zarr").write_text("precious")
    for name in ("raw.zarr", "group.zarr", "notes.zarr", "broken.zarr", "file.zarr"):
        for write in (
            lambda p: create_labels(p, LABELS.shape, SIZE, CLASSES),
            lambda p: create_labels(p, LABELS.shape, SIZE, CLASSES, resume=True),
            lambda p: write_labels(p, LABELS, SIZE, CLASSES),
        ):
            with pytest.raises(UserError, match=rf"{name} already exists"):
                write(tmp_path / name)
    np.testing.assert_array_equal(open_volume(tmp_path / "raw.zarr").data[...], LABELS)
    assert (tmp_path / "notes.zarr" / "thesis.txt").read_text() == "precious"


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="cannot be written"):
        create_labels(tmp_path / "file" / "a.zarr", LABELS.shape, SIZE, CLASSES)


def test_a_failed_write_leaves_the_old_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_labels(tmp_path / "a.zarr", LABELS, SIZE, CLASSES)

    def fail(group: zarr.Group) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("napari_scsam.io.labels.build_levels", fail)
    with pytest.raises(OSError, match="disk full"):
        write_labels(tmp_path / "a.zarr", LABELS + 1, SIZE, CLASSES)
    np.testing.assert_array_equal(open_labels(tmp_path / "a.zarr").data[...], LABELS)
    assert [p.name for p in (tmp_path / "a.zarr" / "labels").iterdir() if p.is_dir()] == ["classes"]


def test_finishing_what_is_not_there(tmp_path: Path) -> None:
    create_labels(tmp_path / "a.zarr", LABELS.shape, SIZE, CLASSES)
    with pytest.raises(UserError, match="no label image 'cells'; it has: classes"):
        finish_labels(tmp_path / "a.zarr", "cells")


@pytest.mark.parametrize("name", ["a.docx", "a", "a.png"])
def test_an_unknown_suffix_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        UserError, match=r"end its name in \.zarr, \.tif, \.mrc, \.h5 or \.precomputed"
    ):
        write_labels(tmp_path / name, LABELS, SIZE, CLASSES)


def test_foreign_files_have_no_class_table(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "raw.zarr", data=LABELS)
    tifffile.imwrite(tmp_path / "a.tif", LABELS, description="{not json")
    tifffile.imwrite(
        tmp_path / "b.ome.tif",
        LABELS,
        metadata={"Description": '{"origin": "Oslo", "classes": [3]}'},
    )
    tifffile.imwrite(tmp_path / "c.tif", LABELS, imagej=True, metadata={"scsam": "broken"})
    for name in ("raw.zarr", "a.tif", "b.ome.tif", "c.tif", "missing.zarr", "missing.tif"):
        assert read_class_table(tmp_path / name) is None


def test_painting_one_slice_rewrites_only_its_chunk(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.zarr", LABELS, SIZE, CLASSES)
    folder = tmp_path / "a.zarr" / "labels" / "classes" / "0" / "c"
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}
    array = create_labels(tmp_path / "a.zarr", LABELS.shape, SIZE, CLASSES, resume=True)
    rows, columns = np.array([3, 4, 5]), np.array([7, 7, 8])
    array[np.full(3, 2), rows, columns] = 2
    changed = [p for p, time in before.items() if p.stat().st_mtime_ns != time]
    assert changed == [folder / "2" / "0" / "0"]
    assert (open_labels(tmp_path / "a.zarr").plane(2)[rows, columns] == 2).all()
