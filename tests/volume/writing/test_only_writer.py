"""Two processes never write the same output."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.infer.predictor import Predictor
from napari_scsam.model import ScSAM
from napari_scsam.steps import drive
from napari_scsam.volume.run import segment_volume
from napari_scsam.volume.writing.only_writer import lock_of, only_writer

IMAGE = np.random.default_rng(0).integers(0, 200, (2, 64, 64)).astype(np.uint8)

HOLD = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("name", ["out.zarr", "out.tif"])
def test_a_run_is_refused_while_another_process_writes_there(
    name: str, model: ScSAM, tmp_path: Path
) -> None:
    out = tmp_path / name
    command = [sys.executable, "-c", HOLD, str(lock_of(out))]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdin is not None
    assert other.stdout is not None
    other.stdout.readline()
    with pytest.raises(UserError, match=f"another process is writing .*{name}; wait"):
        drive(segment_volume(IMAGE, Predictor(model, "cpu"), out))
    other.stdin.close()
    other.wait()
    drive(segment_volume(IMAGE, Predictor(model, "cpu"), out))
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_two_runs_of_one_process_exclude_each_other(model: ScSAM, tmp_path: Path) -> None:
    out = tmp_path / "out.zarr"
    first = segment_volume(IMAGE, Predictor(model, "cpu"), out)
    next(first)
    with pytest.raises(UserError, match="another process is writing"):
        drive(segment_volume(IMAGE, Predictor(model, "cpu"), out, overwrite=True))
    first.close()
    drive(segment_volume(IMAGE, Predictor(model, "cpu"), out, resume=True))


def test_a_mistake_leaves_no_folder(tmp_path: Path) -> None:
    out = tmp_path / "new" / "deep" / "out.zarr"
    with pytest.raises(UserError), only_writer(out, lock_of(out)):
        raise UserError("the image is constant")
    assert not list(tmp_path.iterdir())


def test_what_was_written_keeps_its_folder(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out.zarr"
    with only_writer(out, lock_of(out)):
        out.mkdir()
    assert [path.name for path in out.parent.iterdir()] == ["out.zarr"]


def test_labels_in_an_image_are_locked_there(tmp_path: Path) -> None:
    assert lock_of(tmp_path, into=True).parent == tmp_path
    assert lock_of(tmp_path / "gone.zarr", into=True).parent == tmp_path
