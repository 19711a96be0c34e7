"""Whole volumes on workers: the same bytes, whatever dies; what always fails is named."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import zarr
from distributed import LocalCluster

from napari_scsam.cli import main
from napari_scsam.config import UserError
from napari_scsam.errors import PartlyDoneError
from napari_scsam.io.volumes import as_volume, open_volume
from napari_scsam.steps import drive
from napari_scsam.volume.run import segment_volume
from napari_scsam.volume.run_plan import plan_run
from napari_scsam.volume.run_workers import groups_of_slices
from napari_scsam.volume.writing.ledger import LEDGER

STACK = np.random.default_rng(0).integers(1, 200, (8, 64, 72), dtype=np.uint8)


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file in a folder, by its path."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zarr whose chunks are two slices deep."""
    path = tmp_path_factory.mktemp("image") / "em.zarr"
    zarr.create_array(path, data=STACK, chunks=(2, 32, 32))
    return path


@pytest.fixture(scope="module")
def whole(
    image: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """Every file of labels that nothing disturbed, made in this process."""
    out = tmp_path_factory.mktemp("whole") / "whole.zarr"
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setenv("NAPARI_SCSAM_CACHE_GB", "0")  # as in every test: it rounds embeddings
    drive(segment_volume(open_volume(image, 20), checkpoint, out, device="cpu"))
    monkeypatch.undo()
    return tree(out)


@contextmanager
def running(image: Path, checkpoint: Path, out: Path, **settings: Any) -> Iterator[Any]:
    """Begin a run on workers, and stop it at the end."""
    volume = open_volume(image, 20)
    steps = segment_volume(volume, checkpoint, out, device="cpu", **settings)
    yield steps
    steps.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_stopped_run_and_a_dead_worker_leave_the_same_bytes(
    image: Path, checkpoint: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out.zarr"
    with running(image, checkpoint, out) as steps:
        while next(steps).done < 2:
            pass
    assert (out / LEDGER).is_file()
    with running(image, checkpoint, out, workers=2, resume=True) as steps:
        assert next(steps).done >= 2
        next(steps)
        kill_a_worker()
        assert [step.done for step in steps][-1] == 8
    assert tree(out) == whole


@contextmanager
def cluster_here() -> Iterator[str]:
    """Yield the address of a scheduler whose worker is this process, with two threads."""
    here = {"host": "127.0.0.1", "protocol": "tcp", "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(n_workers=1, threads_per_worker=2, processes=False, **here) as cluster:
        yield cluster.scheduler_address


def kill_a_worker() -> None:
    """Kill one of the processes that work for this one."""
    children = psutil.Process().children()
    workers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    os.kill(workers[0].pid, signal.SIGKILL)


def test_what_always_fails_is_named_and_the_rest_is_done(
    image: Path, checkpoint: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out.zarr"
    with (
        cluster_here() as address,
        running(image, checkpoint, out, workers=address) as steps,
    ):
        next(steps)
        in_the_way = out / "labels" / "classes" / "0" / "c" / "5"
        in_the_way.parent.mkdir()
        in_the_way.touch()
        with pytest.raises(PartlyDoneError, match=r"slices 4 to 5 \(.*try these again") as error:
            list(steps)
    assert "2 of 8 slices" in str(error.value)
    labels = zarr.open_array(out / "labels" / "classes" / "0", mode="r")
    assert [bool(labels[z].any()) for z in (0, 3, 6, 7)] == [True] * 4
    in_the_way.unlink()
    drive(segment_volume(open_volume(image, 20), checkpoint, out, device="cpu", resume=True))
    assert tree(out) == whole


def test_the_recipe_of_the_documentation_works(
    image: Path,
    checkpoint: Path,
    whole: dict[str, bytes],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = Path(__file__).parents[2] / "docs" / "scale.md"
    _, _, recipe = page.read_text(encoding="utf-8").partition("```python\n")
    recipe, _, _ = recipe.partition("```")
    out = tmp_path / "out.zarr"
    changes = {
        "threads_per_worker=1": "threads_per_worker=1, processes=False, protocol='tcp', "
        "dashboard_address='127.0.0.1:0'",
        '"volume.zarr"': f"{str(image)!r}, 20",
        '"default"': repr(str(checkpoint)),
        '"labels.zarr"': repr(str(out)),
    }
    for old, new in changes.items():
        assert old in recipe
        recipe = recipe.replace(old, new)
    exec(compile(recipe, "scale.md", "exec"), {"__name__": "__main__"})  # noqa: S102  # ours
    assert capsys.readouterr().out.splitlines()[-1] == "8 of 8"
    assert tree(out) == whole


def test_workers_of_a_scheduler_are_found_by_its_address(
    image: Path, checkpoint: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out.zarr"
    command = ["segment", str(image), "-o", str(out), "--checkpoint", str(checkpoint)]
    command += ["--voxel-size", "20", "--device", "cpu", "--scheduler"]
    with cluster_here() as address:
        assert main([*command, address]) == 0
        assert tree(out) == whole
        zarr.create_array(image, data=STACK[:, :32], chunks=(2, 32, 32), overwrite=True)
        gone = tmp_path / "gone.safetensors"
        with pytest.raises(UserError, match=r"gone\.safetensors"):
            drive(segment_volume(open_volume(image), gone, out, workers=address))
    zarr.create_array(image, data=STACK, chunks=(2, 32, 32), overwrite=True)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--workers", "0"], "0 workers cannot do anything"),
        (["--scheduler", "tcp://127.0.0.1:1"], "no dask scheduler answers"),
        (["--scheduler", "here"], "is not the address"),
        (["--slices", "7:3"], "is not readable at '7:3'"),
        (["--slices", "8"], "has no slice 8; its slices are 0 to 7"),
        (["--slices", "all"], "is not readable at 'all'"),
        (["--region", "0:1,0:99,:"], "along y is empty or outside"),
        (["--region", "0:1"], "is not a region"),
        (["--region", "0:2,:,:", "--slices", "5"], "no slice is both"),
    ],
)
def test_a_mistake_is_one_sentence_and_nothing_is_written(
    image: Path,
    checkpoint: Path,
    tmp_path: Path,
    options: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out.zarr"
    command = ["segment", str(image), "-o", str(out), "--checkpoint", str(checkpoint)]
    assert main([*command, *options]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert says in lines[0]
    assert not out.exists()


def test_workers_need_files(
    image: Path, checkpoint: Path, random_model: Any, tmp_path: Path
) -> None:
    volume = open_volume(image)
    for source, model, name, says in (
        (volume, checkpoint, "out.tif", "several workers cannot write one file"),
        (as_volume(STACK), checkpoint, "out.zarr", "workers read the image from a file"),
        (volume, random_model, "out.zarr", "workers load the network themselves"),
    ):
        with pytest.raises(UserError, match=says):
            next(segment_volume(source, model, tmp_path / name, workers=1))


def test_groups_follow_the_files_of_labels_and_the_chunks_of_the_image() -> None:
    level = zarr.create_array({}, shape=(64, 8, 8), chunks=(1, 8, 8), shards=(4, 8, 8), dtype="u1")
    image = as_volume(zarr.create_array({}, shape=(64, 8, 8), chunks=(8, 8, 8), dtype="u1"))
    plan = plan_run(image.shape)
    groups = groups_of_slices(plan.slices, level, image, plan, "tcp://x:1")
    assert {group.slices[0] % 8 for group in groups} == {0}
    assert {len(group.slices) for group in groups} == {8}
    few = groups_of_slices(plan.slices, level, image, plan, 4)
    assert {len(group.slices) for group in few} == {4}, "each of four workers gets some"
    averaged = groups_of_slices(
        plan.slices, level, image, plan_run(image.shape, average_z=True), "x"
    )
    assert {len(group.slices) for group in averaged} == {32}
    some = groups_of_slices([3, 4, 5, 60], level, image, plan, "x")
    assert [group.slices for group in some] == [(3, 4, 5), (60,)]
