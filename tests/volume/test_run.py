"""Whole volumes into labels on disk: right shape and place, and a stopped run goes on where it was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
import zarr

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.infer.predictor import Predictor
from napari_scsam.infer.tile_encoder import weights_hash
from napari_scsam.io.contrast import measure_contrast
from napari_scsam.io.labels import read_class_table, write_labels
from napari_scsam.io.volumes import Volume, as_volume, open_labels, open_volume
from napari_scsam.model import ScSAM, ScSAMConfig
from napari_scsam.project.image import fingerprint
from napari_scsam.samples.phantom import PHANTOM_CLASSES, make_phantom
from napari_scsam.volume.run import segment_volume
from napari_scsam.volume.segmentation import COMPARING, FINISHED
from napari_scsam.volume.writing.ledger import LEDGER, pixels_hash

SIZE = (20.0, 8.0, 8.0)
PHANTOM = make_phantom((4, 64, 80), SIZE).image


def small_model(seed: int = 0) -> ScSAM:
    torch.manual_seed(seed)
    return ScSAM(ScSAMConfig(nm_per_pixel=8.0, tile=128), PHANTOM_CLASSES[:6]).eval()


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(small_model(), "cpu")


@pytest.fixture
def counted(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The slices that were really segmented."""
    calls: list[Any] = []
    decode = predictor.logits_steps
    monkeypatch.setattr(
        predictor, "logits_steps", lambda names=None: calls.append(names) or decode(names)
    )
    return calls


def expected(predictor: Predictor, image: np.ndarray, volume: Volume) -> np.ndarray:
    """Labels slice by slice, from the predictor itself."""
    planes = []
    for plane in image if image.ndim == 3 else image[None]:
        predictor.set_image(plane, volume.voxel_size, contrast=measure_contrast(image))
        planes.append(predictor.segment())
    return np.stack(planes).reshape(image.shape)


@pytest.mark.parametrize("suffix", [".zarr", ".tif", ".tiff"])
@pytest.mark.parametrize(
    "image", [PHANTOM[:2], PHANTOM[1], PHANTOM[1:2]], ids=["3-D", "2-D", "one slice"]
)
def test_labels_have_shape_ids_place_and_table(
    predictor: Predictor, tmp_path: Path, image: np.ndarray, suffix: str
) -> None:
    volume = as_volume(image, SIZE)
    steps = list(segment_volume(volume, predictor, tmp_path / f"out{suffix}"))
    assert (steps[0].done, steps[-1].done, steps[-1].total) == (0, volume.depth, volume.depth)
    labels = open_labels(tmp_path / f"out{suffix}")
    assert labels.shape == image.shape
    assert labels.dtype == np.uint8
    assert labels.voxel_size is not None
    assert labels.voxel_size[-image.ndim :] == pytest.approx(
        SIZE[-image.ndim :]
    )  # a 2-D file has no place for z
    assert read_class_table(tmp_path / f"out{suffix}") == PHANTOM_CLASSES[:6]
    truth = expected(predictor, image, volume)
    np.testing.assert_array_equal(labels.data[...], truth)
    assert len(np.unique(truth)) > 1
    assert set(np.unique(truth)) <= set(range(7))


def test_origin_and_voxel_size_of_the_volume_are_kept(predictor: Predictor, tmp_path: Path) -> None:
    volume = Volume("crop", as_volume(PHANTOM[:1]).data, SIZE, origin=(100.0, 16.0, 24.0))
    for name in ("out.zarr", "out.tif"):
        list(segment_volume(volume, predictor, tmp_path / name))
        assert open_labels(tmp_path / name).origin == (100.0, 16.0, 24.0)
        assert open_labels(tmp_path / name).voxel_size == pytest.approx(SIZE)


def test_any_model_and_any_array_will_do(tmp_path: Path) -> None:
    list(
        segment_volume(
            PHANTOM[0].astype(np.float64),
            small_model(),
            tmp_path / "out.zarr",
            voxel_size=SIZE,
            device="cpu",
        )
    )
    labels = open_labels(tmp_path / "out.zarr")
    assert labels.shape == PHANTOM[0].shape
    assert labels.voxel_size == (8.0, 8.0, 8.0)


