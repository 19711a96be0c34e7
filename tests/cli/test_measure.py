"""``scsam measure``: which labels are measured, what is noted, and the table."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from napari_scsam import cli
from napari_scsam.cli.labels import is_unfinished
from napari_scsam.config import ClassSpec
from napari_scsam.io.labels import write_labels
from napari_scsam.project.image import fingerprint
from napari_scsam.volume.writing.ledger import LEDGER

TABLE = (ClassSpec(1, "mitochondrion"), ClassSpec(5, "vesicle"))


@pytest.fixture
def labels() -> np.ndarray:
    """Two slices with a mitochondrion of 4×5×2 voxels, and two vesicles of 5×6."""
    made = np.zeros((2, 20, 30), np.uint8)
    made[:, 3:7, 10:15] = 1
    made[0, 12:17, 3:9] = made[1, 12:17, 20:26] = 5
    return made


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("suffix", [".tif", ".zarr"])
def test_each_object_is_a_row(
    labels: np.ndarray, suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / f"labels{suffix}", tmp_path / "table.csv"
    write_labels(path, labels, (50.0, 10.0, 10.0), TABLE)
    assert cli.main(["measure", str(path), "-o", str(out)]) == 0
    assert capsys.readouterr() == (f"{out}\n", "")
    rows = rows_of(out)
    assert [row["class"] for row in rows] == ["mitochondrion", "vesicle", "vesicle"]
    assert [int(row["voxels"]) for row in rows] == [40, 30, 30]
    assert float(rows[0]["volume_um3"]) == pytest.approx(40 * 50 * 10 * 10 / 1e9, rel=1e-3)
    assert float(rows[0]["y_voxel"]) == pytest.approx(4.5)


def test_labels_without_a_class_table_are_told(
    labels: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "plain.tif"
    tifffile.imwrite(path, labels, photometric="minisblack")
    assert cli.main(["measure", str(path), "-o", str(tmp_path / "table.csv")]) == 2
    assert capsys.readouterr() == (
        "",
        (
            f"scsam: {path} has no class table; "
            "name its classes, as in --classes 1=mitochondrion, "
            "or add --instances if each value is an object\n"
        ),
    )
    assert not (tmp_path / "table.csv").exists()


def test_values_that_the_table_lacks_are_told(
    labels: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "labels.tif"
    write_labels(path, np.where(labels > 0, 9, 0).astype(np.uint8), None, TABLE)
    assert cli.main(["measure", str(path), "-o", str(tmp_path / "table.csv")]) == 2
    assert "the labels that this table belongs to" in capsys.readouterr().err


def test_no_object_leaves_a_header_and_a_note(
    labels: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "labels.tif", tmp_path / "table.csv"
    write_labels(path, np.zeros_like(labels), None, TABLE)
    assert cli.main(["measure", str(path), "-o", str(out)]) == 0
    assert "voxels or more, so the table has only a header" in capsys.readouterr().err
    assert rows_of(out) == []
    assert out.read_text(encoding="utf-8-sig").startswith("class,id,")


def test_an_unfinished_segmentation_is_noted(
    labels: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "labels.zarr"
    write_labels(path, labels, None, TABLE)
    (path / LEDGER).write_text("{}\n", encoding="utf-8")
    assert cli.main(["measure", str(path), "-o", str(tmp_path / "table.csv")]) == 0
    told = capsys.readouterr().err
    assert f"scsam: {path} is not finished" in told
    assert "finish it with scsam segment --resume" in told


@pytest.mark.parametrize(
    ("ledger", "unfinished"),
    [("a/b/c", True), ("a/b", True), ("a", True), (".", False), ("a/b/c/d", False)],
)
def test_a_ledger_counts_in_the_labels_and_two_folders_above(
    tmp_path: Path, ledger: str, unfinished: bool
) -> None:
    (tmp_path / "a" / "b" / "c" / "d").mkdir(parents=True)
    (tmp_path / ledger / LEDGER).touch()
    assert is_unfinished(tmp_path / "a" / "b" / "c") == unfinished


def test_a_table_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["measure", "labels.tif"])
    assert end.value.code == 2
    assert "the following arguments are required: -o/--out" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".tif", ".zarr"])
@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
def test_labels_of_objects_have_a_row_each(suffix: str, dtype: type, tmp_path: Path) -> None:
    """The plugin writes them without a class table."""
    path = tmp_path / f"objects{suffix}"
    out = tmp_path / "table.csv"
    objects = np.zeros((2, 20, 30), dtype)
    objects[:, 3:7, 10:15] = 12
    objects[0, 12:17, 3:9] = 300
    objects[1, 12:17, 20:26] = 300
    objects[0, 0, 0] = 5
    write_labels(path, objects, (50.0, 10.0, 10.0), ())
    assert cli.main(["measure", str(path), "-o", str(out)]) == 0
    rows = rows_of(out)
    assert [(row["class"], row["id"], row["voxels"]) for row in rows] == [
        ("object", "5", "1"),
        ("object", "12", "40"),
        ("object", "300", "60"),
    ]


def test_negative_objects_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    objects = np.full((20, 30), -3, np.int32)
    write_labels(tmp_path / "objects.zarr", objects, None, ())
    out = tmp_path / "table.csv"
    assert cli.main(["measure", str(tmp_path / "objects.zarr"), "-o", str(out)]) == 2
    assert "numbers above 0" in capsys.readouterr().err


def test_contacts_and_grey_values(
    labels: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out, near = (tmp_path / name for name in ("labels.tif", "table.csv", "near.csv"))
    write_labels(path, labels, (50.0, 10.0, 10.0), TABLE)
    tifffile.imwrite(tmp_path / "grey.tif", labels * 20 + 7, photometric="minisblack")
    given = ["measure", str(path), "-o", str(out), "--image", str(tmp_path / "grey.tif")]
    assert cli.main([*given, "--contacts", str(near), "--distance", "80"]) == 0
    assert capsys.readouterr() == (f"{out}\n{near}\n", "")
    rows = rows_of(out)
    assert [float(row["mean_grey"]) for row in rows] == [27, 107, 107]
    assert float(rows[0]["distance_to_vesicle_um"]) == pytest.approx(np.hypot(60, 20) / 1000)
    assert rows[0]["distance_to_mitochondrion_um"] == ""
    (pair,) = rows_of(near)
    assert (pair["class_a"], pair["id_a"], pair["class_b"], pair["id_b"]) == (
        "mitochondrion",
        "1",
        "vesicle",
        "1",
    )
    assert int(pair["sites"]) == 1


def test_bare_labels_are_measured_when_it_is_said_what_they_are(
    labels: np.ndarray, tmp_path: Path
) -> None:
    path, out = tmp_path / "plain.tif", tmp_path / "table.csv"
    tifffile.imwrite(path, labels, photometric="minisblack")
    assert cli.main(["measure", str(path), "-o", str(out), "--instances"]) == 0
    assert [(row["class"], row["id"]) for row in rows_of(out)] == [("object", "1"), ("object", "5")]
    assert cli.main(["measure", str(path), "-o", str(out), "--classes", "5=vesicle"]) == 0
    assert [(row["class"], row["id"]) for row in rows_of(out)] == [
        ("vesicle", "1"),
        ("vesicle", "2"),
    ]


@pytest.mark.parametrize(
    ("classes", "told"),
    [
        ("1=ER,5=vesicle", "1 is 'mitochondrion'"),
        ("1=ER,5=Golgi", "1 is 'mitochondrion', 5 is 'vesicle'"),
        ("1=mitochondrion,7=Golgi", "7 has no name"),
        ("1=mitochondrion", ""),
        ("mitochondrion", ""),
    ],
)
def test_names_that_override_the_class_table_are_noted(
    labels: np.ndarray,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    classes: str,
    told: str,
) -> None:
    path = tmp_path / "labels.zarr"
    write_labels(path, labels, None, TABLE)
    for command in ("measure", "instances"):
        out = tmp_path / ("table.csv" if command == "measure" else "objects.zarr")
        assert cli.main([command, str(path), "-o", str(out), "--classes", classes]) == 0
        note = ""
        if told:
            note = f"scsam: in the class table of {path}, {told}; the names in --classes count\n"
        assert capsys.readouterr().err == note


def test_another_image_than_the_one_that_was_segmented_is_noted(
    labels: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = labels * 20
    path = tmp_path / "labels.zarr"
    write_labels(path, labels, None, TABLE)
    group = zarr.open_group(path / "labels" / "classes", mode="r+")
    record = {**group.attrs["scsam"], "run": {"image": fingerprint(image)}}
    group.update_attributes({"scsam": record})
    for place in (path, path / "labels" / "classes"):
        for grey, told in ((image, ""), (image + 1, "has other voxels than the image that was")):
            tifffile.imwrite(tmp_path / "em.tif", grey, photometric="minisblack")
            out = str(tmp_path / "table.csv")
            command = ["measure", str(place), "-o", out, "--image", str(tmp_path / "em.tif")]
            assert cli.main(command) == 0
            note = capsys.readouterr().err
            assert told in note
            assert bool(note) == bool(told)
