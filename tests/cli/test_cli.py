"""The command line as users and scripts meet it: exit codes, one line for a mistake, and stable JSON."""

from __future__ import annotations

import errno
import functools
import json
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import tifffile
import torch
import zarr

from napari_scsam import cli
from napari_scsam.checkpoints import find
from napari_scsam.checkpoints.checkpoint import save_checkpoint
from napari_scsam.cli import checkpoints
from napari_scsam.cli import demo as demo_command
from napari_scsam.cli import evaluate as evaluate_command
from napari_scsam.cli import pretrain as pretrain_command
from napari_scsam.cli import segment as segment_command
from napari_scsam.cli import train as train_command
from napari_scsam.cli.evaluate import parse_map
from napari_scsam.cli.shared import parts
from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.labels import read_class_table, write_labels
from napari_scsam.io.volumes import as_volume, open_labels, open_volume
from napari_scsam.model import ScSAM, ScSAMConfig
from napari_scsam.paths import weights_folder
from napari_scsam.project.image import ImageReference, copy_image
from napari_scsam.project.project import create_project
from napari_scsam.project.review import find_reviewed
from napari_scsam.samples.phantom import PHANTOM_CLASSES, Phantom, make_phantom
from napari_scsam.samples.shipped import open_shipped
from napari_scsam.steps import Progress
from napari_scsam.train import pretrain, resume
from napari_scsam.train.schedule import TrainStep
from napari_scsam.train.scoring.simulated_user import objects_of_slice
from napari_scsam.volume import demo


def scsam(*arguments: object) -> int:
    """Run a command in this process and give its exit code."""
    try:
        return cli.main([str(a) for a in arguments])
    except SystemExit as end:
        return int(end.code or 0)


@pytest.fixture(scope="module")
def cell() -> Phantom:
    return make_phantom((2, 64, 80), (20.0, 8.0, 8.0))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small checkpoint that has learned nothing."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    network = ScSAM(ScSAMConfig(nm_per_pixel=8.0, tile=128), PHANTOM_CLASSES[:6])
    save_checkpoint(path, network, summary="Random weights", licence="CC0", training={})
    return path


@pytest.fixture
def image(cell: Phantom, tmp_path: Path) -> Path:
    tifffile.imwrite(
        tmp_path / "cell.tif",
        cell.image,
        imagej=True,
        resolution=(1 / 8, 1 / 8),
        metadata={"axes": "ZYX", "unit": "nm", "spacing": 20.0},
    )
    return tmp_path / "cell.tif"


@pytest.fixture
def labels(cell: Phantom, tmp_path: Path) -> Path:
    write_labels(
        tmp_path / "labels.tif",
        np.where(cell.labels <= 6, cell.labels, 0),
        cell.voxel_size,
        PHANTOM_CLASSES[:6],
    )
    return tmp_path / "labels.tif"


