"""Runs in a process of their own: watched, cancelled and continued from anywhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import tifffile

from napari_scsam.config import UserError
from napari_scsam.io.volumes import open_labels
from napari_scsam.volume import detached, detached_process
from napari_scsam.volume.detached import (
    RunPhase,
    RunRequest,
    RunState,
    cancel_run,
    forget_run,
    list_runs,
    parse_workers,
    read_run,
    start_run,
)

STACK = np.random.default_rng(0).integers(1, 200, (3, 64, 72), dtype=np.uint8)


@pytest.fixture
def request_(tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> RunRequest:
    """A run that this process does, so that no test waits for another one."""
    monkeypatch.setenv("NAPARI_SCSAM_USER", str(tmp_path / "user"))
    tifffile.imwrite(tmp_path / "em.tif", STACK, photometric="minisblack")
    return RunRequest(
        image=str(tmp_path / "em.tif"),
        out=str(tmp_path / "labels.zarr"),
        checkpoint=str(checkpoint),
        workers=None,
        voxel_size=(20.0, 8.0, 8.0),
        device="cpu",
    )


@pytest.fixture
def not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detached, "continue_run", lambda _: None)


def state_of(folder: Path) -> RunState:
    state = read_run(folder)
    assert state is not None
    return state


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 100
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.usefixtures("not_started")
def test_a_run_is_stopped_continued_and_finished(
    request_: RunRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detached_process, "SECONDS_BETWEEN", 0.0)
    folder = start_run(request_)
    update = detached_process.ProgressFile.update

    def stopped(pace: detached_process.ProgressFile, step: detached_process.Progress) -> None:
        update(pace, step)
        if step.done == 2:
            raise detached_process._Stopped

    monkeypatch.setattr(detached_process.ProgressFile, "update", stopped)
    detached_process.run(folder)
    state = state_of(folder)
    assert (state.phase, state.done, state.total) == (RunPhase.STOPPED, 2, 3)
    assert state.name == "labels.zarr"
    monkeypatch.setattr(detached_process.ProgressFile, "update", update)
    detached_process.run(folder)
    state = state_of(folder)
    assert (state.phase, state.done) == (RunPhase.FINISHED, 3)
    assert open_labels(request_.out).shape == STACK.shape
    assert [one.folder for one in list_runs()] == [folder]
    forget_run(folder)
    assert list_runs() == []
    assert Path(request_.out).exists()


def test_a_process_of_its_own_says_what_was_wrong(request_: RunRequest) -> None:
    Path(request_.image).unlink()
    folder = start_run(request_)
    assert state_of(folder).phase is RunPhase.RUNNING
    with pytest.raises(UserError, match="a run is writing"):
        start_run(request_)
    wait_for(lambda: state_of(folder).phase is not RunPhase.RUNNING)
    state = state_of(folder)
    assert state.phase is RunPhase.FAILED
    assert "does not exist" in state.message


@pytest.mark.parametrize("moves", [("boot_time", "create_time"), ("boot_time",)])
def test_a_run_goes_on_when_the_clock_is_set_back(
    request_: RunRequest, monkeypatch: pytest.MonkeyPatch, moves: tuple[str, ...]
) -> None:
    folder = start_run(request_)
    boot, created = psutil.boot_time, psutil.Process.create_time
    with monkeypatch.context() as clock:
        clock.setattr(psutil, "boot_time", lambda: boot() - 3600)
        if "create_time" in moves:  # as on Linux, which computes it from the other
            clock.setattr(psutil.Process, "create_time", lambda self: created(self) - 3600)
        assert state_of(folder).phase is RunPhase.RUNNING
    cancel_run(folder)


def test_a_process_that_is_cancelled_leaves_a_stopped_run(request_: RunRequest) -> None:
    folder = start_run(request_)
    cancel_run(folder)  # while it starts
    wait_for(lambda: state_of(folder).phase is not RunPhase.RUNNING)
    assert state_of(folder).phase is RunPhase.STOPPED
    again = start_run(request_)
    cancel_run(again)
    assert [state.folder for state in list_runs()] == [again]


@pytest.mark.usefixtures("not_started")
def test_damaged_folders_are_no_runs_and_old_numbers_of_processes_mean_nothing(
    request_: RunRequest,
) -> None:
    folder = start_run(request_)
    (folder / detached.PROCESS).write_text('{"pid": 1, "created": 3.0}')
    assert state_of(folder).phase is RunPhase.STOPPED
    (folder / detached.REQUEST).write_text("{")
    assert list_runs() == []


@pytest.mark.parametrize(
    ("text", "workers"), [("", None), (" 2 ", 2), ("tcp://10.0.0.1:8786", "tcp://10.0.0.1:8786")]
)
def test_workers_are_a_number_or_an_address(text: str, workers: int | str | None) -> None:
    assert parse_workers(text) == workers


@pytest.mark.parametrize("text", ["0", "-1", "100000", "two", "host:8786"])
def test_anything_else_is_a_mistake(text: str) -> None:
    with pytest.raises(UserError):
        parse_workers(text)


def test_images_of_a_batch_are_segmented_each_by_itself(
    request_: RunRequest, not_started: None, tmp_path: Path
) -> None:
    names = []
    for number, side in enumerate((40, 56)):
        tifffile.imwrite(tmp_path / f"{number}.tif", STACK[0, :side], photometric="minisblack")
        names.append(str(tmp_path / f"{number}.tif"))
    batch = request_.model_copy(
        update={"images": tuple(names), "out": str(tmp_path / "out"), "voxel_size": None}
    )
    folder = start_run(batch)
    detached_process.run(folder)
    state = state_of(folder)
    assert (state.phase, state.done, state.total) == (RunPhase.FINISHED, 2, 2)
    assert "0.tif and 1 others state no pixel size" in state.message
    shapes = [open_labels(tmp_path / "out" / f"{number}.tif").shape for number in range(2)]
    assert shapes == [(40, 72), (56, 72)]


def test_a_batch_that_replaces_labels_goes_on_where_it_was_stopped(
    request_: RunRequest, not_started: None, tmp_path: Path
) -> None:
    images = tuple(str(tmp_path / f"{number}.tif") for number in range(2))
    for name in images:
        tifffile.imwrite(name, STACK[0], photometric="minisblack")
    update = {"images": images, "out": str(tmp_path / "out"), "replace": True}
    folder = start_run(request_.model_copy(update=update))
    detached.note_finished(folder, images[0])
    detached_process.run(folder)
    assert state_of(folder).phase is RunPhase.FINISHED
    assert not (tmp_path / "out" / "0.tif").exists(), "it was finished before the stop"
    assert (tmp_path / "out" / "1.tif").is_file()
    assert detached.finished_images(folder) == set(images)