@pytest.mark.parametrize("settings", [{"device": "cpu"}, {"tta": True}, {"coarse": True}])
def test_a_predictor_keeps_its_own_device_and_views(
    predictor: Predictor, tmp_path: Path, settings: dict[str, Any]
) -> None:
    with pytest.raises(UserError, match=r"set them in Predictor\(model, …\)"):
        next(segment_volume(PHANTOM, predictor, tmp_path / "out.zarr", **settings))
    assert not list(tmp_path.iterdir())


def test_only_the_classes_asked_for_are_written(predictor: Predictor, tmp_path: Path) -> None:
    everything = expected(predictor, PHANTOM[:1], as_volume(PHANTOM[:1], SIZE))
    values, counts = np.unique(everything[everything > 0], return_counts=True)
    chosen = PHANTOM_CLASSES[values[counts.argmax()] - 1]
    list(
        segment_volume(
            as_volume(PHANTOM[:1], SIZE),
            predictor,
            tmp_path / "out.zarr",
            classes=[chosen.name.upper()],
        )
    )
    np.testing.assert_array_equal(
        open_labels(tmp_path / "out.zarr").data[...],
        np.where(everything == chosen.id, everything, 0),
    )
    assert read_class_table(tmp_path / "out.zarr") == (chosen,)


def test_two_single_slices_of_one_contrast_are_not_confused(
    predictor: Predictor, tmp_path: Path
) -> None:
    one, other = PHANTOM[:1], np.ascontiguousarray(PHANTOM[:1, ::-1])
    for name, image in (("one.zarr", one), ("other.zarr", other)):
        list(segment_volume(as_volume(image, SIZE), predictor, tmp_path / name))
    assert not np.array_equal(
        open_labels(tmp_path / "one.zarr").data[...], open_labels(tmp_path / "other.zarr").data[...]
    )
    np.testing.assert_array_equal(
        open_labels(tmp_path / "other.zarr").data[...],
        expected(predictor, other, as_volume(other, SIZE)),
    )


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file in a folder, by its path."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def stored_run(out: Path) -> Any:
    """Return the settings that a finished run left in its labels."""
    return zarr.open_group(out / "labels" / "classes", mode="r").attrs["scsam"]["run"]


def stop_in_the_middle(volume: Volume, predictor: Predictor, out: Path) -> None:
    """Stop when two of four slices are written."""
    run = segment_volume(volume, predictor, out)
    for step in run:
        if step.done == 2:
            break
    run.close()


def test_a_stopped_run_goes_on_and_redoes_nothing(
    predictor: Predictor, tmp_path: Path, counted: list[Any]
) -> None:
    volume = as_volume(PHANTOM, SIZE)
    list(segment_volume(volume, predictor, tmp_path / "whole.zarr"))
    counted.clear()
    stop_in_the_middle(volume, predictor, tmp_path / "stopped.zarr")
    assert len(counted) == 2
    steps = list(segment_volume(volume, predictor, tmp_path / "stopped.zarr", resume=True))
    assert len(counted) == 4
    assert steps[-1].done == steps[-1].total == 4
    whole, stopped = open_labels(tmp_path / "whole.zarr"), open_labels(tmp_path / "stopped.zarr")
    np.testing.assert_array_equal(stopped.data[...], whole.data[...])
    assert len(stopped.levels) == len(whole.levels)
    assert not (tmp_path / "stopped.zarr" / ".scsam_progress").exists()