@pytest.mark.parametrize("name", ["labels.zarr", "labels.tif"])
def test_segment(
    image: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    out = tmp_path / name
    assert scsam("segment", image, "-o", out, "--checkpoint", model, "--device", "cpu") == 0
    written = open_labels(out)
    assert (written.shape, written.voxel_size) == ((2, 64, 80), pytest.approx((20, 8, 8)))
    assert set(np.unique(written.data[...])) <= set(range(7))
    assert read_class_table(out) == PHANTOM_CLASSES[:6]
    told = capsys.readouterr()
    assert told.out == f"{out}\n"
    assert told.err == ""


def test_embed(
    image: Path,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ("embed", image, "--checkpoint", model, "--device", "cpu")
    assert scsam(*command) == 2
    assert "the cache for embeddings is off" in capsys.readouterr().err
    monkeypatch.setenv("NAPARI_SCSAM_CACHE_GB", "1")
    monkeypatch.setenv("NAPARI_SCSAM_CACHE", str(tmp_path))
    assert scsam(*command) == 0
    told = capsys.readouterr()
    assert told.out.startswith(f"{tmp_path / 'embeddings'}: ")
    assert told.out.endswith(" MB of at most 1 GB\n")
    assert told.err == ""
    assert len(list(tmp_path.glob("embeddings/*/zarr.json"))) == 2
    assert scsam(*command, "--careful") == 0
    assert len(list(tmp_path.glob("embeddings/*/zarr.json"))) == 2 * 4


def test_measure_labels_of_our_own(
    cell: Phantom, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_labels(tmp_path / "labels.zarr", cell.labels, cell.voxel_size, cell.classes)
    assert scsam("measure", tmp_path / "labels.zarr", "-o", tmp_path / "table.csv") == 0
    assert "mitochondrion" in (tmp_path / "table.csv").read_text()
    tifffile.imwrite(tmp_path / "bare.tif", cell.labels)
    assert scsam("measure", tmp_path / "bare.tif", "-o", tmp_path / "other.csv") == 2
    assert "no class table" in capsys.readouterr().err
    assert not (tmp_path / "other.csv").exists()


def test_measure_of_nothing_is_an_empty_table(
    cell: Phantom, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels, table = tmp_path / "labels.zarr", tmp_path / "table.csv"
    write_labels(labels, np.zeros_like(cell.labels), cell.voxel_size, cell.classes)
    assert scsam("measure", labels, "-o", table) == 0
    told = capsys.readouterr()
    assert (
        told.err
        == f"scsam: {labels} holds no object of 10 voxels or more, so the table has only a header\n"
    )
    assert told.out == f"{table}\n"
    assert table.read_text().startswith("class,id,voxels")
    assert len(table.read_text().splitlines()) == 1


def test_measure_says_that_labels_are_not_finished(
    cell: Phantom, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = tmp_path / "labels.zarr"
    write_labels(labels, cell.labels, cell.voxel_size, cell.classes)
    (labels / ".scsam_progress").touch()
    for path in (labels, labels / "labels" / "classes"):
        assert scsam("measure", path, "-o", tmp_path / "table.csv") == 0
        assert (
            f"{path} is not finished, and slices without labels count as empty"
            in capsys.readouterr().err
        )


def test_measure_labels_within_an_image(
    cell: Phantom, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image, table = tmp_path / "cell.ome.zarr", tmp_path / "table.csv"
    list(copy_image(image, cell.image, cell.voxel_size, (0.0, 0.0, 0.0)))
    zarr.open_group(image, mode="r+").update_attributes({"scsam": {"format": 1}})
    write_labels(image, cell.labels, cell.voxel_size, cell.classes, name="organelles")
    assert scsam("measure", image, "-o", table) == 0
    assert "mitochondrion" in table.read_text()
    assert capsys.readouterr().err == ""
    write_labels(
        image, np.ones_like(cell.labels), cell.voxel_size, (ClassSpec(1, "nucleus"),), name="other"
    )
    assert scsam("measure", image, "-o", tmp_path / "other.csv") == 2
    told = capsys.readouterr().err
    assert (
        f"holds several label images; choose one of: {image / 'labels' / 'organelles'}, {image / 'labels' / 'other'}"
        in told
    )
    assert scsam("measure", image / "labels" / "other", "-o", table) == 0
    assert "nucleus" in table.read_text()
    write_labels(image, cell.labels, cell.voxel_size, cell.classes)
    capsys.readouterr()
    assert scsam("measure", image, "-o", table) == 0
    assert "mitochondrion" in table.read_text()
    assert (
        capsys.readouterr().err
        == "scsam: 'classes' was measured, of the label images organelles, other, classes\n"
    )


def test_train_says_that_it_takes_a_training_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert scsam("train", "--help") == 0
    told = " ".join(capsys.readouterr().out.split())
    assert (
        "CONFIG.toml|FOLDER a recipe, or a training set: a folder that the plugin exported" in told
    )


def test_segment_some_classes_with_another_voxel_size(
    image: Path, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "labels.zarr"
    command = (
        "segment",
        image,
        "-o",
        out,
        "--checkpoint",
        model,
        "--classes",
        "vesicle, Membrane",
        "--voxel-size",
        40,
        4,
        4,
    )
    assert scsam(*command) == 0
    quick = open_labels(out).data[...]
    assert scsam(*command, "--careful", "--overwrite") == 0
    assert not np.array_equal(open_labels(out).data[...], quick)
    assert open_labels(out).voxel_size == (40, 4, 4)
    assert [c.name for c in read_class_table(out) or ()] == ["vesicle", "membrane"]
    assert set(np.unique(open_labels(out).data[...])) <= {0, 3, 6}


@pytest.mark.parametrize("name", ["labels.zarr", "labels.tif"])
def test_corrected_labels_are_replaced_only_when_asked(
    image: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    out, command = (
        tmp_path / name,
        ("segment", image, "-o", tmp_path / name, "--checkpoint", model, "--device", "cpu"),
    )
    write_labels(out, np.full((2, 64, 80), 5, np.uint8), (20.0, 8.0, 8.0), PHANTOM_CLASSES[:6])
    for more in ((), ("--resume",)):
        assert scsam(*command, *more) == 2
        told = capsys.readouterr().err
        assert len(told.splitlines()) == 1
        assert f"{out} already exists" in told
        assert "give another name, or --overwrite" in told
        assert (open_labels(out).data[...] == 5).all()
    assert scsam(*command, "--overwrite") == 0
    assert not (open_labels(out).data[...] == 5).all()


def test_a_project_is_never_segmented_into(
    image: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine.scsam.zarr"
    project = create_project(out, ImageReference.of(open_volume(image), out), PHANTOM_CLASSES[:6])
    project.array("classes")[...] = 3
    project.close()
    for more in ((), ("--resume",), ("--overwrite",)):
        assert (
            scsam("segment", image, "-o", out, "--checkpoint", model, "--device", "cpu", *more) == 2
        )
        assert (
            "is an annotation project, whose labels are never replaced; give the new ones another name"
            in capsys.readouterr().err
        )
    assert (open_labels(out / "labels" / "classes").data[...] == 3).all()


def test_segment_says_that_the_pixel_size_is_unknown(
    cell: Phantom, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tifffile.imwrite(tmp_path / "bare.tif", cell.image[0])
    assert (
        scsam("segment", tmp_path / "bare.tif", "-o", tmp_path / "out.zarr", "--checkpoint", model)
        == 0
    )
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert "voxel size unknown" in told[0]
    assert "8 nm per pixel" in told[0]
    assert open_labels(tmp_path / "out.zarr").voxel_size is None


def test_evaluate(
    image: Path, labels: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = (
        "evaluate",
        "--image",
        image,
        "--labels",
        labels,
        "--checkpoint",
        model,
        "--json",
        tmp_path / "scores.json",
    )
    assert scsam(*command) == 0
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert [c["name"] for c in scores["classes"]] == [c.name for c in PHANTOM_CLASSES[:6]]
    assert all(c["dice"] is None or 0 <= c["dice"] <= 1 for c in scores["classes"])
    assert 0 <= scores["mean_iou"] <= scores["mean_dice"] < 0.6
    head, *table, missing, foot = capsys.readouterr().out.splitlines()
    assert head.split()[:2] == ["class", "Dice"]
    assert missing == "not labelled there, so not scored: vesicle"
    assert [line.split()[0] for line in table] == [c.name for c in PHANTOM_CLASSES[:6]] + ["mean"]
    assert table[-1].split()[1] == f"{scores['mean_dice']:.3f}"
    assert foot == "2 slices; boundary tolerance 16 nm; objects of 24 pixels or more"
    assert "clicks" not in scores
    assert scsam(*command, "--careful") == 0
    assert json.loads((tmp_path / "scores.json").read_text())["mean_dice"] != scores["mean_dice"]


def test_evaluate_with_a_map(image: Path, cell: Phantom, model: Path, tmp_path: Path) -> None:
    write_labels(
        tmp_path / "theirs.tif", np.where(cell.labels == 1, 255, 0).astype(np.uint8), None, ()
    )
    command = (
        "evaluate",
        "--image",
        image,
        "--labels",
        tmp_path / "theirs.tif",
        "--checkpoint",
        model,
        "--json",
        tmp_path / "a.json",
    )
    assert scsam(*command, "--map", "255=mitochondrion", "--map", "7=membrane") == 0
    scores = json.loads((tmp_path / "a.json").read_text())["classes"]
    assert [(c["name"], c["pixels"]) for c in scores] == [
        ("mitochondrion", int((cell.labels == 1).sum())),
        ("membrane", 0),
    ]


def test_evaluate_clicks_too(
    image: Path, labels: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = (
        "evaluate",
        "--image",
        image,
        "--labels",
        labels,
        "--checkpoint",
        model,
        "--json",
        tmp_path / "scores.json",
    )
    options = (
        "--clicks",
        2,
        "--smallest",
        60,
        "--slices",
        1,
        "--map",
        "1=mitochondrion",
        "--tolerance",
        30,
    )
    assert scsam(*command, *options) == 0
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["slices"] == 1
    assert (scores["tolerance"], scores["tolerance_unit"]) == (30, "nm")
    assert [c["name"] for c in scores["classes"]] == ["mitochondrion"]
    assert (
        scores["clicks"]["objects"]
        == len(objects_of_slice(open_labels(labels).plane(1) == 1, 60))
        > 0
    )
    assert len(scores["clicks"]["iou"]) == 2
    assert all(0 <= v <= 1 for v in (*scores["clicks"]["iou"], scores["box_iou"]))
    told = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["2", "clicks", f"{scores['clicks']['iou'][1]:.3f}"] in [line[:3] for line in told]
    assert [
        "1",
        "slice;",
        "boundary",
        "tolerance",
        "30",
        "nm;",
        "objects",
        "of",
        "60",
        "pixels",
        "or",
        "more",
    ] in told


def test_labels_that_number_objects_are_scored_by_clicks_alone(
    image: Path, cell: Phantom, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_labels(
        tmp_path / "objects.tif", np.where(cell.labels == 1, 900, 0).astype(np.uint16), None, ()
    )
    command = (
        "evaluate",
        "--image",
        image,
        "--labels",
        tmp_path / "objects.tif",
        "--checkpoint",
        model,
        "--json",
        tmp_path / "a.json",
    )
    assert scsam(*command, "--clicks", 1, "--slices", "0-1") == 0
    scores = json.loads((tmp_path / "a.json").read_text())
    assert set(scores) == {"clicks", "box_iou", "box_iou_interval"}
    assert (
        "scsam: only clicks are scored, because the labels hold the value 900"
        in capsys.readouterr().err
    )


def test_map_pairs() -> None:
    assert parse_map([], PHANTOM_CLASSES) is None
    assert parse_map(["1=ER", "12=membrane"], PHANTOM_CLASSES) == {
        1: PHANTOM_CLASSES[8],
        12: PHANTOM_CLASSES[5],
    }
    for wrong in ("er", "er=1", "1=", "=er", "²=er"):
        with pytest.raises(UserError, match=f"--map {wrong} is not a pair"):
            parse_map([wrong], PHANTOM_CLASSES)


def test_checkpoints_info(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scsam("checkpoints", "info", model, "--json") == 0
    card = json.loads(capsys.readouterr().out)
    assert [(c["id"], c["name"]) for c in card["classes"]] == [
        (c.id, c.name) for c in PHANTOM_CLASSES[:6]
    ]
    assert (card["name"], card["nm_per_pixel"], card["licence"]) == ("small", 8.0, "CC0")
    assert scsam("checkpoints", "info", model) == 0
    assert "mitochondrion" in capsys.readouterr().out


def test_checkpoints_list_and_verify(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NAPARI_SCSAM_CHECKPOINTS", str(model.parent))
    for command in (("checkpoints",), ("checkpoints", "list")):
        assert scsam(*command) == 0
        assert any(
            line.startswith("small ") and line.endswith("Random weights")
            for line in capsys.readouterr().out.splitlines()
        )
    assert scsam("checkpoints", "verify", "small") == 0
    assert capsys.readouterr().out == "small: complete\n"


def test_pseudo_label(
    image: Path,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # A network of random weights is certain of nothing.
    monkeypatch.setattr("napari_scsam.train.pseudo_labels.MIN_BACKGROUND_PROBABILITY", 0.0)
    out = tmp_path / "new" / "pseudo"
    assert (
        scsam(
            "pseudo-label",
            image,
            "-o",
            out,
            "--checkpoint",
            model,
            "--device",
            "cpu",
            "--classes",
            f"{PHANTOM_CLASSES[0].name}",
        )
        == 0
    )
    told = capsys.readouterr()
    assert told.out == f"{out / 'labels.tif'}\n"
    assert re.search(r"\d+% of the voxels are labelled; name labels.tif in a recipe", told.err)
    found, known = (
        open_labels(out / "labels.tif"),
        open_labels(find_reviewed(out / "labels.tif") or ""),
    )
    assert found.shape == known.shape == (2, 64, 80)
    assert found.voxel_size == known.voxel_size == pytest.approx((20, 8, 8))
    assert read_class_table(out / "labels.tif") == PHANTOM_CLASSES[:6]
    assert set(np.unique(found.data[...])) <= {0, PHANTOM_CLASSES[0].id}
    assert set(np.unique(known.data[...])) <= {0, 1}
    assert (
        scsam("pseudo-label", image, "-o", out, "--checkpoint", model, "--classes", "nucleolus")
        == 2
    )
    assert "nucleolus" in capsys.readouterr().err
    before, again = (
        (out / "labels.tif").read_bytes(),
        ("pseudo-label", image, "--checkpoint", model, "--device", "cpu", "-o"),
    )
    assert scsam(*again, out) == 2
    assert "or --overwrite to replace them" in capsys.readouterr().err
    assert (out / "labels.tif").read_bytes() == before
    assert scsam(*again, out, "--overwrite") == 0
    capsys.readouterr()
    assert scsam(*again, image) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1, "told before the work"


def test_pretrain_then_train(
    image: Path,
    labels: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tiny = functools.partial(pretrain.PretrainConfig, batch=2, crop=64)
    monkeypatch.setattr(pretrain, "PretrainConfig", tiny)
    assert scsam("pretrain", image, "-o", tmp_path / "mae.safetensors", "--steps", 2) == 0
    told = capsys.readouterr()
    assert told.out == f"{tmp_path / 'mae.safetensors'}\n"
    about, first, second, last = told.err.splitlines()
    assert re.fullmatch(r"scsam: training from random weights on \w+, 2 steps", about)
    assert first.startswith("step 1/2 loss ")
    assert second.startswith("step 2/2 loss ")
    assert (
        last == f"scsam: curves, pictures and the record of the run are in {tmp_path / 'mae.run'}"
    )
    command = (
        "pretrain",
        image,
        "-o",
        tmp_path / "more.safetensors",
        "--steps",
        2,
        "--device",
        "cpu",
    )
    assert scsam(*command, "--start", tmp_path / "mae.safetensors", "--seed", 5) == 0
    settings = json.loads((tmp_path / "more.run" / "run.json").read_text())["settings"]
    assert (settings["start"], settings["seed"]) == ("mae.safetensors", 5)
    capsys.readouterr()
    (tmp_path / "recipe.toml").write_text(f"""
[model]
mae_weights = "mae.safetensors"
nm_per_pixel = 8.0
tile = 128
[[classes]]
id = 1
name = "mitochondrion"
[[data]]
image = "{image.name}"
labels = "{labels.name}"
objects = [[1]]
[training]
steps = 2
batch = 2
crop = 64
prompts = 1
""")
    assert (
        scsam(
            "train",
            tmp_path / "recipe.toml",
            "-o",
            tmp_path / "mine.safetensors",
            "--device",
            "cpu",
        )
        == 0
    )
    told = capsys.readouterr()
    assert str(tmp_path / "mine.run") in told.err.splitlines()[-1]
    assert (tmp_path / "mine.run" / "predictions.png").is_file()
    assert told.out == f"{tmp_path / 'mine.safetensors'}\n"
    assert told.err.splitlines()[0] == "scsam: training from mae.safetensors on cpu, 2 steps"
    assert "step 1/2 loss " in told.err
    assert "step 2/2 loss " in told.err
    assert "prototype " in told.err
    assert (
        scsam(
            "segment",
            image,
            "-o",
            tmp_path / "out.tif",
            "--checkpoint",
            tmp_path / "mine.safetensors",
        )
        == 0
    )
    before, again = (
        (tmp_path / "mine.safetensors").read_bytes(),
        ("train", tmp_path / "recipe.toml", "-o", tmp_path / "mine.safetensors"),
    )
    capsys.readouterr()
    assert scsam(*again) == 2
    assert scsam("pretrain", image, "-o", tmp_path / "mae.safetensors") == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert all(
        "already exists, and there is no stopped training to resume; choose another name, or add"
        in line
        for line in told
    )
    assert (tmp_path / "mine.safetensors").read_bytes() == before
    assert scsam(*again, "--overwrite", "--device", "cpu") == 0
    stop_after_the_first_step(monkeypatch, *again, "--overwrite", "--device", "cpu")
    edited = (
        (tmp_path / "recipe.toml")
        .read_text()
        .replace("steps = 2", "steps = 3")
        .replace("prompts = 1", "prompts = 0")
    )
    (tmp_path / "recipe.toml").write_text(edited)
    capsys.readouterr()
    assert scsam(*again, "--device", "cpu") == 2
    told = capsys.readouterr().err
    assert (
        "(training.steps: 2 → 3; training.prompts: 1 → 0) was stopped after step 1; use those settings"
        in told
    )
    assert told.count("\n") == 1
    assert scsam(*again, "--overwrite", "--device", "cpu") == 0
    told = capsys.readouterr().err
    assert told.splitlines()[0].endswith(
        "was stopped after step 1, so this one starts from the beginning"
    )
    assert "step 1/3" in told
    command = (
        "pretrain",
        image,
        "-o",
        tmp_path / "mae.safetensors",
        "--overwrite",
        "--device",
        "cpu",
        "--steps",
        "2",
    )
    stop_after_the_first_step(monkeypatch, *command)
    capsys.readouterr()
    assert scsam(*(word for word in command if word != "--overwrite"), "--seed", "1") == 2
    assert "other settings (seed: 0 → 1) was stopped after step 1" in capsys.readouterr().err
    assert scsam(*command, "--seed", "1") == 0
    assert capsys.readouterr().err.splitlines()[0].endswith("so this one starts from the beginning")


def stop_after_the_first_step(monkeypatch: pytest.MonkeyPatch, *command: object) -> None:
    """Run a training that is killed when it has kept its first step."""

    def stop(steps: Iterable[TrainStep], *_: object) -> None:
        next(iter(steps))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(resume, "SAVE_SECONDS", -1.0)
        for module in (train_command, pretrain_command):
            patch.setattr(module, "show_training", stop)
        assert scsam(*command) == 130


def offline(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise requests.ConnectionError("Name or service not known")

    monkeypatch.setattr(requests, "get", no_network)
    monkeypatch.setenv("NAPARI_SCSAM_CACHE", str(cache))
    part = open_shipped().data[:2, :64, :80]
    monkeypatch.setattr(demo, "open_shipped", lambda: as_volume(part, (10.0, 10.0, 10.0)))


def shipped(monkeypatch: pytest.MonkeyPatch, model: Path, folder: Path) -> None:
    """Let the small checkpoint be the shipped one."""
    folder.mkdir()
    (folder / "scsam_tiny.safetensors").symlink_to(model)
    (folder / "registry.json").symlink_to(weights_folder() / "registry.json")
    monkeypatch.setattr(find, "weights_folder", lambda: folder)


def test_demo_without_network_and_screen(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    offline(monkeypatch, tmp_path / "cache")
    shipped(monkeypatch, model, tmp_path / "weights")
    assert scsam("demo", "--headless", tmp_path / "demo") == 0
    told = capsys.readouterr()
    assert "FlyEM" in told.out
    assert str(tmp_path / "demo" / "labels.png") in told.out
    assert told.err == ""
    assert (
        open_labels(tmp_path / "demo" / "labels.zarr").shape
        == open_volume(tmp_path / "demo" / "sample.tif").shape
    )


@pytest.mark.parametrize(("code", "ends"), [(0, 0), (-6, 2)])
def test_demo_opens_napari_in_a_process_of_its_own(
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    code: int,
    ends: int,
) -> None:
    offline(monkeypatch, tmp_path / "cache")
    shipped(monkeypatch, model, tmp_path / "weights")
    opened: list[list[str]] = []

    def window(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        opened.append(command)
        return subprocess.CompletedProcess(command, code)

    monkeypatch.setattr(demo_command.subprocess, "run", window)
    assert scsam("demo") == ends
    assert opened[0][1:3] == ["-m", "napari"]
    assert Path(opened[0][3]).name == "sample.tif"
    assert ("napari could not open" in capsys.readouterr().err) == bool(ends)


class Boobytrap:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return exec, ("raise SystemExit('a pickle was executed')",)


def make_wrong_files(folder: Path) -> None:
    """Write the files that users try."""
    grey = np.random.default_rng(0).integers(0, 255, (2, 64, 64)).astype(np.uint8)
    stack: dict[str, Any] = {"imagej": True, "metadata": {"axes": "ZYX"}}
    tifffile.imwrite(folder / "good.tif", grey, **stack)
    tifffile.imwrite(folder / "labels.tif", grey, **stack)
    tifffile.imwrite(
        folder / "colour.tif", np.stack([grey[0], grey[0] // 2, grey[0]], -1), photometric="rgb"
    )
    tifffile.imwrite(
        folder / "4d.tif", np.stack([grey] * 3), imagej=True, metadata={"axes": "TZYX"}
    )
    tifffile.imwrite(folder / "nan.tif", np.full((2, 64, 64), np.nan, np.float32))
    tifffile.imwrite(folder / "constant.tif", np.full((64, 64), 7, np.uint16))
    tifffile.imwrite(folder / "float_labels.tif", grey.astype(np.float32))
    tifffile.imwrite(folder / "other_shape.tif", grey[:, :32], **stack)
    tifffile.imwrite(folder / "value_9.tif", np.full((2, 64, 64), 9, np.uint8), **stack)
    (folder / "array.xyz").write_bytes(grey.tobytes())
    tifffile.imwrite(folder / "complex.tif", grey.astype(np.complex64), metadata={"axes": "ZYX"})
    (folder / "empty.tif").touch()
    (folder / "cut.tif").write_bytes((folder / "good.tif").read_bytes()[:3000])
    (folder / "text.tif").write_text("not an image")
    torch.save({"w": torch.zeros(1)}, folder / "foreign.pth")
    (folder / "pickle.pth").write_bytes(pickle.dumps(Boobytrap()))
    (folder / "text.safetensors").write_text("not a checkpoint")
    from safetensors.torch import save_file

    save_file({"w": torch.zeros(1)}, folder / "foreign.safetensors")
    (folder / "recipe.toml").write_text("[optimiser]\n")
    (folder / "trap.toml").write_text(
        "[model]\nsam_weights = 'pickle.pth'\n[[classes]]\nid = 1\nname = 'er'\n[[data]]\nimage = 'good.tif'\nlabels = 'good.tif'\n"
    )


MISTAKES = [
    ("segment gone.tif -o out.zarr", "gone.tif does not exist"),
    ("segment array.xyz -o out.zarr", "suffix '.xyz', which is not a known volume format"),
    ("segment complex.tif -o out.zarr", "complex.tif holds complex64 values"),
    ("segment text.tif -o out.zarr", "text.tif cannot be opened"),
    ("segment cut.tif -o out.zarr", "cut.tif"),
    ("segment empty.tif -o out.zarr", "empty.tif is an empty file"),
    ("segment colour.tif -o out.zarr", "colour.tif is a colour (RGB) image"),
    ("segment 4d.tif -o out.zarr", "4d.tif has 3 time points"),
    ("segment nan.tif -o out.zarr", "only NaN or infinite values"),
    ("segment constant.tif -o out.zarr", "the image is constant"),
    ("segment good.tif -o out.png", "end its name in .zarr, .tif, .mrc, .h5 or .precomputed"),
    ("segment good.tif -o good.tif", "would overwrite the image"),
    ("segment good.tif -o good.tif/out.tif", "good.tif"),
    (
        "segment good.tif -o out.zarr --classes nucleolus",
        "no class is called 'nucleolus'; choose from: mitochondrion,",
    ),
    (
        "segment good.tif -o out.zarr --voxel-size 5 5 5 5",
        "voxel size (5.0, 5.0, 5.0, 5.0) is not usable",
    ),
    (
        "segment good.tif -o out.zarr --voxel-size five",
        "argument --voxel-size: 'five' is not a number; give z y x in nm, e.g. 40 8 8",
    ),
    ("segment good.tif -o out.zarr --device tpu", "device"),
    ("segment good.tif -o out.zarr --checkpoint gone", "no checkpoint 'gone'"),
    (
        "segment good.tif -o out.zarr --checkpoint foreign.safetensors",
        "foreign.safetensors is not a ScSAM checkpoint",
    ),
    (
        "segment good.tif -o out.zarr --checkpoint text.safetensors",
        "text.safetensors is not a ScSAM checkpoint",
    ),
    (
        "segment good.tif -o out.zarr --checkpoint foreign.pth",
        "foreign.pth is not a ScSAM checkpoint",
    ),
    (
        "segment good.tif -o out.zarr --checkpoint pickle.pth",
        "pickle.pth is not a ScSAM checkpoint",
    ),
    ("segment good.tif", "one of the arguments -o/--out --into is required"),
    ("evaluate --image good.tif --labels float_labels.tif", "labels are integers"),
    ("evaluate --image good.tif --labels other_shape.tif", "but the labels have (2, 32, 64)"),
    ("evaluate --image good.tif --labels value_9.tif", "the labels hold the value 9"),
    (
        "evaluate --image good.tif --labels value_9.tif --map mitochondrion=9",
        "--map mitochondrion=9 is not a pair",
    ),
    (
        "evaluate --image good.tif --labels value_9.tif --map 9=nucleolus",
        "no class is called 'nucleolus'",
    ),
    ("evaluate --image good.tif --labels labels.tif --slices 3-1", "--slices 3-1 is not readable"),
    (
        "evaluate --image good.tif --labels labels.tif --slices 0,7",
        "the image has no slice 7; its slices are 0 to 1",
    ),
    (
        "evaluate --image good.tif --labels labels.tif --tolerance 10",
        "the voxel size is unknown, so a tolerance in nm",
    ),
    (
        "evaluate --image good.tif --labels labels.tif --voxel-size 8 --tolerance -1",
        "argument --tolerance: '-1' is not usable; give a number above 0",
    ),
    (
        "evaluate --image good.tif --labels labels.tif --clicks 0",
        "argument --clicks: '0' is not usable; give a whole number above 0",
    ),
    (
        "evaluate --image good.tif --labels labels.tif --clicks 1 --smallest x",
        "argument --smallest: 'x' is not usable",
    ),
    ("checkpoints info gone", "no checkpoint 'gone'"),
    ("checkpoints verify foreign.pth", "foreign.pth is not a ScSAM checkpoint"),
    ("checkpoints download gone", "'gone'"),
    ("demo --headless good.tif", "good.tif cannot be read or written"),
    ("pretrain gone.tif -o mae.safetensors", "gone.tif does not exist"),
    ("pretrain good.tif -o mae.safetensors --steps 0", "0 steps train nothing"),
    ("pretrain good.tif -o mae.safetensors --encoder gone", "'gone'"),
    ("pretrain good.tif -o mae.pth", "end its name in .safetensors"),
    (
        "pretrain good.tif -o mae.safetensors --start foreign.safetensors",
        "foreign.safetensors is not a pre-trained encoder",
    ),
    ("pretrain good.tif -o mae.safetensors --seed x", "argument --seed: 'x' is not usable"),
    ("pretrain good.tif -o mae.safetensors --device tpu", "no device is called 'tpu'"),
    ("train trap.toml -o my.safetensors --device tpu", "no device is called 'tpu'"),
    ("train gone.toml -o my.safetensors", "no training recipe at gone.toml"),
    ("train recipe.toml -o my.safetensors", "unknown table [optimiser]"),
    ("train trap.toml -o my.safetensors", "pickle.pth is not a"),
    ("", "the following arguments are required: COMMAND"),
    ("explode", "invalid choice: 'explode'"),
]


@pytest.mark.parametrize(("command", "says"), MISTAKES, ids=[command for command, _ in MISTAKES])
def test_a_mistake_ends_with_2_and_one_line(
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    says: str,
) -> None:
    shipped(monkeypatch, model, tmp_path / "weights")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    make_wrong_files(Path())
    before = sorted(p.name for p in Path().iterdir())
    assert scsam(*command.split()) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.splitlines()) == 1, told.err
    assert says in told.err
    assert told.err.startswith("scsam")
    assert sorted(p.name for p in Path().iterdir()) == before


def test_scores_that_cannot_be_written_are_still_printed(
    image: Path,
    labels: Path,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def lost(path: Path, _: object) -> None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))

    monkeypatch.setattr(evaluate_command, "replace_json", lost)
    report = tmp_path / "scores.json"
    command = ("evaluate", "--image", image, "--labels", labels, "--checkpoint", model)
    assert scsam(*command, "--json", report) == 2
    told = capsys.readouterr()
    assert "mean" in told.out
    assert len(told.err.splitlines()) == 1
    assert "cannot be read or written (No such file or directory)" in told.err


def test_a_message_of_several_lines_becomes_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> None:
        raise UserError("it is damaged (line 1\n  line 2); fetch it again")

    monkeypatch.setattr(checkpoints, "run_list", fail)
    assert scsam("checkpoints") == 2
    assert capsys.readouterr().err == "scsam: it is damaged (line 1 line 2); fetch it again\n"


def test_ctrl_c_ends_quietly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints, "run_list", stop)
    assert scsam("checkpoints") == 130
    assert capsys.readouterr().err == "scsam: stopped\n"


def process(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a line of Python in a process of its own."""
    command = [
        sys.executable,
        "-c",
        f"import sys; from napari_scsam import cli; {code}",
        *map(str, arguments),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_ctrl_c_says_how_to_go_on(
    image: Path,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stop(_: object) -> None:
        raise KeyboardInterrupt

    command = (
        "segment",
        image,
        "-o",
        tmp_path / "labels.zarr",
        "--checkpoint",
        model,
        "--device",
        "cpu",
    )
    with monkeypatch.context() as patch:
        patch.setattr(segment_command, "show", stop)
        assert scsam(*command) == 130
        assert (
            capsys.readouterr().err
            == "scsam: stopped; add --resume to the same command to continue\n"
        )
        assert scsam("segment", image, "-o", tmp_path / "labels.tif", "--checkpoint", model) == 130
        assert capsys.readouterr().err == "scsam: stopped\n", "a TIFF is written at the end"
    ledger = tmp_path / "labels.zarr" / ".scsam_progress"
    ledger.write_text(ledger.read_text() + "0\n")
    assert scsam(*command, "--resume", "--classes", "membrane") == 2
    assert "was begun with other classes" in capsys.readouterr().err
    assert scsam(*command) == 2
    assert "holds a stopped run; add --resume to continue it" in capsys.readouterr().err
    assert scsam(*command, "--resume") == 0
    assert capsys.readouterr().err == "scsam: resuming at slice 1; earlier slices are done\n"
    assert scsam(*command, "--resume") == 0
    assert "are finished, so nothing is left to do" in capsys.readouterr().err


def test_without_a_terminal_long_work_tells_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> Generator[Progress, None, int]:
        yield Progress(3, 9, "slice 3")
        return 7

    assert parts.show(work()) == 7
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(parts, "LINE_SECONDS", -1.0)
    assert parts.show(work()) == 7
    assert capsys.readouterr().err == "slice 3, 3 of 9\n"


def test_as_a_process_a_mistake_is_one_line_and_2(model: Path, tmp_path: Path) -> None:
    make_wrong_files(tmp_path)
    segment = f"segment {tmp_path / 'nan.tif'} -o {tmp_path / 'out.zarr'} --checkpoint {model}"
    train = f"train {tmp_path / 'trap.toml'} -o {tmp_path / 'my.safetensors'}"
    both = "first, second = sys.argv[1:]; print(cli.main(first.split())); "
    ended = process(both + "sys.exit(cli.main(second.split()))", segment, train)
    assert (ended.stdout, ended.returncode) == ("2\n", 2)
    lines = ended.stderr.splitlines()
    assert len(lines) == 2, ended.stderr
    assert "only NaN" in lines[0]
    assert "pickle.pth is not a" in lines[1]


def test_as_a_process_a_fault_of_ours_is_1() -> None:
    ended = process(
        "cli.checkpoints.run_list = lambda _: 1 / 0; sys.exit(cli.main(['checkpoints']))"
    )
    assert ended.returncode == 1
    assert "ZeroDivisionError" in ended.stderr


def test_reading_the_command_needs_no_torch() -> None:
    ended = process(
        "cli.build_parser().parse_args(['checkpoints', 'list']); print('torch' in sys.modules)"
    )
    assert ended.stdout == "False\n"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert scsam("--version") == 0
    assert capsys.readouterr().out.startswith("scsam 0.")


def sub_stack(source: Path, target: Path, slices: list[int]) -> Path:
    """Write some slices of a real stack, with the voxel size of the whole."""
    tifffile.imwrite(
        target,
        tifffile.imread(source)[slices],
        imagej=True,
        resolution=(1 / 5, 1 / 5),
        metadata={"axes": "ZYX", "unit": "nm", "spacing": 5.0},
    )
    return target


@pytest.mark.emdata
@pytest.mark.slow
def test_the_shipped_checkpoint_on_slices_it_has_never_seen(emdata: Path, tmp_path: Path) -> None:
    folder, slices = emdata / "hippocampus", [1, 6, 11]
    image = sub_stack(folder / "dev_raw.tif", tmp_path / "raw.tif", slices)
    labels = sub_stack(folder / "dev_labels.tif", tmp_path / "labels.tif", slices)
    assert open_volume(image).voxel_size == pytest.approx((5, 5, 5))
    names = ("mitochondrion", "mitochondrial_boundary", "vesicle", "PSD", "myelin", "membrane")
    known = [f"--map={value}={name}" for value, name in enumerate(names, 1) if name != "myelin"]
    command = ("evaluate", "--image", image, "--labels", labels, *known)
    assert scsam(*command, "--json", tmp_path / "scores.json") == 0
    scores = json.loads((tmp_path / "scores.json").read_text())
    dice = {c["name"]: c["dice"] for c in scores["classes"]}
    assert set(dice) == set(names) - {"myelin"}
    assert None not in dice.values()
    assert dice["mitochondrion"] >= 0.80
    assert dice["membrane"] >= 0.75
    assert scores["mean_dice"] >= 0.55
