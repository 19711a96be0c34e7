"""Tables of whole files: what is measured, written and refused."""

from __future__ import annotations

import json
from pathlib import Path

import cc3d
import numpy as np
import pytest
import tifffile
from pyarrow import parquet

from napari_scsam import measure_objects
from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.labels import write_labels
from napari_scsam.steps import drive
from napari_scsam.volume.instances.find import find_instances
from napari_scsam.volume.measure.objects import TablePaths, common_chunks

TABLE = (ClassSpec(1, "mitochondrion"), ClassSpec(5, "vesicle"))
SIZE = (50.0, 10.0, 10.0)


@pytest.fixture
def labels() -> np.ndarray:
    made = np.zeros((4, 20, 30), np.uint8)
    made[1:3, 3:7, 10:15] = 1
    made[0, 12:17, 3:9] = made[2, 8:12, 10:15] = 5
    made[3, 0, 0] = 5
    return made


@pytest.fixture
def path(labels: np.ndarray, tmp_path: Path) -> Path:
    write_labels(tmp_path / "labels.zarr", labels, SIZE, TABLE)
    return tmp_path / "labels.zarr"


def test_ids_are_those_of_the_instances(path: Path, tmp_path: Path) -> None:
    drive(find_instances(path, tmp_path / "instances.zarr"))
    ones = drive(measure_objects(path))
    others = drive(measure_objects(tmp_path / "instances.zarr"))
    assert ones["class"].tolist() == ["mitochondrion", "vesicle", "vesicle"]
    assert ones["id"].tolist() == [1, 1, 2]
    for name in ones:
        np.testing.assert_array_equal(ones[name], others[name])


def test_small_blocks_and_grey_values_make_no_difference(path: Path, labels: np.ndarray) -> None:
    image = np.random.default_rng(0).integers(0, 256, labels.shape).astype(np.uint8)
    whole = drive(measure_objects(path, image=image))
    parts = drive(measure_objects(path, image=image, most_voxels=300))
    assert whole["mean_grey"] == pytest.approx(parts["mean_grey"])
    assert whole["mean_grey"][0] == pytest.approx(image[labels == 1].mean())
    assert whole["sd_grey"][0] == pytest.approx(image[labels == 1].std())
    assert whole["surface_um2"] == pytest.approx(parts["surface_um2"])


def test_smallest_one_keeps_specks(path: Path) -> None:
    assert drive(measure_objects(path, smallest=1))["voxels"].tolist() == [40, 30, 20, 1]
    assert drive(measure_objects(path, smallest=21))["voxels"].tolist() == [40, 30]


def test_two_tables_are_written_with_their_origin(path: Path, tmp_path: Path) -> None:
    out, near = tmp_path / "objects.parquet", tmp_path / "contacts.csv"
    table = drive(measure_objects(path, out, contacts=near, distance=60.0))
    assert parquet.read_table(out)["voxels"].to_pylist() == table["voxels"].tolist()
    assert table["distance_to_vesicle_um"][0] == pytest.approx(0.02)
    head, row = near.read_text().splitlines()
    assert head.startswith("class_a,id_a,class_b,id_b,area_um2,sites,")
    assert row.startswith("mitochondrion,1,vesicle,2,")
    for written in (out, near):
        origin = json.loads(Path(f"{written}.provenance.json").read_text())
        assert origin["labels"]["voxel_size_nm"] == list(SIZE)
        assert origin["labels"]["path"].startswith(str(path))
        assert origin["settings"]["distance_nm"] == 60.0
        assert origin["objects"] == {"mitochondrion": 1, "vesicle": 2}
        assert origin["software"]["napari-scsam"]
    assert {child.name for child in tmp_path.iterdir()} == {
        *("labels.zarr", out.name, near.name),
        *(f"{written.name}.provenance.json" for written in (out, near)),
    }


def test_a_voxel_size_may_be_given(labels: np.ndarray) -> None:
    table = drive(measure_objects(labels, voxel_size=(1000.0, 1000.0, 1000.0)))
    assert table["volume_um3"].tolist() == [40.0, 51.0]
    assert table["class"].tolist() == ["object", "object"]