def test_a_ledger_line_cut_off_by_a_crash_is_done_again(
    predictor: Predictor, tmp_path: Path, counted: list[Any]
) -> None:
    volume = as_volume(PHANTOM, SIZE)
    stop_in_the_middle(volume, predictor, tmp_path / "out.zarr")
    ledger = tmp_path / "out.zarr" / ".scsam_progress"
    ledger.write_text(ledger.read_text() + "3")  # without its end
    counted.clear()
    list(segment_volume(volume, predictor, tmp_path / "out.zarr", resume=True))
    assert len(counted) == 2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("classes", "other classes"),
        ("voxel size", "another voxel size"),
        ("weights", "another checkpoint"),
        ("grey values", "another image"),
        ("care", "another choice of --careful or --coarse"),
        ("look", "another choice of --careful or --coarse"),
        ("shape", "another image"),
    ],
)
@pytest.mark.parametrize("finished", [False, True])
def test_a_run_with_other_settings_is_not_continued(
    predictor: Predictor, tmp_path: Path, change: str, says: str, finished: bool
) -> None:
    volume, names, engine = as_volume(PHANTOM, SIZE), None, predictor
    out = tmp_path / "out.zarr"
    stop_in_the_middle(volume, predictor, out)
    if finished:
        list(segment_volume(volume, predictor, out, resume=True))
    before = tree(out)
    if change == "classes":
        names = ["membrane", "mitochondrion"]
    elif change == "voxel size":
        volume = as_volume(PHANTOM, (20.0, 16.0, 16.0))
    elif change == "weights":
        engine = Predictor(small_model(1), "cpu")
    elif change == "care":
        engine = Predictor(small_model(), "cpu", tta=True)
    elif change == "look":
        engine = Predictor(small_model(), "cpu", coarse=True)
    elif change == "shape":
        volume = as_volume(PHANTOM[:3], SIZE)
    else:
        volume = as_volume(255 - PHANTOM, SIZE)
    with pytest.raises(UserError, match=f"was begun with {says}; repeat its command"):
        list(segment_volume(volume, engine, out, classes=names, resume=True))
    assert tree(out) == before


def test_a_run_is_not_continued_with_an_image_that_differs_in_one_finished_slice(
    predictor: Predictor, tmp_path: Path
) -> None:
    """The fingerprint of a deep volume reads a few slices; what was segmented is read again."""
    deep = make_phantom((40, 64, 64), SIZE).image
    out = tmp_path / "out.zarr"
    stop_in_the_middle(as_volume(deep, SIZE), predictor, out)
    changed = deep.copy()
    changed[1, 3, 4] += 1
    assert fingerprint(changed) == fingerprint(deep)
    with pytest.raises(UserError, match="slice 1 of array has changed since it was segmented"):
        list(segment_volume(as_volume(changed, SIZE), predictor, out, resume=True))


@pytest.mark.parametrize("mask", [False, True])
def test_a_finished_run_is_not_done_when_one_pixel_of_its_image_has_changed(
    predictor: Predictor, tmp_path: Path, mask: bool
) -> None:
    deep = np.random.default_rng(0).integers(0, 200, (8, 16, 16)).astype(np.uint8)
    options: dict[str, Any] = {}
    if mask:
        inside = np.zeros(deep.shape, np.uint8)
        inside[:4, :8] = 1
        tifffile.imwrite(tmp_path / "mask.tif", inside, photometric="minisblack")
        options["mask"] = tmp_path / "mask.tif"
    out = tmp_path / "out.zarr"
    list(segment_volume(as_volume(deep, SIZE), predictor, out, **options))
    last = list(segment_volume(as_volume(deep, SIZE), predictor, out, resume=True, **options))[-1]
    assert last.what == FINISHED
    changed = deep.copy()
    changed[1, 3, 4] ^= 1
    assert fingerprint(changed) == fingerprint(deep)
    with pytest.raises(UserError, match=r"array has changed since .* was finished"):
        list(segment_volume(as_volume(changed, SIZE), predictor, out, resume=True, **options))


def test_a_stopped_run_is_not_replaced_without_being_asked(
    predictor: Predictor, tmp_path: Path, counted: list[Any]
) -> None:
    volume, out = as_volume(PHANTOM, SIZE), tmp_path / "out.zarr"
    stop_in_the_middle(volume, predictor, out)
    before = tree(out)
    with pytest.raises(UserError, match="holds a stopped run; add --resume to continue it"):
        list(segment_volume(volume, predictor, out))
    assert tree(out) == before
    list(segment_volume(volume, predictor, out, overwrite=True))
    assert len(counted) == 2 + 4
    assert not list(out.rglob(LEDGER))
    assert [p.name for p in (out / "labels").iterdir() if p.is_dir()] == ["classes"]


def test_a_finished_run_has_nothing_to_resume(
    predictor: Predictor, tmp_path: Path, counted: list[Any]
) -> None:
    volume, out = as_volume(PHANTOM, SIZE), tmp_path / "out.zarr"
    list(segment_volume(volume, predictor, out))
    before = tree(out)
    counted.clear()
    steps = list(segment_volume(volume, predictor, out, resume=True))
    assert (steps[-1].done, steps[-1].total, steps[-1].what) == (4, 4, FINISHED)
    assert all(step.what.startswith(COMPARING) for step in steps[:-1])
    assert not counted
    assert tree(out) == before


