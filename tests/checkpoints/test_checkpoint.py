from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.numpy import save_file
from safetensors.torch import load_file
from safetensors.torch import save_file as save_torch_file

from napari_scsam.checkpoints import checkpoint as module
from napari_scsam.checkpoints.checkpoint import (
    FORMAT,
    checkpoint_info,
    find_checkpoint,
    list_checkpoints,
    load_checkpoint,
    load_mae,
    save_checkpoint,
    save_mae,
    verify_checkpoint,
)
from napari_scsam.config import UserError
from napari_scsam.model import ScSAM
from napari_scsam.model.mae import HybridMAE, build_mae_encoder


@pytest.fixture
def folder(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder, with the random model in it."""
    monkeypatch.setenv("NAPARI_SCSAM_CHECKPOINTS", str(tmp_path))
    (tmp_path / "mine.safetensors").hardlink_to(checkpoint)
    return tmp_path


def save(path: Path, model: ScSAM) -> None:
    save_checkpoint(
        path, model, summary="A test.", licence="CC0", training={"steps": 3, "data": ["a"]}
    )


def write(path: Path, metadata: dict[str, str] | None) -> Path:
    """A safetensors file with one weight and that header."""
    save_file({"weight": np.zeros(2, np.float32)}, path, metadata)
    return path


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
    with torch.inference_mode():
        image = torch.rand(1, 1, 48, 64)
        assert torch.equal(random_model(image), again(image))


def test_a_taught_class_is_saved(tmp_path: Path, model: ScSAM) -> None:
    model.add_class("granule", torch.arange(256.0))
    save(tmp_path / "taught.safetensors", model)
    again = load_checkpoint(tmp_path / "taught.safetensors")
    assert again.classes == model.classes
    assert torch.equal(again.class_prompt.prototypes[3], torch.arange(256.0))


def test_the_card_tells_what_is_inside(tmp_path: Path, random_model: ScSAM) -> None:
    save(tmp_path / "new" / "tiny.safetensors", random_model)
    info = checkpoint_info(tmp_path / "new" / "tiny.safetensors").to_dict()
    assert info == json.loads(json.dumps(info))
    assert info["classes"][0] == random_model.classes[0].to_dict()
    del info["classes"]
    assert info == {
        "name": "tiny",
        "file": "tiny.safetensors",
        "nm_per_pixel": 8.0,
        "bytes": (tmp_path / "new" / "tiny.safetensors").stat().st_size,
        "licence": "CC0",
        "summary": "A test.",
        "config": random_model.config.to_dict(),
        "training": {"steps": 3, "data": ["a"]},
    }


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
    module.write_tensors(tmp_path / "some.safetensors", given, {})
    for name, value in load_file(tmp_path / "some.safetensors").items():
        assert torch.equal(value, given[name]), name


def test_no_pickle_is_written(checkpoint: Path) -> None:
    length = int.from_bytes(checkpoint.read_bytes()[:8], "little")
    header = json.loads(checkpoint.read_bytes()[8 : 8 + length])
    assert header["__metadata__"]["format"] == FORMAT


def test_the_users_folder_is_listed(folder: Path) -> None:
    write(folder / "foreign.safetensors", None)
    write(folder / "no_card.safetensors", {"format": FORMAT})
    (folder / "cut.safetensors").write_bytes((folder / "mine.safetensors").read_bytes()[:1000])
    (folder / "sam.pth").write_bytes(b"")
    mine = [info for info in list_checkpoints() if info.path.parent == folder]
    assert [info.name for info in mine] == ["mine"]
    assert [c.name for c in mine[0].classes] == ["mitochondrion", "membrane", "vesicle"]


def test_a_listed_name_is_enough(folder: Path) -> None:
    assert find_checkpoint("mine") == folder / "mine.safetensors"
    assert verify_checkpoint("mine") == "mine"
    with pytest.raises(
        UserError, match=r"no checkpoint 'theirs'; give a path, or one of: default, .*mine"
    ):
        find_checkpoint("theirs")


def test_listing_is_cheap(folder: Path) -> None:
    script = """
import sys
from napari_scsam.checkpoints.checkpoint import checkpoint_info, list_checkpoints
names = [info.name for info in list_checkpoints()]
print("mine" in names, checkpoint_info("mine").classes[0].name, sorted({"torch", "timm", "napari", "qtpy"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=os.environ
    )  # a script of ours
    assert done.stdout.strip() == "True mitochondrion []", done.stderr


def test_a_missing_default_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "weights_folder", lambda: tmp_path)
    with pytest.raises(
        UserError, match=r"no checkpoint at .*; give the path of a \.safetensors file, or reinstall"
    ):
        load_checkpoint()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("sam.pth", "a .pth of SAM goes into training, not here"),
        ("a.safetensors", "it may be cut off"),
    ],
)
@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04 a zip file", b"\xff" * 100, b"\x10\0\0\0\0\0\0\0{}"]
)
def test_garbage_is_refused(tmp_path: Path, name: str, hint: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(
        UserError, match=rf"{name} is not a ScSAM checkpoint \(no safetensors header\); {hint}"
    ):
        load_checkpoint(tmp_path / name)


@pytest.mark.parametrize(
    "metadata", [None, {"format": "pt"}, {"format": f"{FORMAT} mae", "encoder": "hybrid"}]
)
def test_a_file_of_somebody_else_is_refused(
    tmp_path: Path, metadata: dict[str, str] | None
) -> None:
    with pytest.raises(
        UserError,
        match=r"its header lacks the format 'napari-scsam 1'\); choose one written by scsam",
    ):
        load_checkpoint(write(tmp_path / "a.safetensors", metadata))


@pytest.mark.parametrize(
    "card",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"config": {}, "classes": 3}',
        '{"config": 3, "classes": [{"id": 1, "name": "a"}]}',
    ],
)
def test_a_broken_card_is_told(tmp_path: Path, card: str) -> None:
    with pytest.raises(
        UserError,
        match=r"a\.safetensors is a ScSAM checkpoint whose card cannot be read; fetch it again",
    ):
        checkpoint_info(write(tmp_path / "a.safetensors", {"format": FORMAT, "card": card}))


