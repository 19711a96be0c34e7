"""What the commands share that train: options, refusals, and the losses as they fall."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pytest
from safetensors.numpy import save_file

from napari_scsam.cli.shared import training_run
from napari_scsam.cli.shared.parts import Parser
from napari_scsam.config import UserError
from napari_scsam.train import drawing
from napari_scsam.train.schedule import TrainStep


def read(*command: str) -> argparse.Namespace:
    parser = Parser(prog="scsam")
    training_run.add_training_options(parser)
    return parser.parse_args(command)


def steps(first: int, total: int) -> list[TrainStep]:
    return [
        TrainStep(step, total, {"loss": 1 / step, "dice": 0.5}, float(step))
        for step in range(first, total + 1)
    ]


def test_options_have_defaults() -> None:
    assert vars(read()) == {"overwrite": False, "device": "auto", "processes": None}


@pytest.mark.parametrize(("asked", "number"), [("3", 3), ("0", 0)])
def test_as_many_processes_draw_as_were_asked_for(asked: str, number: int) -> None:
    assert training_run.processes_of(read("--processes", asked, "--device", "cpu")) == number


@pytest.mark.parametrize("asked", ["-2", "nan", "1e3", "257", "9" * 20])
def test_other_numbers_of_processes_are_refused(
    asked: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        read("--processes", asked)
    assert "give " in capsys.readouterr().err


def test_unless_asked_the_number_suits_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    assert training_run.processes_of(read("--device", "cpu")) == 0
    monkeypatch.setattr(drawing, "spare_processes", lambda _: 5)
    assert training_run.processes_of(read("--device", "cpu")) == 5


def test_a_restart_is_announced_only_with_overwrite(capsys: pytest.CaptureFixture[str]) -> None:
    assert training_run.restart_notice(read()) is None
    announce = training_run.restart_notice(read("--overwrite"))
    assert announce is not None
    announce("it starts again")
    assert capsys.readouterr() == ("", "scsam: it starts again\n")


def test_a_finished_run_is_replaced_only_when_asked(tmp_path: Path) -> None:
    out = tmp_path / "mine.safetensors"
    training_run.check_finished(out, overwrite=False)
    save_file({}, out, {"format": "napari-scsam 1"})
    with pytest.raises(UserError) as told:
        training_run.check_finished(out, overwrite=False)
    assert str(told.value) == (
        f"{out} already exists, and there is no stopped training to resume; "
        "choose another name, or add --overwrite to replace it"
    )
    training_run.check_finished(out, overwrite=True)
    out.with_suffix(".resume").touch()  # it was stopped
    training_run.check_finished(out, overwrite=False)


def test_an_empty_file_is_no_finished_run(tmp_path: Path) -> None:
    out = tmp_path / "mine.safetensors"
    out.touch()
    training_run.check_finished(out, overwrite=False)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_of_somebody_else_is_never_replaced(tmp_path: Path, overwrite: bool) -> None:
    out = tmp_path / "mine.safetensors"
    for content in (b"notes", (2).to_bytes(8, "little") + b"{}"):
        out.write_bytes(content)
        with pytest.raises(UserError, match="is not a checkpoint of napari-scsam"):
            training_run.check_finished(out, overwrite=overwrite)
    save_file({}, out, {"format": "napari-scsam 2"})
    with pytest.raises(UserError, match="newer version of napari-scsam"):
        training_run.check_finished(out, overwrite=overwrite)


def test_the_checkpoint_is_the_result_and_its_record_a_note(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    training_run.report_run(tmp_path / "mine.safetensors")
    told = capsys.readouterr()
    assert told.out == f"{tmp_path / 'mine.safetensors'}\n"
    assert told.err.endswith(f"are in {tmp_path / 'mine.run'}\n")


@pytest.mark.parametrize(
    ("step", "line"),
    [
        (1, "scsam: training from tiny on cpu, 50 steps"),
        (21, "scsam: training from tiny on cpu, 50 steps, resuming after step 20"),
    ],
)
def test_the_first_line_says_where_a_run_goes_on(step: int, line: str) -> None:
    first = TrainStep(step, 50, {"loss": 1.0}, 0.0)
    assert training_run.describe_start(first, "tiny", "cpu") == line


def test_without_a_terminal_losses_are_lines_now_and_then(
    capsys: pytest.CaptureFixture[str],
) -> None:
    training_run.show_training(steps(1, 45), "tiny", "cpu")
    told = capsys.readouterr()
    assert told.out == ""
    lines = told.err.splitlines()
    assert lines[0] == "scsam: training from tiny on cpu, 45 steps"
    assert [line.split()[1] for line in lines[1:]] == ["1/45", "20/45", "40/45", "45/45"]
    assert lines[2] == "step 20/45 loss 0.050 dice 0.500 20 s"


def test_a_resumed_run_shows_its_own_first_step(capsys: pytest.CaptureFixture[str]) -> None:
    training_run.show_training(steps(7, 8), "tiny", "cpu")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].endswith("8 steps, resuming after step 6")
    assert [line.split()[1] for line in lines[1:]] == ["7/8", "8/8"]


def test_a_mistake_in_the_recipe_is_reported_alone(capsys: pytest.CaptureFixture[str]) -> None:
    def broken():
        raise UserError("no data; add some")
        yield

    with pytest.raises(UserError):
        training_run.show_training(broken(), "tiny", "cpu")
    assert capsys.readouterr().err == ""


def test_on_a_terminal_losses_are_in_a_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    training_run.show_training(steps(1, 3), "tiny", "cpu")
    err = capsys.readouterr().err
    assert "scsam: training from tiny on cpu, 3 steps" in err
    assert "step 1/3" not in err
