"""The record of a run: what it read and by which code, curves that go on after a stop, files that are never half written."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from file_steps import play
from PIL import Image

import napari_scsam
from napari_scsam.train import run_folder as module
from napari_scsam.train.run_folder import (
    TrainingFolder,
    check_run_folder,
    file_fingerprint,
    fingerprints,
    git_revision,
    replace_file,
    run_folder,
)
from napari_scsam.train.schedule import TrainStep

CPU = torch.device("cpu")
PICTURE = np.zeros((8, 12, 3), np.uint8)


@pytest.fixture
def optimiser() -> torch.optim.Optimizer:
    """With a named and an unnamed rate."""
    weights = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    return torch.optim.SGD(
        [
            {"params": weights[:1], "lr": 0.5, "name": "slow_rate"},
            {"params": weights[1:], "lr": 0.25},
        ]
    )


def begin(
    tmp_path: Path, first: int = 0, files: tuple[Path, ...] = (), **settings: Any
) -> TrainingFolder:
    return TrainingFolder(tmp_path / "my.v2.safetensors", settings, files, CPU, first)


def step(number: int, seconds: float) -> TrainStep:
    return TrainStep(number, 9, {"loss": 10 / number, "class": 1 / 3}, seconds)


def rows(folder: TrainingFolder) -> list[dict[str, str]]:
    with (folder.path / "curves.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def record(folder: TrainingFolder) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder.path / "run.json").read_text())
    return content


def test_it_lies_beside_the_checkpoint(tmp_path: Path) -> None:
    assert (
        begin(tmp_path).path == run_folder(tmp_path / "my.v2.safetensors") == tmp_path / "my.v2.run"
    )
    assert (tmp_path / "my.v2.run").is_dir()


def test_the_record_is_there_before_the_first_step(tmp_path: Path) -> None:
    (tmp_path / "raw.tif").write_bytes(b"voxels")
    content = record(begin(tmp_path, files=(tmp_path / "raw.tif",), steps=9))
    assert (content["settings"], content["steps_done"], content["seconds"]) == ({"steps": 9}, 0, 0)
    [start] = content["starts"]
    assert start["step"] == 0
    assert start["files"] == [
        {"file": f"{tmp_path.name}/raw.tif", "sha256": hashlib.sha256(b"voxels").hexdigest()}
    ]
    assert (start["torch"], start["napari_scsam"]) == (torch.__version__, napari_scsam.__version__)
    assert {"time", "git", "timm", "numpy", "python"} <= set(start)
    assert str(tmp_path) not in json.dumps(content)


def test_a_run_killed_while_it_starts_leaves_a_folder_of_its_own(tmp_path: Path) -> None:
    for step in range(1, 6):
        play(partial(begin, tmp_path), tmp_path, step)
        check_run_folder(tmp_path / "my.v2.safetensors")
        shutil.rmtree(tmp_path / "my.v2.run", ignore_errors=True)


@pytest.mark.parametrize(("able", "name"), [(True, "bfloat16"), (False, "float32")])
def test_device_and_precision_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, able: bool, name: str
) -> None:
    monkeypatch.setattr("napari_scsam.infer.device.has_bfloat16", lambda: able)
    [start] = record(begin(tmp_path))["starts"]
    assert (start["device"], start["precision"]) == ("cpu", name)


def test_each_step_is_a_line_at_once(tmp_path: Path, optimiser: torch.optim.Optimizer) -> None:
    folder = begin(tmp_path)
    for number in (1, 2):
        folder.add(step(number, number / 2), optimiser)
        assert len(rows(folder)) == number
    first = {
        "step": "1",
        "loss": "10.0",
        "class": "0.333333",
        "slow_rate": "0.5",
        "rate": "0.25",
        "seconds": "0.5",
    }
    assert rows(folder)[0] == first
    assert list(rows(folder)[0]) == list(first)


def test_saving_writes_record_and_pictures(
    tmp_path: Path, optimiser: torch.optim.Optimizer
) -> None:
    folder = begin(tmp_path)
    for number in (1, 2, 3):
        folder.add(step(number, number / 2), optimiser)
    folder.save(step(3, 1.5), PICTURE)
    assert (record(folder)["steps_done"], record(folder)["seconds"]) == (3, 1.5)
    assert sorted(p.name for p in folder.path.iterdir()) == [
        "curves.csv",
        "curves.png",
        "predictions.png",
        "run.json",
    ]
    with Image.open(folder.path / "predictions.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), PICTURE)
    with Image.open(folder.path / "curves.png") as picture:
        assert len(np.unique(np.asarray(picture).reshape(-1, 3), axis=0)) > 3


def test_a_resumed_run_goes_on_without_doubles(
    tmp_path: Path, optimiser: torch.optim.Optimizer
) -> None:
    stopped = begin(tmp_path)
    for number in (1, 2, 3):
        stopped.add(step(number, float(number)), optimiser)
    with (stopped.path / "curves.csv").open("a") as file:
        file.write("4,2.5,0.3")  # the line that it was stopped in
    resumed = begin(tmp_path, first=2)
    assert [row["step"] for row in rows(resumed)] == ["1", "2"]
    assert record(resumed)["steps_done"] == 2
    for number in (3, 4):
        resumed.add(step(number, number - 2.0), optimiser)
    resumed.save(step(4, 2.0), PICTURE)
    assert [row["step"] for row in rows(resumed)] == ["1", "2", "3", "4"]
    assert [float(row["seconds"]) for row in rows(resumed)] == [1, 2, 3, 4]
    assert [start["step"] for start in record(resumed)["starts"]] == [0, 2]
    assert record(resumed)["seconds"] == 4


def test_a_new_run_leaves_nothing_of_the_old(
    tmp_path: Path, optimiser: torch.optim.Optimizer
) -> None:
    begin(tmp_path).add(step(1, 1.0), optimiser)
    again = begin(tmp_path)
    assert rows(again) == []
    assert len(record(again)["starts"]) == 1


@pytest.mark.parametrize("damage", ["{", "[]", '{"starts": 3}'])
def test_a_damaged_or_missing_folder_is_no_hindrance(
    tmp_path: Path, optimiser: torch.optim.Optimizer, damage: str
) -> None:
    (tmp_path / "my.v2.run").mkdir()
    (tmp_path / "my.v2.run" / "run.json").write_text(damage)
    folder = begin(tmp_path, first=5)
    folder.add(step(6, 1.0), optimiser)
    assert [row["step"] for row in rows(folder)] == ["6"]
    assert [start["step"] for start in record(folder)["starts"]] == [5]


def test_each_file_is_hashed_once_by_what_is_in_it(tmp_path: Path) -> None:
    for name in ("a.tif", "b.h5"):
        (tmp_path / name).write_bytes(name.encode())
    wanted = [tmp_path / "a.tif", tmp_path / "a.tif", Path(f"{tmp_path}/b.h5:/volumes/raw")]
    found = fingerprints(wanted)
    assert [f["sha256"] for f in found] == [
        hashlib.sha256(name).hexdigest() for name in (b"a.tif", b"b.h5")
    ]
    (tmp_path / "a.tif").write_bytes(b"b.tif")
    assert fingerprints(wanted)[0]["sha256"] != found[0]["sha256"]


def test_a_folder_is_known_by_names_and_sizes(tmp_path: Path) -> None:
    (tmp_path / "v.zarr" / "0").mkdir(parents=True)
    (tmp_path / "v.zarr" / "0" / "c").write_bytes(b"12")
    first = file_fingerprint(tmp_path / "v.zarr")
    assert list(first) == ["sha256_of_names_and_sizes"]
    (tmp_path / "v.zarr" / "0" / "c").write_bytes(b"34")
    assert file_fingerprint(tmp_path / "v.zarr") == first
    (tmp_path / "v.zarr" / "0" / "c").write_bytes(b"345")
    longer = file_fingerprint(tmp_path / "v.zarr")
    (tmp_path / "v.zarr" / "0" / "c").rename(tmp_path / "v.zarr" / "0" / "d")
    assert len({str(f) for f in (first, longer, file_fingerprint(tmp_path / "v.zarr"))}) == 3


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit that holds the package."""
    package = tmp_path / "repository" / "package"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.setattr(module, "PACKAGE", package / "__init__.py")
    git(package.parent, "init", "-q")
    git(package.parent, "add", "package")
    git(package.parent, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "first")
    return package


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_the_commit_of_a_checkout_and_whether_the_code_differs(checkout: Path) -> None:
    commit = git(checkout, "rev-parse", "HEAD")
    assert git_revision() == {"commit": commit, "dirty": False}
    (checkout.parent / "notes.txt").write_text("beside the package")
    assert git_revision() == {"commit": commit, "dirty": False}
    (checkout / "new.py").touch()
    assert git_revision() == {"commit": commit, "dirty": True}
    (checkout / "new.py").unlink()
    (checkout / "__init__.py").write_text("x = 1")
    assert git_revision() == {"commit": commit, "dirty": True}


def test_a_package_installed_inside_another_repository_has_no_commit(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = checkout.parent / ".venv" / "package"
    installed.mkdir(parents=True)
    (installed / "__init__.py").touch()
    monkeypatch.setattr(module, "PACKAGE", installed / "__init__.py")
    assert git_revision() is None


def test_git_may_be_absent(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert git_revision() is None


def test_a_file_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_file(tmp_path / "run.json", b"old")

    def full(_: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(tmp_path / "run.json", b"new")
    assert (tmp_path / "run.json").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["run.json"]
