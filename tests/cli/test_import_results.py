"""``scsam import``: files as micro-sam and empanada write them become labels of ours."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from file_steps import play

from napari_scsam.cli import main
from napari_scsam.config import ClassSpec
from napari_scsam.io.labels import read_class_table
from napari_scsam.io.volumes import open_labels
from napari_scsam.steps import drive
from napari_scsam.volume.exchange.read import read_results
from napari_scsam.volume.exchange.write import write_results

OBJECTS = np.zeros((3, 20, 30), np.uint32)
OBJECTS[:, 2:8, 2:8] = 1
OBJECTS[1:, 10:15, 10:25] = 7

STUFF = np.zeros_like(OBJECTS)
STUFF[:, 16:, :] = 1


@pytest.fixture
def committed(tmp_path: Path) -> Path:
    """As micro-sam commits objects: zarr 2, with prompts beside them."""
    path = tmp_path / "commit.zarr"
    root = zarr.open_group(path, mode="w", zarr_format=2)
    root.attrs.update({"annotator_class": "Annotator3d", "model_name": "vit_b_em_organelles"})
    root.create_array("committed_objects", data=OBJECTS, chunks=(1, 20, 30))
    prompts = root.create_group("prompts").create_group("1")
    prompts.create_array("point_prompts", data=np.array([[1.0, 4.0, 4.0]]))
    return path


@pytest.fixture
def predicted(tmp_path: Path) -> Path:
    """As empanada writes a stack into a zarr: an array a class, and the panoptic one."""
    path = tmp_path / "cell_MitoNet.zarr"
    root = zarr.open_group(path, mode="w", zarr_format=2)
    mito = np.where(OBJECTS > 0, OBJECTS + 1000, 0)
    root.create_array("mito_pred", data=mito.astype(np.uint32), chunks=(3, 20, 30))
    root.create_array("er_pred", data=(STUFF * 2000).astype(np.uint32), chunks=(3, 20, 30))
    panoptic = np.where(STUFF > 0, 2000, mito).astype(np.uint32)
    root.create_array("panoptic_xy", data=panoptic, chunks=(1, 20, 30))
    return path


def labels_of(out: Path, name: str) -> np.ndarray:
    return np.asarray(open_labels(out / "labels" / name).data[:])


def names_of(out: Path) -> dict[int, str]:
    return {spec.id: spec.name for spec in read_class_table(out / "labels" / "classes") or ()}


def test_objects_of_micro_sam_are_of_the_class_that_is_named(
    committed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "labels.zarr"
    arguments = ["import", str(committed), "-o", str(out), "--classes", "mitochondrion"]
    assert main([*arguments, "--voxel-size", "40", "8", "8"]) == 0
    ((value, name),) = names_of(out).items()
    assert (value, name) == (1, "mitochondrion")
    assert np.array_equal(labels_of(out, "classes"), OBJECTS > 0)
    assert np.array_equal(labels_of(out, "mitochondrion"), OBJECTS)
    assert open_labels(out).voxel_size == (40, 8, 8)


@pytest.mark.parametrize("panoptic", [False, True])
def test_classes_of_empanada_are_told_apart(
    predicted: Path, tmp_path: Path, panoptic: bool
) -> None:
    out = tmp_path / "labels.zarr"
    asked = ["--divisor", "1000", "--classes", "1=mito,2=er"] if panoptic else []
    assert main(["import", str(predicted), "-o", str(out), *asked]) == 0
    ids = {name: value for value, name in names_of(out).items()}
    expected = np.where(OBJECTS > 0, ids["mito"], 0)
    expected = np.where(STUFF > 0, ids["er"], expected)
    assert np.array_equal(labels_of(out, "classes"), expected)
    numbers = labels_of(out, "mito")
    assert np.array_equal(numbers % 1000, OBJECTS)
    assert not labels_of(out, "er").any() or not panoptic


def test_exported_pictures_are_read_too(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "masks.tiff", OBJECTS.astype(np.int32), photometric="minisblack")
    out = tmp_path / "labels.zarr"
    file = str(tmp_path / "masks.tiff")
    assert main(["import", file, "-o", str(out), "--classes", "nucleus"]) == 0
    assert np.array_equal(labels_of(out, "nucleus"), OBJECTS)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ([], "give it with --classes mitochondrion"),
        (["--classes", "a", "--divisor", "1000"], "name them: --classes 1=mito,2=ER"),
        (["--classes", "1=a", "--divisor", "1"], "give that of empanada"),
    ],
)
def test_what_is_missing_is_asked_for(
    committed: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    asked: list[str],
    words: str,
) -> None:
    assert main(["import", str(committed), "-o", str(tmp_path / "x.zarr"), *asked]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "x.zarr").exists()


def test_a_class_that_is_not_there_is_named(
    predicted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["import", str(predicted), "-o", str(tmp_path / "x.zarr"), "--classes", "golgi"]
    assert main(arguments) == 2
    assert "has no class 'golgi'; it has er, mito" in capsys.readouterr().err


def test_a_damaged_zarr_is_named(
    committed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (committed / "committed_objects" / ".zarray").write_text("{", encoding="utf-8")
    words = ["import", str(committed), "--classes", "er", "-o", str(tmp_path / "out.zarr")]
    assert main(words) == 2
    assert "commit.zarr cannot be opened: it is damaged" in capsys.readouterr().err


def test_an_import_that_is_killed_leaves_no_part_of_the_labels(
    predicted: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "labels.zarr"
    results = read_results(predicted, None, None)
    classes = [ClassSpec(1, "mito"), ClassSpec(2, "er")]
    _, steps = play(lambda: drive(write_results(results, classes, out)), out.parent)
    names = sorted(path.name for path in (out / "labels").iterdir())
    for stop in range(1, steps + 1, 5):
        shutil.rmtree(out.parent, ignore_errors=True)
        play(lambda: drive(write_results(results, classes, out)), out.parent, stop)
        assert not out.exists() or sorted(p.name for p in (out / "labels").iterdir()) == names


@pytest.mark.parametrize("name", ["a/b", "..", "classes", "Classes", "zarr.json", "<b>", "con"])
def test_a_class_whose_name_is_no_folder_is_imported(
    committed: Path, tmp_path: Path, name: str
) -> None:
    out = tmp_path / "labels.zarr"
    assert main(["import", str(committed), "-o", str(out), "--classes", name]) == 0
    folders = [path.name for path in (out / "labels").iterdir() if path.is_dir()]
    assert list(names_of(out).values()) == [name]
    (objects,) = set(folders) - {"classes"}
    assert np.array_equal(labels_of(out, objects), OBJECTS)


def test_a_name_too_long_for_a_folder_is_told(
    committed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "labels.zarr"
    assert main(["import", str(committed), "-o", str(out), "--classes", "m" * 300]) == 2
    assert "too long for a folder" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("classes", "divisor", "says"),
    [
        ("7=mito", "1000", "its classes are: 1, 2"),
        ("1=mito,7=er", "1000", "no class 7 (er)"),
        ("1=mito", "100000", "its classes are: none"),
        ("0=mito", "1000", "0 is the background"),
        ("1=mito", str(10**21), "uint32"),
    ],
)
def test_classes_that_a_panoptic_result_lacks_are_told(
    predicted: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    classes: str,
    divisor: str,
    says: str,
) -> None:
    out = tmp_path / "labels.zarr"
    arguments = ["import", str(predicted), "-o", str(out), "--classes", classes]
    assert main([*arguments, "--divisor", divisor]) == 2
    assert says in capsys.readouterr().err
    assert not out.exists()


def test_values_of_classes_need_a_divisor(
    committed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "labels.zarr"
    assert main(["import", str(committed), "-o", str(out), "--classes", "7=mito"]) == 2
    assert "--divisor" in capsys.readouterr().err


def test_a_result_without_objects_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tifffile.imwrite(tmp_path / "empty.tif", np.zeros_like(OBJECTS), photometric="minisblack")
    out = tmp_path / "labels.zarr"
    assert main(["import", str(tmp_path / "empty.tif"), "-o", str(out), "--classes", "mito"]) == 2
    assert "holds no object" in capsys.readouterr().err
    assert not out.exists()


def test_objects_of_64_bits_are_imported(tmp_path: Path) -> None:
    objects = OBJECTS.astype(np.uint64) * 2**40
    tifffile.imwrite(tmp_path / "many.tif", objects, photometric="minisblack")
    out = tmp_path / "labels.zarr"
    assert main(["import", str(tmp_path / "many.tif"), "-o", str(out), "--classes", "mito"]) == 0
    assert np.array_equal(labels_of(out, "mito"), objects)