@pytest.mark.parametrize("name", ["out.tif", "out.tiff"])
def test_a_tiff_cannot_be_resumed(predictor: Predictor, tmp_path: Path, name: str) -> None:
    with pytest.raises(
        UserError, match="cannot be resumed, because such a file is written at the end"
    ):
        list(segment_volume(PHANTOM, predictor, tmp_path / name, resume=True))
    assert not list(tmp_path.iterdir())


def test_to_resume_and_to_overwrite_exclude_each_other(
    predictor: Predictor, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="choose one of them"):
        list(segment_volume(PHANTOM, predictor, tmp_path / "o.zarr", resume=True, overwrite=True))


@pytest.mark.parametrize("harm", ["no chunk", "half a chunk", "zeros", "no folder"])
@pytest.mark.parametrize("flat", [False, True])
def test_a_finished_slice_that_is_not_whole_is_done_again(
    predictor: Predictor, tmp_path: Path, harm: str, flat: bool
) -> None:
    volume = as_volume(PHANTOM[0] if flat else PHANTOM, SIZE)
    list(segment_volume(volume, predictor, tmp_path / "whole.zarr"))
    out = tmp_path / "out.zarr"
    run = segment_volume(volume, predictor, out)
    for step in run:
        if step.done == volume.depth - 1 and not flat:
            break
    run.close()
    if flat:  # as if it had been killed before it built the coarser levels
        (out / LEDGER).write_text(json.dumps(stored_run(out)) + "\n0 - 0/0\n")
    chunks = out / "labels" / "classes" / "0" / "c"
    chunk = chunks / "0" / "0" if flat else chunks / "1" / "0" / "0"
    if harm == "no chunk":
        chunk.unlink()
    elif harm == "half a chunk":
        chunk.write_bytes(chunk.read_bytes()[: chunk.stat().st_size // 2])
    elif harm == "zeros":
        chunk.write_bytes(bytes(chunk.stat().st_size))
    else:
        shutil.rmtree(chunk.parent)
    if flat:
        edited = (out / LEDGER).read_text().replace(" - ", f" {pixels_hash(PHANTOM[0])} ")
        (out / LEDGER).write_text(edited)
    list(segment_volume(volume, predictor, out, resume=True))
    np.testing.assert_array_equal(
        open_labels(out).data[...], open_labels(tmp_path / "whole.zarr").data[...]
    )


def test_finished_labels_stay_until_those_that_replace_them_are_whole(
    predictor: Predictor, tmp_path: Path
) -> None:
    volume, out = as_volume(PHANTOM, SIZE), tmp_path / "out.zarr"
    write_labels(out, np.full(PHANTOM.shape, 7, np.uint8), SIZE, (ClassSpec(7, "drawn"),))
    write_labels(out, np.ones(PHANTOM.shape, np.uint8), SIZE, (), name="objects")
    run = segment_volume(volume, predictor, out, overwrite=True)
    for step in run:
        if step.done == 2:
            break
    run.close()
    assert (open_labels(out / "labels" / "classes").data[...] == 7).all()
    with pytest.raises(UserError, match="holds a stopped run"):
        next(segment_volume(volume, predictor, out))
    steps = list(segment_volume(volume, predictor, out, resume=True))
    assert steps[0].done == 2
    np.testing.assert_array_equal(
        open_labels(out / "labels" / "classes").data[...], expected(predictor, PHANTOM, volume)
    )
    assert (open_labels(out / "labels" / "objects").data[...] == 1).all()


def test_a_voxel_size_that_is_given_replaces_that_of_the_volume(
    predictor: Predictor, tmp_path: Path
) -> None:
    volume = as_volume(PHANTOM[:1], SIZE)
    other = (20.0, 16.0, 16.0)
    list(segment_volume(volume, predictor, tmp_path / "out.zarr", voxel_size=other))
    assert open_labels(tmp_path / "out.zarr").voxel_size == other


def test_resume_without_anything_there_just_begins(
    predictor: Predictor, tmp_path: Path, counted: list[Any]
) -> None:
    list(
        segment_volume(as_volume(PHANTOM[:2], SIZE), predictor, tmp_path / "out.zarr", resume=True)
    )
    assert len(counted) == 2


def test_models_of_one_form_have_different_hashes() -> None:
    model = small_model(1)
    before = weights_hash(model)
    assert before == weights_hash(small_model(1))
    with torch.no_grad():
        model.class_prompt.prototypes[0, 0] += 1e-3
    assert weights_hash(model) != before


@pytest.mark.parametrize(
    ("image", "out", "settings", "says"),
    [
        (
            PHANTOM,
            "out.png",
            {},
            r"labels cannot be written to 'out\.png'; end its name in \.zarr, \.tif",
        ),
        (PHANTOM, "out.zarr", {"classes": ["nucleolus"]}, "no class is called 'nucleolus'"),
        (np.full((2, 64, 64), np.nan), "out.zarr", {}, "only NaN"),
        (np.full((2, 64, 64), 3), "out.tif", {}, "constant"),
        (np.zeros((2, 0, 64)), "out.zarr", {}, "empty"),
        (np.zeros((2, 2, 64, 64)), "out.zarr", {}, "time points|channels|images"),
    ],
)
def test_a_mistake_is_told_before_anything_is_written(
    predictor: Predictor,
    tmp_path: Path,
    image: np.ndarray,
    out: str,
    settings: dict[str, Any],
    says: str,
) -> None:
    with pytest.raises(UserError, match=says):
        next(segment_volume(image, predictor, tmp_path / out, **settings))
    assert not list(tmp_path.iterdir())


def test_the_image_is_never_overwritten(predictor: Predictor, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "raw.tif", PHANTOM, imagej=True, metadata={"axes": "ZYX"})
    volume = open_volume(tmp_path / "raw.tif")
    with pytest.raises(UserError, match="would overwrite the image"):
        next(segment_volume(volume, predictor, tmp_path / "." / "raw.tif"))
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "raw.tif"), PHANTOM)


