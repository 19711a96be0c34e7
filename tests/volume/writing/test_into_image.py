"""Labels that go into an OME-Zarr image of either version: valid, resumable, and the image stays."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import ome_zarr_models.v04
import ome_zarr_models.v05
import pytest
import tifffile
import zarr
from zarr.errors import ZarrUserWarning

from napari_scsam import cli
from napari_scsam.config import ClassSpec, UserError
from napari_scsam.errors import TakenError
from napari_scsam.io.labels import read_class_table, write_labels
from napari_scsam.io.volumes import open_labels, open_volume
from napari_scsam.model import ScSAM
from napari_scsam.steps import drive
from napari_scsam.volume.run import segment_volume
from napari_scsam.volume.writing.ledger import LEDGER
from napari_scsam.volume.writing.run_labels import LABELS, STAGED_LABELS

SIZE = [40.0, 8.0, 8.0]
IMAGE = np.random.default_rng(0).integers(0, 200, (2, 40, 48)).astype(np.uint8)
MODELS: dict[int, Any] = {2: ome_zarr_models.v04, 3: ome_zarr_models.v05}


def write_image(path: Path, zarr_format: int, *, consolidated: bool = False) -> Path:
    """Write an image as other programs do."""
    root = zarr.open_group(path, mode="w", zarr_format=zarr_format)
    named = {"dimension_names": list("zyx")} if zarr_format == 3 else {}
    root.create_array("0", data=IMAGE, chunks=(1, 40, 48), **named)
    axes = [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]
    level = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": SIZE}]}
    image = {"axes": axes, "datasets": [level], "name": "cell"}
    if zarr_format == 2:
        root.attrs["multiscales"] = [{"version": "0.4", **image}]
    else:
        root.attrs["ome"] = {"version": "0.5", "multiscales": [image]}
    if consolidated:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ZarrUserWarning)
            zarr.consolidate_metadata(path)
    return path


def hashes(image: Path) -> dict[str, str]:
    """The files of an image but for its labels and the copies of metadata."""
    files = [file for file in image.rglob("*") if file.is_file()]
    kept = [f for f in files if "labels" not in f.parts and f.name not in (".zmetadata",)]
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in kept}


@pytest.fixture(params=[2, 3], ids=["0.4", "0.5"])
def zarr_format(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture
def image(tmp_path: Path, zarr_format: int) -> Path:
    return write_image(tmp_path / "cell.ome.zarr", zarr_format)


def segment(image: Path, model: ScSAM, **options: Any) -> None:
    drive(segment_volume(open_volume(image), model, image, into=True, device="cpu", **options))


def test_the_labels_are_those_of_a_file_of_their_own(
    image: Path, zarr_format: int, model: ScSAM, tmp_path: Path
) -> None:
    before = hashes(image)
    segment(image, model)
    drive(segment_volume(open_volume(image), model, tmp_path / "own.zarr", device="cpu"))
    found = open_labels(image / "labels" / LABELS)
    np.testing.assert_array_equal(found.data[...], open_labels(tmp_path / "own.zarr").data[...])
    assert found.voxel_size == tuple(SIZE)
    assert read_class_table(image) == model.classes
    assert hashes(image) == before
    assert zarr.open_group(image / "labels" / LABELS).metadata.zarr_format == zarr_format
    assert not (image / "labels" / STAGED_LABELS).exists()


def test_image_and_labels_are_valid(image: Path, zarr_format: int, model: ScSAM) -> None:
    segment(image, model)
    models = MODELS[zarr_format]
    models.Image.from_zarr(zarr.open_group(image, mode="r"))
    labels = zarr.open_group(image / "labels", mode="r")
    if zarr_format == 2:
        assert labels.attrs["labels"] == [LABELS]
    else:
        assert labels.attrs["ome"] == {"version": "0.5", "labels": [LABELS]}
    found = models.ImageLabel.from_zarr(zarr.open_group(image / "labels" / LABELS, mode="r"))
    assert found is not None


def test_copies_of_the_metadata_name_the_labels(
    tmp_path: Path, zarr_format: int, model: ScSAM
) -> None:
    image = write_image(tmp_path / "cell.zarr", zarr_format, consolidated=True)
    segment(image, model)
    root = zarr.open_consolidated(image)
    assert f"labels/{LABELS}/0" in dict(root.members(max_depth=None))


def test_a_stopped_run_continues(image: Path, model: ScSAM) -> None:
    steps = segment_volume(open_volume(image), model, image, into=True, device="cpu")
    for _ in range(2):
        next(steps)
    steps.close()
    assert (image / "labels" / STAGED_LABELS / LEDGER).is_file()
    with pytest.raises(TakenError, match="holds a stopped run; add --resume"):
        segment(image, model)
    first = next(segment_volume(open_volume(image), model, image, into=True, resume=True))
    assert first.done > 0
    segment(image, model, resume=True)
    assert open_labels(image / "labels" / LABELS).shape == IMAGE.shape
    assert not (image / "labels" / STAGED_LABELS).exists()


def test_finished_labels_are_replaced_only_when_asked(image: Path, model: ScSAM) -> None:
    segment(image, model)
    with pytest.raises(TakenError, match="its labels may have been corrected; add --overwrite"):
        segment(image, model)
    segment(image, model, overwrite=True, classes=["vesicle"])
    assert [spec.name for spec in read_class_table(image) or ()] == ["vesicle"]


def test_labels_of_another_program_stay(image: Path, zarr_format: int, model: ScSAM) -> None:
    theirs = zarr.open_group(image / "labels" / LABELS, mode="w", zarr_format=zarr_format)
    theirs.create_array("0", data=IMAGE)
    with pytest.raises(TakenError, match="was written by another program"):
        segment(image, model, overwrite=True)
    np.testing.assert_array_equal(theirs["0"][...], IMAGE)


def test_a_file_that_somebody_put_into_our_labels_stays(image: Path, model: ScSAM) -> None:
    segment(image, model)
    (image / "labels" / LABELS / "notes.txt").write_text("mine")
    with pytest.raises(TakenError, match="holds other files"):
        segment(image, model, overwrite=True)


def test_other_label_images_stay_listed(image: Path, zarr_format: int, model: ScSAM) -> None:
    labels = zarr.open_group(image, mode="r+").require_group("labels")
    labels.create_group("nuclei")
    listed = {"labels": ["nuclei"]}
    labels.update_attributes(listed if zarr_format == 2 else {"ome": listed})
    segment(image, model)
    found = zarr.open_group(image / "labels", mode="r").attrs.asdict()
    assert found.get("ome", found)["labels"] == ["nuclei", LABELS]


def test_what_is_no_such_image_is_refused(tmp_path: Path, model: ScSAM) -> None:
    source = IMAGE
    tifffile.imwrite(tmp_path / "cell.tif", IMAGE, photometric="minisblack")
    zarr.create_array(tmp_path / "array.zarr", data=IMAGE)
    zarr.open_group(tmp_path / "bare.zarr", mode="w").create_array("0", data=IMAGE)
    write_labels(tmp_path / "labels.zarr", IMAGE % 3, None, (ClassSpec(1, "a"),))
    old = write_image(tmp_path / "old.zarr", 2)
    zarr.open_group(old, mode="r+").attrs["multiscales"] = [
        {"version": "0.3", "axes": ["z", "y", "x"], "datasets": [{"path": "0"}]}
    ]
    for name, says in {
        "missing.zarr": "is not an OME-Zarr",
        "cell.tif": "is not an OME-Zarr",
        "array.zarr": "is not an OME-Zarr image",
        "bare.zarr": "is a zarr without OME metadata",
        "labels.zarr": "holds labels and no image",
        "old.zarr": "is an OME-Zarr older than 0.4",
    }.items():
        with pytest.raises(UserError, match=f"{says}.*-o labels.zarr"):
            drive(segment_volume(source, model, tmp_path / name, into=True))
    assert not (old / "labels").exists()


def test_an_image_of_another_shape_is_refused(image: Path, model: ScSAM) -> None:
    with pytest.raises(UserError, match=r"has the shape \(2, 40, 48\), but the volume has"):
        drive(segment_volume(IMAGE[:1], model, image, into=True))
    assert not (image / "labels").exists()


def test_probabilities_go_into_the_new_version_alone(
    image: Path, zarr_format: int, model: ScSAM
) -> None:
    if zarr_format == 3:
        segment(image, model, probabilities=True)
        assert (image / "labels" / LABELS / "probabilities").is_dir()
        return
    with pytest.raises(UserError, match="takes labels and no probabilities"):
        segment(image, model, probabilities=True)


def test_the_command(image: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["segment", str(image), "--into", str(image), "--checkpoint", str(checkpoint)]
    assert cli.main([*command, "--device", "cpu"]) == 0
    assert capsys.readouterr().out == f"{image / 'labels' / LABELS}\n"
    assert open_labels(image / "labels" / LABELS).shape == IMAGE.shape
    with pytest.raises(SystemExit) as end:
        cli.main([*command, "-o", "x.zarr"])
    assert end.value.code == 2


def test_another_file_must_have_the_pixels_of_the_image(
    random_model: ScSAM, tmp_path: Path
) -> None:
    image = write_image(tmp_path / "cell.zarr", 3)
    other = tmp_path / "other.tif"
    tifffile.imwrite(other, IMAGE, photometric="minisblack")
    drive(segment_volume(open_volume(other), random_model, image, into=True))
    changed = IMAGE.copy()
    changed[1, 2, 3] ^= 1
    tifffile.imwrite(other, changed, photometric="minisblack")
    before = hashes(tmp_path)
    with pytest.raises(UserError, match="slice 1 of other has other pixels than that of cell"):
        drive(segment_volume(open_volume(other), random_model, image, into=True, overwrite=True))
    assert hashes(tmp_path) == before


def test_a_run_that_was_killed_after_its_labels_took_their_place_is_continued(
    random_model: ScSAM, tmp_path: Path
) -> None:
    image = write_image(tmp_path / "cell.zarr", 3)
    drive(segment_volume(open_volume(image), random_model, image, into=True))
    ledger = image / "labels" / LABELS / LEDGER
    ledger.touch()
    drive(segment_volume(open_volume(image), random_model, image, into=True, resume=True))
    assert not ledger.exists()
