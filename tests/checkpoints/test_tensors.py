"""Safetensors files, written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from napari_scsam.checkpoints.checkpoint import save_checkpoint
from napari_scsam.checkpoints.tensors import write_tensors
from napari_scsam.config import UserError
from napari_scsam.model import ScSAM
from napari_scsam.project.training_job import JOB


def save(path: Path, model: ScSAM) -> None:
    save_checkpoint(
        path, model, summary="A test.", licence="CC0", training={"steps": 3, "data": ["a"]}
    )


@pytest.mark.parametrize(("owner", "step"), [(Path, "write_bytes"), (os, "replace")])
def test_an_error_while_writing_leaves_the_old_file(
    tmp_path: Path, random_model: ScSAM, monkeypatch: pytest.MonkeyPatch, owner: object, step: str
) -> None:
    path = tmp_path / "old.safetensors"
    path.write_bytes(b"what was there")

    def full_disk(unfinished: Path, _: object) -> None:
        unfinished.write_text("half of it")
        raise OSError("No space left on device")

    monkeypatch.setattr(owner, step, full_disk)
    with pytest.raises(OSError, match="No space left"):
        save(path, random_model)
    assert [p.name for p in tmp_path.iterdir()] == ["old.safetensors"]
    assert path.read_bytes() == b"what was there"


def test_parts_of_other_tensors_are_written_whole(tmp_path: Path) -> None:
    rows = torch.arange(12.0).view(3, 4)
    given = {"row": rows[1], "columns": rows.T, "all": rows.clone(), "scalar": torch.ones(())}
    write_tensors(tmp_path / "some.safetensors", given, {})
    for name, value in load_file(tmp_path / "some.safetensors").items():
        assert torch.equal(value, given[name]), name


def test_tensors_are_not_written_inside_of_an_image(tmp_path: Path) -> None:
    (tmp_path / ".zgroup").write_text("{}")
    with pytest.raises(UserError, match="lies inside the zarr"):
        write_tensors(tmp_path / "models" / "a.safetensors", {"a": torch.zeros(1)}, {})
    assert not (tmp_path / "models").exists()


def test_only_the_training_of_a_project_is_written_into_its_zarr(tmp_path: Path) -> None:
    folder = tmp_path / "mine.scsam.zarr" / "training"
    folder.mkdir(parents=True)
    (folder.parent / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group"}')
    path = folder / "tuned.safetensors"
    with pytest.raises(UserError, match="lies inside the zarr"):
        write_tensors(path, {"weight": torch.ones(2)}, {})
    (folder / JOB).write_text("{}")
    write_tensors(path, {"weight": torch.ones(2)}, {})
    assert load_file(path)["weight"].tolist() == [1, 1]