@pytest.mark.parametrize("config", [{}, {"of_a_later_version": 1}])
def test_weights_that_do_not_fit_are_told(tmp_path: Path, config: dict[str, object]) -> None:
    card = json.dumps({"config": config, "classes": [{"id": 1, "name": "a"}]})
    with pytest.raises(
        UserError, match=r"a\.safetensors is damaged or from another version; fetch it again"
    ):
        load_checkpoint(write(tmp_path / "a.safetensors", {"format": FORMAT, "card": card}))


def test_a_truncated_checkpoint_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    whole = checkpoint.read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(
        UserError,
        match=r"cut\.safetensors is not a ScSAM checkpoint .*it may be cut off; fetch it again",
    ):
        load_checkpoint(tmp_path / "cut.safetensors")


def test_verifying_looks_at_every_weight(tmp_path: Path, model: ScSAM) -> None:
    with torch.no_grad():
        model.fusion.out.bias[3] = torch.nan
    save(tmp_path / "sick.safetensors", model)
    with pytest.raises(
        UserError, match=r"values that are not finite, first in 'fusion\.out\.bias'"
    ):
        verify_checkpoint(tmp_path / "sick.safetensors")


def test_a_pre_trained_encoder_comes_back(tmp_path: Path) -> None:
    encoder, again = HybridMAE(width=32, depth=1), HybridMAE(width=32, depth=1)
    save_mae(tmp_path / "mae.safetensors", encoder, "hybrid", {"steps": 1})
    load_mae(tmp_path / "mae.safetensors", again)
    assert all(
        torch.equal(a, b)
        for a, b in zip(encoder.state_dict().values(), again.state_dict().values(), strict=True)
    )


