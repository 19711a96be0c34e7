"""``scsam segment``: what its options ask for, and what is said of a stopped run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_scsam import cli
from napari_scsam.cli.segment import note_resumed
from napari_scsam.config import UserError
from napari_scsam.steps import Progress, Steps
from napari_scsam.volume import run
from napari_scsam.volume.writing.ledger import LEDGER


@pytest.fixture
def base(tmp_path: Path, checkpoint: Path) -> list[str]:
    """A command that lacks its output."""
    tifffile.imwrite(tmp_path / "em.tif", np.eye(40, 50, dtype=np.uint8) * 200)
    image = str(tmp_path / "em.tif")
    return ["segment", image, "--checkpoint", str(checkpoint), "--voxel-size", "8", "-o"]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What a volume was segmented with; nothing is computed, and the first step is slice 3."""
    calls: list[dict[str, Any]] = []

    def work(volume: Any, model: Any, out: Path, **settings: Any) -> Steps[None]:
        calls.append({"out": out, **settings})
        yield Progress(3, 9, "slice 3")

    monkeypatch.setattr(run, "segment_volume", work)
    return calls


def test_the_labels_are_the_result_and_the_options_arrive(
    base: list[str],
    asked: list[dict[str, Any]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "labels.zarr"
    assert cli.main([*base, str(out)]) == 0
    assert capsys.readouterr() == (f"{out}\n", "")
    usual = {"out": out, "classes": None, "device": "auto"}
    usual |= {"tta": False, "coarse": False, "resume": False, "overwrite": False}
    assert asked[0] == usual
    more = ["--classes", "membrane, vesicle", "--careful", "--overwrite", "--device", "cpu"]
    assert cli.main([*base, str(out), *more]) == 0
    chosen = {"out": out, "classes": ["membrane", "vesicle"], "device": "cpu"}
    assert asked[1] == {**usual, **chosen, "tta": True, "overwrite": True}
    assert cli.main([*base, str(out), "--coarse"]) == 0
    assert asked[2] == {**usual, "coarse": True}


def test_only_a_stopped_run_is_said_to_be_resumed(
    base: list[str],
    asked: list[dict[str, Any]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "labels.zarr"
    assert cli.main([*base, str(out)]) == 0
    assert capsys.readouterr().err == ""
    out.mkdir()
    (out / LEDGER).touch()
    assert cli.main([*base, str(out), "--resume"]) == 0
    assert capsys.readouterr().err == "scsam: resuming at slice 3; earlier slices are done\n"


def test_a_mistake_is_told_alone(
    base: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: Any, **__: Any) -> Steps[None]:
        raise UserError("it cannot be; do otherwise")
        yield

    monkeypatch.setattr(run, "segment_volume", refuse)
    assert cli.main([*base, str(tmp_path / "labels.zarr")]) == 2
    assert capsys.readouterr() == ("", "scsam: it cannot be; do otherwise\n")


@pytest.mark.parametrize(
    ("done", "was_stopped", "told"),
    [
        (4, True, "resuming at slice 4; earlier slices are done"),
        (0, True, "no slice in out.zarr was finished, so it starts from the beginning"),
        (0, False, "there is no stopped run in out.zarr, so it starts from the beginning"),
        (9, False, "the labels in out.zarr are finished, so nothing is left to do"),
    ],
)
def test_what_becomes_of_a_stopped_run_is_noted(
    done: int, was_stopped: bool, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    note_resumed(Path("out.zarr"), Progress(done, 9, f"slice {done}"), was_stopped=was_stopped)
    assert capsys.readouterr() == ("", f"scsam: {told}\n")


def test_to_resume_and_to_overwrite_exclude_each_other(
    base: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main([*base, "out.zarr", "--resume", "--overwrite"])
    assert end.value.code == 2
    assert "not allowed with argument" in capsys.readouterr().err


@pytest.mark.parametrize("names", ["", " ", ",", "membrane,,vesicle"])
def test_a_class_without_a_name_is_a_mistake(
    base: list[str], names: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*base, str(tmp_path / "out.zarr"), "--classes", names]) == 2
    assert "no class is called ''; choose from: mitochondrion" in capsys.readouterr().err
    assert not (tmp_path / "out.zarr").exists()


@pytest.mark.parametrize("command", [[], ["em.tif"], ["-o", "out.zarr"]])
def test_an_image_and_an_output_are_needed(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["segment", *command])
    assert end.value.code == 2
    assert "required" in capsys.readouterr().err
