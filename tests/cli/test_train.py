"""``scsam train``: what the recipe and the options ask for; training is tested in train."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import save_file

from napari_scsam import cli
from napari_scsam.cli import train as command
from napari_scsam.config import UserError
from napari_scsam.train import training
from napari_scsam.train.schedule import TrainStep

RECIPE = """
[[classes]]
id = 4
name = "granule"
[[data]]
image = "em.tif"
labels = "labels.tif"
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A training set, whose data nobody opens here."""
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    return tmp_path / "set" / "recipe.toml"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What a run was started with; nothing is trained."""
    calls: list[tuple[Any, ...]] = []

    def work(*arguments: Any):
        calls.append(arguments)
        notice = arguments[-1]
        if notice is not None:
            notice("the stopped run is replaced")
        yield TrainStep(1, 1, {"loss": 0.25}, 0.0)

    monkeypatch.setattr(training, "train", work)
    return calls


def test_a_recipe_and_its_folder_mean_the_same(
    recipe: Path, asked: list[tuple[Any, ...]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine.safetensors"
    for given in (recipe, recipe.parent):
        assert cli.main(["train", str(given), "-o", str(out), "--device", "cpu"]) == 0
        told = capsys.readouterr()
        assert told.out == f"{out}\n"
        assert told.err.splitlines() == [
            f"scsam: training from {asked[0][0].describe_start()} on cpu, 1 steps",
            "step 1/1 loss 0.250 0 s",
            f"scsam: curves, pictures and the record of the run are in {tmp_path / 'mine.run'}",
        ]
    assert asked[0][0] == asked[1][0]
    assert [spec.name for spec in asked[0][0].classes] == ["granule"]
    assert asked[0][1:] == (out, "cpu", 0, None)


def test_overwrite_and_processes_arrive(
    recipe: Path, asked: list[tuple[Any, ...]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine.safetensors"
    out.touch()
    more = ["--overwrite", "--processes", "2", "--device", "cpu"]
    assert cli.main(["train", str(recipe), "-o", str(out), *more]) == 0
    assert asked[0][1:4] == (out, "cpu", 2)
    assert "scsam: the stopped run is replaced\n" in capsys.readouterr().err


def test_a_finished_run_is_not_trained_again(
    recipe: Path, asked: list[tuple[Any, ...]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine.safetensors"
    save_file({}, out, {"format": "napari-scsam 1"})
    assert cli.main(["train", str(recipe), "-o", str(out), "--device", "cpu"]) == 2
    assert "and there is no stopped training to resume; choose" in capsys.readouterr().err
    assert asked == []


@pytest.mark.parametrize(
    ("text", "says"),
    [("[model", "recipe.toml"), ("[optimiser]", "unknown table [optimiser]")],
)
def test_a_recipe_that_cannot_be_read_is_one_line(
    recipe: Path, tmp_path: Path, text: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe.write_text(text, encoding="utf-8")
    assert cli.main(["train", str(recipe), "-o", str(tmp_path / "mine.safetensors")]) == 2
    told = capsys.readouterr()
    assert (told.out, len(told.err.splitlines())) == ("", 1)
    assert says in told.err


def test_a_folder_without_a_recipe_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert cli.main(["train", str(tmp_path / "empty"), "-o", str(tmp_path / "m.safetensors")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    ("stop", "code", "last"),
    [
        (
            KeyboardInterrupt(),
            130,
            "scsam: stopped; the same command resumes from what was saved last",
        ),
        (UserError("no memory; use smaller crops"), 2, "scsam: no memory; use smaller crops"),
    ],
)
def test_a_run_that_ends_early_prints_no_result(
    recipe: Path,
    asked: list[tuple[Any, ...]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    stop: BaseException,
    code: int,
    last: str,
) -> None:
    def fail(*_: object) -> None:
        raise stop

    monkeypatch.setattr(command, "show_training", fail)
    out = str(tmp_path / "mine.safetensors")
    assert cli.main(["train", str(recipe), "-o", out, "--device", "cpu"]) == code
    assert capsys.readouterr() == ("", f"{last}\n")
