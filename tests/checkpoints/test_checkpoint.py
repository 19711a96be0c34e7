"""Models of checkpoints, written and read."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import save_file
from safetensors.torch import load_file
from safetensors.torch import save_file as torch_save

from napari_scsam.checkpoints.card import CHECKPOINT_FORMAT
from napari_scsam.checkpoints.checkpoint import load_checkpoint, save_checkpoint, verify_checkpoint
from napari_scsam.checkpoints.find import checkpoint_info
from napari_scsam.config import UserError
from napari_scsam.model import ScSAM


def save(path: Path, model: ScSAM) -> None:
    save_checkpoint(
        path, model, summary="A test.", licence="CC0", training={"steps": 3, "data": ["a"]}
    )


def write(path: Path, metadata: dict[str, str] | None) -> Path:
    """A safetensors file with one weight and that header."""
    save_file({"weight": np.zeros(2, np.float32)}, path, metadata)
    return path


def assert_same_answer(one: ScSAM, other: ScSAM) -> None:
    """Compare two networks bit by bit, in one order of memory: another test may have changed it."""
    image = torch.rand(1, 1, 48, 64)
    with torch.inference_mode():
        answers = [
            copy.deepcopy(each).to(memory_format=torch.channels_last)(image)
            for each in (one, other)
        ]
    assert torch.equal(*answers)


def test_a_model_comes_back_bit_by_bit(checkpoint: Path, random_model: ScSAM) -> None:
    again = load_checkpoint(checkpoint)
    assert (again.config, again.classes, again.training) == (
        random_model.config,
        random_model.classes,
        False,
    )
    ours, theirs = random_model.state_dict(), again.state_dict()
    assert ours.keys() == theirs.keys()
    assert [k for k, v in ours.items() if not torch.equal(v, theirs[k])] == []
    assert_same_answer(random_model, again)


def test_a_taught_class_is_saved(tmp_path: Path, model: ScSAM) -> None:
    model.add_class("granule", torch.arange(256.0))
    save(tmp_path / "taught.safetensors", model)
    again = load_checkpoint(tmp_path / "taught.safetensors")
    assert again.classes == model.classes
    assert torch.equal(again.class_prompt.prototypes[3], torch.arange(256.0))


def test_a_missing_default_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_scsam.checkpoints.find.weights_folder", lambda: tmp_path)
    with pytest.raises(
        UserError, match=r"no checkpoint at .*; give the path of a \.safetensors file, or reinstall"
    ):
        load_checkpoint()


@pytest.mark.parametrize(
    ("config", "where"), [({}, ", first at 'temperature'"), ({"of_a_later_version": 1}, "")]
)
def test_weights_that_do_not_fit_are_told(
    tmp_path: Path, config: dict[str, object], where: str
) -> None:
    card = json.dumps({"config": config, "classes": [{"id": 1, "name": "a"}]})
    with pytest.raises(
        UserError,
        match=rf"a\.safetensors is damaged or from another version{where}; fetch it again",
    ):
        load_checkpoint(
            write(tmp_path / "a.safetensors", {"format": CHECKPOINT_FORMAT, "card": card})
        )


def test_verifying_looks_at_every_weight(tmp_path: Path, model: ScSAM) -> None:
    save(tmp_path / "sick.safetensors", model)
    with safe_open(tmp_path / "sick.safetensors", framework="pt") as file:
        metadata = file.metadata()
    weights = load_file(tmp_path / "sick.safetensors")
    weights["fusion.out.bias"][3] = torch.nan
    torch_save(weights, tmp_path / "sick.safetensors", metadata)
    with pytest.raises(
        UserError, match=r"values that are not finite, first in 'fusion\.out\.bias'"
    ):
        verify_checkpoint(tmp_path / "sick.safetensors")


def test_half_precision_halves_the_file_and_loads_alike(
    random_model: ScSAM, checkpoint: Path, tmp_path: Path
) -> None:
    path = tmp_path / "half.safetensors"
    save_checkpoint(
        path, random_model, summary="Half.", licence="BSD-3-Clause", training={}, half=True
    )
    assert path.stat().st_size < 0.55 * checkpoint.stat().st_size
    whole, half = random_model.state_dict(), load_checkpoint(path).state_dict()
    assert all(half[k].dtype == v.dtype for k, v in whole.items())
    assert all(torch.allclose(half[k], v, rtol=1e-3, atol=1e-4) for k, v in whole.items())


@pytest.mark.parametrize("half", [False, True])
def test_a_network_that_diverged_is_not_written(tmp_path: Path, model: ScSAM, half: bool) -> None:
    path = tmp_path / "mine.safetensors"
    save(path, model)
    before = path.read_bytes()
    with torch.no_grad():
        # Beyond what half precision can hold, and no number at all.
        model.fusion.out.bias[3] = 1e30 if half else torch.nan
    with pytest.raises(
        UserError, match=r"mine\.safetensors was not written: .*'fusion\.out\.bias'"
    ):
        save_checkpoint(path, model, summary="", licence="", training={}, half=half)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_what_fine_tuning_added_is_saved(tmp_path: Path, model: ScSAM) -> None:
    path = tmp_path / "tuned.safetensors"
    correction = model.new_correction([["mitochondrion"], ["vesicle"]])
    torch.nn.init.normal_(correction.out.weight)
    model.corrections.append(correction)
    save(path, model)
    assert checkpoint_info(path).corrections == [[["mitochondrion"], ["vesicle"]]]
    again = load_checkpoint(path)
    assert_same_answer(model, again)


def test_tuned_copies_and_sure_sections_are_saved(tmp_path: Path, model: ScSAM) -> None:
    path = tmp_path / "tuned.safetensors"
    model.tuned.append(model.new_tuned_path(["mitochondrion"]))
    model.classes = (replace(model.classes[0], least_mean=1.25), *model.classes[1:])
    save(path, model)
    assert checkpoint_info(path).tuned == [["mitochondrion"]]
    again = load_checkpoint(path)
    assert again.classes[0].least_mean == 1.25
    assert_same_answer(model, again)


def test_a_checkpoint_without_corrections_is_written_as_before(
    checkpoint: Path, tmp_path: Path, model: ScSAM
) -> None:
    save(tmp_path / "again.safetensors", model)
    with safe_open(tmp_path / "again.safetensors", framework="np") as file:
        assert {"corrections", "tuned"}.isdisjoint(json.loads(file.metadata()["card"]))
    assert load_file(tmp_path / "again.safetensors").keys() == load_file(checkpoint).keys()
