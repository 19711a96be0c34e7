"""``scsam pretrain``: what its options ask for; pre-training is tested in train."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from safetensors.numpy import save_file

from napari_scsam import cli
from napari_scsam.cli import pretrain as command
from napari_scsam.io.labels import write_labels
from napari_scsam.train import pretrain
from napari_scsam.train.schedule import TrainStep


@pytest.fixture
def volumes(tmp_path: Path) -> list[str]:
    for name, side in (("a", 8), ("b", 9)):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.eye(side, dtype=np.uint8))
    return [str(tmp_path / "a.tif"), str(tmp_path / "b.tif")]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What a run was started with; nothing is trained."""
    calls: list[tuple[Any, ...]] = []

    def work(*arguments: Any):
        calls.append(arguments)
        yield TrainStep(1, 7, {"loss": 0.5}, 0.0)

    monkeypatch.setattr(pretrain, "pretrain", work)
    return calls


def test_all_volumes_and_the_usual_settings_arrive(
    volumes: list[str],
    asked: list[tuple[Any, ...]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "mae.safetensors"
    assert cli.main(["pretrain", *volumes, "-o", str(out), "--device", "cpu"]) == 0
    ((opened, *settings),) = asked
    assert [volume.shape for volume in opened] == [(8, 8), (9, 9)]
    config = pretrain.PretrainConfig(encoder="hybrid", steps=600, seed=0, start=None)
    assert settings == [out, config, "cpu", 0, None]
    told = capsys.readouterr()
    assert told.out == f"{out}\n"
    assert told.err.startswith("scsam: training from random weights on cpu, 7 steps\n")


def test_the_encoder_to_start_from_is_named_without_its_folder(
    volumes: list[str],
    asked: list[tuple[Any, ...]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ["--start", "/far/away/old.safetensors", "--steps", "7", "--seed", "3"]
    out = ["-o", str(tmp_path / "mae.safetensors"), "--device", "cpu"]
    assert cli.main(["pretrain", volumes[0], *out, *options, "--encoder", "vit"]) == 0
    assert asked[0][2] == pretrain.PretrainConfig(
        encoder="vit", steps=7, seed=3, start="/far/away/old.safetensors"
    )
    told = capsys.readouterr().err
    assert told.startswith("scsam: training from old.safetensors on cpu, 7 steps\n")


def test_a_finished_run_is_replaced_only_when_asked(
    volumes: list[str],
    asked: list[tuple[Any, ...]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "mae.safetensors"
    save_file({}, out, {"format": "napari-scsam 1"})
    base = ["pretrain", *volumes, "-o", str(out), "--device", "cpu"]
    assert cli.main(base) == 2
    assert "and there is no stopped training to resume; choose" in capsys.readouterr().err
    assert asked == []
    assert cli.main([*base, "--overwrite"]) == 0
    assert callable(asked[0][-1]), "a restart is announced"


def test_one_volume_that_is_missing_is_told_before_the_work(
    volumes: list[str],
    asked: list[tuple[Any, ...]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = str(tmp_path / "mae.safetensors")
    gone = str(tmp_path / "gone.tif")
    assert cli.main(["pretrain", volumes[0], gone, "-o", out, "--device", "cpu"]) == 2
    assert "gone.tif does not exist" in capsys.readouterr().err
    assert asked == []


def test_labels_are_not_pretrained_on(
    asked: list[tuple[Any, ...]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_labels(tmp_path / "a.tif", np.ones((2, 8, 9), np.uint8), None, ())
    assert cli.main(["pretrain", str(tmp_path / "a.tif"), "-o", str(tmp_path / "m")]) == 2
    assert "holds labels and no grey values" in capsys.readouterr().err
    assert not asked


def test_who_stops_it_is_told_how_to_go_on(
    volumes: list[str],
    asked: list[tuple[Any, ...]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "show_training", stop)
    out = str(tmp_path / "mae.safetensors")
    assert cli.main(["pretrain", *volumes, "-o", out, "--device", "cpu"]) == 130
    assert capsys.readouterr() == (
        "",
        "scsam: stopped; the same command resumes from what was saved last\n",
    )


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ([], "the following arguments are required: VOL, -o/--out"),
        (["a.tif"], "the following arguments are required: -o/--out"),
        (["a.tif", "-o", "b", "--steps", "x"], "argument --steps: invalid int value: 'x'"),
    ],
)
def test_wrong_options_are_one_line(
    more: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["pretrain", *more])
    assert end.value.code == 2
    assert capsys.readouterr().err == f"scsam pretrain: {says}; see scsam pretrain --help\n"
