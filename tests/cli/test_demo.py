"""``scsam demo``: where it writes, what it prints, and what it opens."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from napari_scsam import cli
from napari_scsam.cli import demo as command
from napari_scsam.config import UserError
from napari_scsam.steps import Progress, Steps
from napari_scsam.volume import demo


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that a demonstration is written to; nothing is segmented."""
    folders: list[Path] = []

    def write(folder: Path) -> Steps[demo.Demo]:
        folders.append(folder)
        yield Progress(0, 1, "segmenting")
        files = (folder / "sample.tif", folder / "labels.zarr", folder / "labels.png")
        return demo.Demo(*files, "a synthetic cell")

    monkeypatch.setattr(demo, "write_demo", write)
    return folders


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[demo.Demo]:
    """The demonstrations that a window is opened for."""
    shown: list[demo.Demo] = []
    monkeypatch.setattr(command, "open_napari", shown.append)
    return shown


def test_without_a_window_the_files_are_in_the_folder_asked_for(
    written: list[Path],
    opened: list[demo.Demo],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["demo", "--headless", str(tmp_path)]) == 0
    assert (written, opened) == ([tmp_path], [])
    assert capsys.readouterr().out.splitlines() == [
        "sample: a synthetic cell",
        f"image: {tmp_path / 'sample.tif'}",
        f"labels: {tmp_path / 'labels.zarr'}",
        f"picture: {tmp_path / 'labels.png'}",
    ]


def test_with_a_window_they_are_in_a_new_folder(
    written: list[Path], opened: list[demo.Demo], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["demo"]) == 0
    (folder,) = written
    assert folder.name.startswith("scsam-demo-")
    assert [shown.image for shown in opened] == [folder / "sample.tif"]
    assert str(folder) in capsys.readouterr().out
    assert cli.main(["demo"]) == 0
    assert written[1] != folder
    for made in written:
        shutil.rmtree(made)


def test_a_folder_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["demo", "--headless"])
    assert end.value.code == 2
    assert "argument --headless: expected one argument" in capsys.readouterr().err


def example(folder: Path) -> demo.Demo:
    return demo.Demo(folder / "a b.tif", folder / "l.zarr", folder / "p.png", "about")


def test_the_window_is_a_process_of_the_same_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []

    def run(window: list[str], *, check: bool) -> subprocess.CompletedProcess[str]:
        commands.append(window)
        return subprocess.CompletedProcess(window, 0)

    monkeypatch.setattr(command.subprocess, "run", run)
    command.open_napari(example(tmp_path))
    assert commands == [
        [sys.executable, "-m", "napari", str(tmp_path / "a b.tif"), str(tmp_path / "l.zarr")]
        + ["--plugin", "napari-scsam", "--with", "napari-scsam"]
    ]


@pytest.mark.parametrize("code", [1, -11])
def test_a_window_that_ends_with_an_error_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    ended = subprocess.CompletedProcess([], code)
    monkeypatch.setattr(command.subprocess, "run", lambda *_, **__: ended)
    with pytest.raises(UserError) as told:
        command.open_napari(example(tmp_path))
    assert str(told.value) == (
        "napari could not open; read its messages above, or look at the picture instead"
    )