def test_somebody_elses_folder_is_never_overwritten(predictor: Predictor, tmp_path: Path) -> None:
    (tmp_path / "out.zarr").mkdir()
    (tmp_path / "out.zarr" / "thesis.txt").write_text("all of it")
    with pytest.raises(UserError, match="is not a label file of napari-scsam"):
        next(segment_volume(PHANTOM, predictor, tmp_path / "out.zarr"))
    assert [p.name for p in (tmp_path / "out.zarr").iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_tiff_that_is_no_segmentation_is_never_overwritten(
    predictor: Predictor, tmp_path: Path, overwrite: bool
) -> None:
    tifffile.imwrite(tmp_path / "other.tif", PHANTOM, photometric="minisblack")
    (tmp_path / "text.tif").write_text("all of it")
    for name in ("other.tif", "text.tif"):
        before = (tmp_path / name).read_bytes()
        with pytest.raises(UserError, match="is not a label file of napari-scsam"):
            next(segment_volume(PHANTOM, predictor, tmp_path / name, overwrite=overwrite))
        assert (tmp_path / name).read_bytes() == before


def test_overwriting_starts_again_and_can_be_stopped_and_resumed(
    predictor: Predictor, tmp_path: Path, counted: list[Any]
) -> None:
    volume, out = as_volume(PHANTOM, SIZE), tmp_path / "out.zarr"
    list(segment_volume(volume, predictor, out))
    with pytest.raises(UserError, match="--overwrite"):
        next(segment_volume(volume, predictor, out))
    counted.clear()
    run = segment_volume(volume, predictor, out, overwrite=True)
    next(run), next(run), run.close()
    list(segment_volume(volume, predictor, out, resume=True))
    assert len(counted) == 4


def test_labels_are_not_written_over_what_holds_the_image(
    predictor: Predictor, tmp_path: Path
) -> None:
    write_labels(tmp_path / "grey.zarr", PHANTOM, SIZE, ())
    volume = open_volume(tmp_path / "grey.zarr" / "labels" / "classes")
    with pytest.raises(UserError, match="would overwrite the image"):
        next(segment_volume(volume, predictor, tmp_path / "grey.zarr", overwrite=True))
