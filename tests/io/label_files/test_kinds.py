"""Labels in one file of every kind: they come back with classes and size, also to other programs."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import mrcfile
import numpy as np
import pytest
import tifffile

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.contents import Contents, is_label_image, what_is
from napari_scsam.io.label_files.kinds import LABEL_FILE_KINDS, check_suffix
from napari_scsam.io.labels import read_class_table, write_labels
from napari_scsam.io.volumes import open_labels

CLASSES = (ClassSpec(1, "mitochondrion"), ClassSpec(3, "vesicle", "#112233"))
SIZE = (20.0, 7.68, 10.24)
ORIGIN = (100.0, 0.0, 30.5)
LABELS = np.random.default_rng(0).choice(np.array([0, 1, 3], np.uint8), (3, 20, 31))


@pytest.mark.parametrize("suffix", sorted(LABEL_FILE_KINDS))
@pytest.mark.parametrize("shape", [(3, 20, 31), (1, 20, 31), (20, 31)])
def test_labels_come_back(tmp_path: Path, suffix: str, shape: tuple[int, ...]) -> None:
    path = tmp_path / f"labels{suffix}"
    values = LABELS[tuple(slice(n) for n in shape)] if len(shape) == 3 else LABELS[0]
    write_labels(path, values, SIZE, CLASSES, origin=ORIGIN)
    found = open_labels(path)
    if suffix == ".precomputed" and len(shape) == 2:  # it knows volumes alone
        values = values[None]
    np.testing.assert_array_equal(found.data[...], values)
    assert found.pixel_size == pytest.approx(SIZE[1:])
    if len(shape) == 3:
        assert found.voxel_size == pytest.approx(SIZE)
    assert read_class_table(path) == CLASSES
    assert found.origin == pytest.approx(ORIGIN)
    assert what_is(path) is Contents.LABELS
    assert is_label_image(path)


@pytest.mark.parametrize("suffix", sorted(LABEL_FILE_KINDS))
def test_an_unknown_size_stays_unknown_and_objects_need_no_table(
    tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"objects{suffix}"
    values = LABELS.astype(np.uint16) * 9000
    write_labels(path, values, None, ())
    found = open_labels(path)
    np.testing.assert_array_equal(found.data[...], values)
    assert found.voxel_size is None
    assert read_class_table(path) is None
    assert is_label_image(path)


@pytest.mark.parametrize("suffix", sorted(LABEL_FILE_KINDS))
def test_a_file_of_somebody_else_is_foreign(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"image{suffix}"
    if suffix == ".mrc":
        with mrcfile.new(path) as file:
            file.set_data(LABELS.view(np.int8))
    elif suffix in (".h5", ".hdf5"):
        with h5py.File(path, "w") as file:
            file["labels"] = LABELS
    elif suffix == ".precomputed":
        (path / "labels").mkdir(parents=True)
        (path / "info").write_text("{}")
    else:
        tifffile.imwrite(path, LABELS, photometric="minisblack")
    assert what_is(path) is Contents.FOREIGN
    assert not is_label_image(path)


@pytest.mark.parametrize("suffix", sorted(LABEL_FILE_KINDS))
def test_a_damaged_file_is_foreign(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"labels{suffix}"
    file = path
    if suffix == ".precomputed":
        path.mkdir()
        file = path / "scsam.json"
    file.write_bytes(b"napari-scsam: " * 200)
    assert what_is(path) is Contents.FOREIGN


@pytest.mark.parametrize(
    ("dtype", "highest", "mode"),
    [("uint8", 127, 0), ("uint8", 200, 1), ("int64", 32767, 1), ("uint32", 65535, 6)],
)
def test_mrc_has_the_smallest_mode_that_most_programs_read(
    tmp_path: Path, dtype: str, highest: int, mode: int
) -> None:
    values = np.zeros((2, 4, 5), dtype)
    values[1, 2, 3] = highest
    write_labels(tmp_path / "labels.mrc", values, SIZE, ())
    with mrcfile.open(tmp_path / "labels.mrc") as file:
        assert int(file.header.mode) == mode
        np.testing.assert_array_equal(file.data, values)
        assert file.is_volume()
        assert file.voxel_size.z == pytest.approx(200)
        assert file.voxel_size.x == pytest.approx(102.4)
    assert mrcfile.validate(tmp_path / "labels.mrc")


@pytest.mark.parametrize("value", [65536, -1])
def test_labels_beyond_16_bits_are_refused_by_mrc_before_anything_is_written(
    tmp_path: Path, value: int
) -> None:
    with pytest.raises(UserError, match="do not fit into the 16 bits of MRC; end the name in"):
        write_labels(tmp_path / "labels.mrc", np.array([[0, value]]), None, ())
    assert list(tmp_path.iterdir()) == []


def test_a_table_too_large_for_the_header_of_mrc_loses_what_matters_least(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    words = ["".join(random.choice(list("abcdefghij"), 40)) for _ in range(30)]
    table = tuple(ClassSpec(n + 1, f"class {n}", description=words[n]) for n in range(25))
    write_labels(tmp_path / "labels.mrc", LABELS, SIZE, table)
    found = read_class_table(tmp_path / "labels.mrc")
    assert found is not None
    assert [(spec.id, spec.name) for spec in found] == [(spec.id, spec.name) for spec in table]
    many = tuple(ClassSpec(n + 1, words[n % 30] + str(n)) for n in range(120))
    write_labels(tmp_path / "many.mrc", LABELS, SIZE, many)
    assert read_class_table(tmp_path / "many.mrc") is None
    assert what_is(tmp_path / "many.mrc") is Contents.LABELS
    assert mrcfile.validate(tmp_path / "many.mrc")


def test_the_header_of_mrc_names_the_classes_for_people(tmp_path: Path) -> None:
    write_labels(tmp_path / "labels.mrc", LABELS, SIZE, CLASSES)
    with mrcfile.open(tmp_path / "labels.mrc") as file:
        assert file.get_labels()[0] == "napari-scsam: 1 mitochondrion, 3 vesicle"


def test_origin_and_size_in_mrc_are_angstrom(tmp_path: Path) -> None:
    write_labels(tmp_path / "labels.mrc", LABELS, SIZE, (), origin=ORIGIN)
    with mrcfile.open(tmp_path / "labels.mrc") as file:
        found = file.header.origin
        assert (found.z, found.y, found.x) == pytest.approx((1000, 0, 305))


def test_hdf5_says_the_size_as_ilastik_fiji_and_funlib_read_it(tmp_path: Path) -> None:
    write_labels(tmp_path / "labels.h5", LABELS, SIZE, CLASSES, origin=ORIGIN)
    with h5py.File(tmp_path / "labels.h5") as file:
        attributes = dict(file["labels"].attrs)
        assert file["labels"].compression == "gzip"
    assert attributes["element_size_um"] == pytest.approx([0.02, 0.00768, 0.01024])
    assert attributes["resolution"] == pytest.approx(SIZE)
    assert attributes["offset"] == pytest.approx(ORIGIN)
    assert [axis["key"] for axis in json.loads(attributes["axistags"])["axes"]] == ["z", "y", "x"]


def test_the_same_labels_are_the_same_bytes(tmp_path: Path) -> None:
    for suffix in (".h5", ".mrc"):
        for name in ("a", "b"):
            write_labels(tmp_path / f"{name}{suffix}", LABELS, SIZE, CLASSES)
        one = (tmp_path / f"a{suffix}").read_bytes()
        assert one == (tmp_path / f"b{suffix}").read_bytes()


def test_other_suffixes_are_refused_with_those_that_are_known(tmp_path: Path) -> None:
    for name in ("labels.png", "labels", "labels.nii.gz"):
        with pytest.raises(
            UserError, match=r"end its name in \.zarr, \.tif, \.mrc, \.h5 or \.precomputed"
        ):
            write_labels(tmp_path / name, LABELS, SIZE, CLASSES)
        with pytest.raises(UserError, match="instances cannot be written to"):
            check_suffix(tmp_path / name, "instances")
    assert list(tmp_path.iterdir()) == []


def test_the_page_of_formats_has_every_kind() -> None:
    page = (Path(__file__).parents[3] / "docs" / "formats.md").read_text(encoding="utf-8")
    written = page.partition("## What is written")[2].partition("## The table")[0]
    listed = [f"`{suffix}`" for suffix in LABEL_FILE_KINDS]
    assert [each for each in listed if each not in written] == []


@pytest.mark.parametrize("suffix", [".tif", ".mrc", ".h5", ".precomputed", ".zarr"])
def test_a_disk_that_takes_no_more_leaves_the_old_labels(suffix: str, tmp_path: Path) -> None:
    """The system itself refuses: libhdf5 and tensorstore do not write by Python's functions."""
    resource = pytest.importorskip("resource")
    path = tmp_path / f"labels{suffix}"
    classes = (ClassSpec(1, "mitochondrion"),)
    write_labels(path, np.ones((2, 96, 96), np.uint8), (8.0, 8.0, 8.0), classes)
    noise = np.random.default_rng(0).integers(0, 200, (2, 96, 96)).astype(np.uint8)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(OSError, match=r"File too large|written"):
            write_labels(path, noise, (8.0, 8.0, 8.0), classes)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert open_labels(path).data[...].min() == 1