def test_a_stack_of_one_slice_is_flat(labels: np.ndarray, tmp_path: Path) -> None:
    write_labels(tmp_path / "one.tif", labels[2:3], SIZE, TABLE)
    table = drive(measure_objects(tmp_path / "one.tif", contacts=tmp_path / "near.csv"))
    assert table["area_um2"] == pytest.approx([20 * 1e-4, 20 * 1e-4])
    assert not table["touches_border"].any()
    assert (tmp_path / "near.csv").read_text().startswith("class_a,id_a,class_b,id_b,length_um,")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"out": "table.txt"}, "ends in .csv or .parquet"),
        ({"out": "t.csv", "contacts": "t.csv"}, "give the contacts another name"),
        ({"contacts": "c.doc"}, "ends in .csv or .parquet"),
        ({"distance": 30.0}, "--contacts"),
        ({"contacts": "c.csv", "distance": 0.0}, "give a number above 0"),
        ({"contacts": "c.csv", "distance": float("nan")}, "give a number above 0"),
        ({"smallest": 0}, "give 1 to keep all"),
        ({"image": np.zeros((4, 20, 31))}, "give the image that was labelled"),
        ({"classes": ["ER"]}, "ER"),
        ({"voxel_size": (1.0, 2.0, -3.0)}, "voxel size"),
        ({"workers": 0}, "give at least 1"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(
    path: Path, tmp_path: Path, wrong: dict[str, object], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=told):
        drive(measure_objects(path, **wrong))
    assert [child.name for child in tmp_path.iterdir()] == ["labels.zarr"]


def test_contacts_need_a_voxel_size(labels: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="contacts need it; give it in nm"):
        drive(measure_objects(labels, contacts=tmp_path / "c.csv"))


def test_both_files_are_read_in_whole_chunks() -> None:
    assert common_chunks((1, 64, 64), (32, 32, 64), 2**24) == (32, 64, 64)
    assert common_chunks((1, 4096, 4096), (32, 32, 64), 2**24) == (1, 4096, 4096)
    assert common_chunks(None, (32, 32, 64), 2**24) == (32, 32, 64)
    assert common_chunks(None, None, 2**24) is None


@pytest.mark.emdata
def test_real_mitochondria_have_their_volumes(emdata: Path) -> None:
    path = emdata / "hippocampus_stack" / "mito.tif"
    grey = emdata / "hippocampus_stack" / "raw.tif"
    table = drive(measure_objects(path, classes={1: "mitochondrion"}, image=grey))
    components = cc3d.connected_components(tifffile.imread(path), connectivity=26).reshape(-1)
    counts = np.bincount(components)[1:]
    greys = np.bincount(components, tifffile.imread(grey).reshape(-1))[1:]
    kept = np.flatnonzero(counts >= 10)
    expected = kept[np.argsort(counts[kept])]
    ours = table.sort("voxels")
    assert ours["voxels"].tolist() == counts[expected].tolist()
    assert ours["volume_um3"] == pytest.approx(counts[expected] * 5 * 7.68 * 10.24 / 1e9, rel=1e-6)
    largest = expected[-1]
    assert ours["mean_grey"][-1] == pytest.approx(greys[largest] / counts[largest])


def test_a_table_replaces_only_an_older_one(tmp_path: Path) -> None:
    labels = np.zeros((3, 8, 8), np.uint8)
    labels[1, 2:6, 2:6] = 1
    foreign = tmp_path / "mine.csv"
    foreign.write_text("precious")
    with pytest.raises(UserError, match="was not written by scsam measure; give another name"):
        drive(measure_objects(labels, foreign))
    assert foreign.read_text() == "precious"
    for _ in range(2):
        assert len(drive(measure_objects(labels, tmp_path / "ours.csv"))) == 1


def test_two_spellings_of_one_table_are_refused(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    with pytest.raises(UserError, match="give the contacts another name"):
        TablePaths.of(tmp_path / "t.csv", tmp_path / "sub" / ".." / "t.csv")
    assert TablePaths.of(tmp_path / "t.csv", None).contacts is None