def test_another_encoder_is_refused(tmp_path: Path, checkpoint: Path) -> None:
    save_mae(tmp_path / "small.safetensors", HybridMAE(width=32, depth=1), "hybrid", {})
    (tmp_path / "text.safetensors").write_text("hello")
    for path in (
        tmp_path / "small.safetensors",
        tmp_path / "text.safetensors",
        tmp_path / "missing.safetensors",
        checkpoint,
    ):
        with pytest.raises(
            UserError,
            match=rf"{path.name} is not a pre-trained encoder of this form; make one with 'scsam pretrain'",
        ):
            load_mae(path, HybridMAE())


TINY_VIT = "vit_tiny_patch16_224"


@pytest.fixture(scope="module")
def published_vit() -> torch.nn.Module:
    """A ViT for colour images with random weights, as MAE's authors and timm publish them."""
    torch.manual_seed(0)
    return timm.create_model(TINY_VIT, num_classes=0).eval()


@torch.inference_mode()
@pytest.mark.parametrize("form", ["mae.pth", "model.safetensors"])
def test_a_published_vit_sees_grey_as_it_saw_colour(
    tmp_path: Path, published_vit: torch.nn.Module, form: str
) -> None:
    weights = published_vit.state_dict()
    if form == "mae.pth":
        torch.save(
            {
                "model": weights
                | {
                    "mask_token": torch.zeros(1, 1, 512),
                    "decoder_embed.weight": torch.zeros(512, 192),
                }
            },
            tmp_path / form,
        )
    else:
        save_torch_file(weights, tmp_path / form)
    encoder = build_mae_encoder(TINY_VIT).eval()
    stem = encoder.stem2[0][0].weight.clone()
    load_mae(tmp_path / form, encoder)
    grey = torch.randn(1, 1, 224, 224)
    torch.testing.assert_close(
        encoder.vit(grey), published_vit(grey.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-4
    )
    assert torch.equal(encoder.stem2[0][0].weight, stem)


def test_a_published_vit_of_another_grid_is_resized(tmp_path: Path) -> None:
    torch.save(
        timm.create_model(
            "vit_tiny_patch16_224", img_size=96, patch_size=8, num_classes=0
        ).state_dict(),
        tmp_path / "vit.pth",
    )
    encoder = build_mae_encoder(TINY_VIT)
    load_mae(tmp_path / "vit.pth", encoder)
    assert encoder.vit.patch_embed.proj.weight.shape == (192, 1, 16, 16)
    assert encoder.vit.pos_embed.shape == (1, 1 + 14 * 14, 192)


def test_a_vit_of_another_width_is_refused(tmp_path: Path, published_vit: torch.nn.Module) -> None:
    torch.save(published_vit.state_dict(), tmp_path / "vit.pth")
    for encoder in (build_mae_encoder("vit_small_patch16_224"), build_mae_encoder("hybrid")):
        with pytest.raises(
            UserError,
            match=r"vit\.pth is not a pre-trained encoder of this form; .* or name the timm ViT",
        ):
            load_mae(tmp_path / "vit.pth", encoder)


def test_a_missing_vit_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"no file at .*vit\.pth; give the path of a pre-trained encoder \(\.pth\)"
    ):
        load_mae(tmp_path / "vit.pth", build_mae_encoder(TINY_VIT))


def test_a_pre_trained_vit_comes_back_with_its_stem(tmp_path: Path) -> None:
    encoder, again = build_mae_encoder(TINY_VIT), build_mae_encoder(TINY_VIT)
    save_mae(tmp_path / "mae.safetensors", encoder, TINY_VIT, {})
    load_mae(tmp_path / "mae.safetensors", again)
    assert all(
        torch.equal(a, b)
        for a, b in zip(encoder.state_dict().values(), again.state_dict().values(), strict=True)
    )


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
