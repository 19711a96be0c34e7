"""What is done on the worker thread before and after a training."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from napari_scsam.config import UserError
from napari_scsam.gui.jobs import training_steps
from napari_scsam.gui.jobs.training_steps import (
    free_path,
    keep_checkpoint_steps,
    write_job_steps,
)
from napari_scsam.project.training_job import BEST, TUNED
from napari_scsam.steps import Progress, drive


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """The folder of the user's checkpoints."""
    folder = tmp_path / "mine" / "checkpoints"
    monkeypatch.setattr(training_steps, "user_folder", lambda: folder)
    monkeypatch.setattr(training_steps, "checkpoint_info", lambda path: SimpleNamespace(path=path))
    return folder


def test_a_path_is_free_when_no_file_has_it(tmp_path):
    assert free_path(tmp_path, "a").name == "a.safetensors"
    (tmp_path / "a.safetensors").touch()
    assert free_path(tmp_path, "a").name == "a_2.safetensors"
    (tmp_path / "a_2.safetensors").touch()
    (tmp_path / "a_4.safetensors").touch()
    assert free_path(tmp_path, "a").name == "a_3.safetensors"


def test_the_checkpoint_of_the_end_is_kept_rather_than_the_best_so_far(tmp_path, kept):
    (tmp_path / BEST).write_text("best so far")
    assert drive(keep_checkpoint_steps(tmp_path, "cells")).path.read_text() == "best so far"
    (tmp_path / TUNED).write_text("the end")
    info = drive(keep_checkpoint_steps(tmp_path, "cells"))
    assert info.path == kept / "cells_tuned_2.safetensors"
    assert info.path.read_text() == "the end"
    assert (tmp_path / TUNED).is_file()


def test_a_training_without_a_checkpoint_leaves_nothing(tmp_path, kept):
    with pytest.raises(UserError, match="the training left no checkpoint; train again"):
        drive(keep_checkpoint_steps(tmp_path, "cells"))
    assert not kept.exists()


def test_a_job_is_prepared_after_what_draws_its_curves_is_imported(tmp_path, monkeypatch):
    done = []

    def prepare(*arguments):
        done.append(arguments)
        yield Progress(1, 4, "copying labels")
        return tmp_path

    monkeypatch.setattr(training_steps, "import_module", done.append)
    monkeypatch.setattr(training_steps, "prepare_job", prepare)
    steps = []
    asked = ("project", (1, 2), tmp_path, 3.0, {"rate": 0.1}, "default")
    assert drive(write_job_steps(*asked), steps.append) == tmp_path
    assert done == ["pyqtgraph", asked]
    assert [(step.done, step.what) for step in steps] == [
        (0, "preparing the training"),
        (1, "copying labels"),
    ]
