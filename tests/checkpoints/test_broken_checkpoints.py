"""A checkpoint whose numbers or names make no sense is refused, in one sentence that names it."""

from __future__ import annotations

import math
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from broken_checkpoint import break_card, break_weights
from torch import Tensor

from napari_scsam.checkpoints.checkpoint import load_checkpoint, read_weights
from napari_scsam.checkpoints.find import find_checkpoint
from napari_scsam.checkpoints.mae_file import load_mae, save_mae
from napari_scsam.checkpoints.published import load_sam
from napari_scsam.cli import main
from napari_scsam.config import UserError
from napari_scsam.model import ScSAM
from napari_scsam.model.mae import build_mae_encoder

Card = dict[str, Any]
Weights = dict[str, Tensor]


def config(**values: Any) -> Callable[[Card], object]:
    return lambda card: card["config"].update(values)


def classes(*table: Any) -> Callable[[Card], object]:
    return lambda card: card.update(classes=list(table))


CARDS: dict[str, tuple[Callable[[Card], object], str]] = {
    "a negative pixel size": (config(nm_per_pixel=-1), "config.nm_per_pixel = -1"),
    "no pixel size at all": (config(nm_per_pixel=0), "config.nm_per_pixel = 0"),
    "a pixel size in metres": (config(nm_per_pixel=8e-9), "config.nm_per_pixel"),
    "a pixel size in femtometres": (config(nm_per_pixel=8e6), "config.nm_per_pixel"),
    "a pixel size that is no number": (config(nm_per_pixel="abc"), "config.nm_per_pixel"),
    "a pixel size that is NaN": (config(nm_per_pixel=math.nan), "config.nm_per_pixel"),
    "an infinite pixel size": (config(nm_per_pixel=math.inf), "config.nm_per_pixel"),
    "a pixel size for each axis": (config(nm_per_pixel=[8, 8]), "config.nm_per_pixel"),
    "a pixel size that is true": (config(nm_per_pixel=True), "config.nm_per_pixel"),
    "a hub address": (config(mae="hf-hub:timm/vit_tiny_patch16_224"), "hf-hub"),
    "another hub address": (config(mae="hf_hub:timm/vit_tiny_patch16_224"), "hf_hub"),
    "a web address": (config(mae="https://example.com/vit"), "https"),
    "a folder": (config(mae="local-dir:/etc"), "local-dir"),
    "a path": (config(mae="../vit"), "not the name of an encoder"),
    "an encoder that is a number": (config(mae=3), "config.mae = 3"),
    "an unknown encoder": (config(sam="vit_x"), "config.sam = 'vit_x'"),
    "an encoder of the web": (config(sam="hf-hub:a/b"), "config.sam = 'hf-hub:a/b'"),
    "a tile of nothing": (config(tile=0), "config.tile = 0"),
    "a negative tile": (config(tile=-512), "config.tile = -512"),
    "a tile beyond memory": (config(tile=1 << 20), "config.tile"),
    "a tile that is no multiple of 16": (config(tile=500), "config.tile = 500"),
    "a tile that is text": (config(tile="512"), "config.tile"),
    "unknown branches": (config(branches="all"), "config.branches = 'all'"),
    "unknown fusion": (config(fusion=None), "config.fusion = None"),
    "a list as config": (lambda card: card.update(config=[]), "config = \\[\\]"),
    "a class with id 0": (classes({"id": 0, "name": "a"}), "id 0"),
    "a class with a negative id": (classes({"id": -4, "name": "a"}), "id -4"),
    "half an id": (classes({"id": 1.5, "name": "a"}), "cannot be read"),
    "an id that is true": (classes({"id": True, "name": "a"}), "cannot be read"),
    "an infinite id": (classes({"id": math.inf, "name": "a"}), "cannot be read"),
    "an id that no file can hold": (classes({"id": 2**70, "name": "a"}), "id 1180591620717"),
    "two classes of one id": (
        classes({"id": 1, "name": "a"}, {"id": 1, "name": "b"}),
        "share the id '1'",
    ),
    "two classes of one name": (
        classes({"id": 1, "name": "a"}, {"id": 2, "name": "A"}),
        "share the name 'a'",
    ),
    "a class without a name": (classes({"id": 1}), "cannot be read"),
    "a name that is a number": (classes({"id": 1, "name": 7}), "cannot be read"),
    "a class that is text": (classes("mitochondrion"), "classes\\[0\\]"),
    "no classes": (classes(), "the class table is empty"),
    "a reach that is NaN": (classes({"id": 1, "name": "a", "reach": math.nan}), "reach nan"),
    "a record that is text": (lambda card: card.update(training="x"), "training = 'x'"),
    "lessons that are a list": (lambda card: card.update(lessons=[1]), "lessons = \\[1\\]"),
    "lessons that are no base64": (
        lambda card: card.update(lessons={"a": "garbage"}),
        "what strokes taught is damaged",
    ),
    "lessons that are no arrays": (
        lambda card: card.update(lessons={"a": "AAAA"}),
        "what strokes taught is damaged",
    ),
    "a licence that is a list": (lambda card: card.update(licence=[1]), "licence = \\[1\\]"),
}


@pytest.mark.parametrize("kind", CARDS)
def test_a_card_that_makes_no_sense_is_refused(kind: str, checkpoint: Path, tmp_path: Path) -> None:
    change, problem = CARDS[kind]
    broken = break_card(checkpoint, tmp_path / "broken.safetensors", change)
    with pytest.raises(UserError, match=problem) as caught:
        load_checkpoint(broken)
    assert "broken.safetensors" in str(caught.value)
    assert "\n" not in str(caught.value)


def all_of(value: float) -> Callable[[Weights], object]:
    return lambda weights: [w.fill_(value) for w in weights.values() if w.is_floating_point()]


def one_of(name: str, value: float) -> Callable[[Weights], object]:
    return lambda weights: weights[name].view(-1)[:1].fill_(value)


WEIGHTS: dict[str, tuple[Callable[[Weights], object], str]] = {
    "all NaN": (all_of(math.nan), "not finite"),
    "all infinite": (all_of(math.inf), "not finite"),
    "all zero": (all_of(0.0), "temperature 0"),
    "an encoder of zeros": (
        lambda weights: [w.zero_() for n, w in weights.items() if n.startswith("image_encoder.")],
        "only zeros in its 'image_encoder'",
    ),
    "one NaN": (one_of("class_prompt.prototypes", math.nan), "'class_prompt.prototypes'"),
    "one infinity": (one_of("thresholds", -math.inf), "'thresholds'"),
    "a temperature of 0": (one_of("temperature", 0.0), "temperature 0"),
    "a temperature below 0": (one_of("temperature", -1.0), "temperature -1"),
    "a weight too few": (lambda weights: weights.pop("thresholds"), "first at 'thresholds'"),
    "a weight too many": (
        lambda weights: weights.update(more=torch.zeros(3)),
        "first at 'more'",
    ),
    "a weight of another shape": (
        lambda weights: weights.update(thresholds=torch.zeros(4)),
        "first at 'thresholds'",
    ),
    "a weight that is empty": (
        lambda weights: weights.update(thresholds=torch.zeros(0)),
        "first at 'thresholds'",
    ),
    "integers in place of weights": (
        lambda weights: weights.update(thresholds=torch.zeros(3, dtype=torch.int64)),
        "first at 'thresholds'",
    ),
}


@pytest.mark.parametrize("kind", WEIGHTS)
def test_weights_that_cannot_work_are_refused(kind: str, checkpoint: Path, tmp_path: Path) -> None:
    change, problem = WEIGHTS[kind]
    broken = break_weights(checkpoint, tmp_path / "broken.safetensors", change)
    with pytest.raises(UserError, match=problem) as caught:
        load_checkpoint(broken)
    assert "broken.safetensors" in str(caught.value)


def test_a_negative_variance_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    def change(weights: Weights) -> None:
        name = next(name for name in weights if name.endswith("running_var"))
        weights[name][0] = -1

    broken = break_weights(checkpoint, tmp_path / "broken.safetensors", change)
    with pytest.raises(UserError, match=r"broken\.safetensors holds a negative variance"):
        load_checkpoint(broken)


@pytest.mark.parametrize("suffix", [".tif", ".zarr"])
def test_nothing_is_computed_or_written(
    suffix: str, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tifffile.imwrite(tmp_path / "image.tif", np.arange(64 * 64, dtype=np.uint16).reshape(64, 64))
    broken = break_weights(checkpoint, tmp_path / "broken.safetensors", all_of(math.nan))
    before = sorted(tmp_path.iterdir())
    out = tmp_path / f"labels{suffix}"
    code = main(
        ["segment", str(tmp_path / "image.tif"), "-o", str(out), "--checkpoint", str(broken)]
    )
    told = capsys.readouterr().err
    assert code == 2
    assert told.count("\n") == 1
    assert "broken.safetensors" in told
    assert sorted(tmp_path.iterdir()) == before


def test_no_card_reaches_for_the_network(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *where, **_: asked.append(where) or [])
    for name in ("hf-hub:timm/vit_tiny_patch16_224.augreg_in21k", "timm/vit", "hf-hub:a/b"):
        broken = break_card(checkpoint, tmp_path / "broken.safetensors", config(mae=name))
        with pytest.raises(UserError):
            load_checkpoint(broken)
        with pytest.raises(UserError, match="is not a name of timm"):
            build_mae_encoder(name)
    assert asked == []


def test_a_giant_network_is_not_built_for_a_small_file(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = []

    class Watched(ScSAM):
        def __init__(self, *arguments: Any) -> None:
            devices.append(torch.empty(0).device.type)
            super().__init__(*arguments)

    monkeypatch.setattr("napari_scsam.model.ScSAM", Watched)
    giant = break_card(
        checkpoint, tmp_path / "giant.safetensors", config(sam="vit_h", mae="vit_giant_patch14_224")
    )
    with pytest.raises(UserError, match=r"giant\.safetensors is damaged or from another version"):
        load_checkpoint(giant)
    assert devices == ["meta"]


def test_a_broken_checkpoint_is_found_by_its_name(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_SCSAM_CHECKPOINTS", str(tmp_path))
    broken = break_card(checkpoint, tmp_path / "mine.safetensors", config(nm_per_pixel=-1))
    assert find_checkpoint("mine") == broken
    with pytest.raises(UserError, match=r"mine\.safetensors .*nm_per_pixel"):
        load_checkpoint("mine")


def test_no_training_starts_from_weights_that_are_not_finite(
    model: ScSAM, checkpoint: Path, mobile_sam_file: Path, tmp_path: Path
) -> None:
    broken = break_weights(checkpoint, tmp_path / "broken.safetensors", all_of(math.nan))
    for read in (read_weights, lambda path: load_sam(model, path)):
        with pytest.raises(UserError, match=r"broken\.safetensors .*not finite"):
            read(broken)
    published = torch.load(mobile_sam_file, weights_only=True)
    published["image_encoder.neck.0.weight"][0] = math.nan
    torch.save(published, tmp_path / "sam.pth")
    with pytest.raises(UserError, match=r"sam\.pth .*not finite"):
        load_sam(model, tmp_path / "sam.pth")
    encoder = build_mae_encoder("hybrid")
    with torch.no_grad():
        encoder.norm.weight[0] = math.inf
    save_mae(tmp_path / "mae.safetensors", encoder, "hybrid", {})
    with pytest.raises(UserError, match=r"mae\.safetensors .*not finite"):
        load_mae(tmp_path / "mae.safetensors", build_mae_encoder("hybrid"))


def test_weights_that_overflow_give_no_empty_labels(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each weight is a number, but what the network makes of them is none."""
    tifffile.imwrite(tmp_path / "image.tif", np.arange(64 * 64, dtype=np.uint16).reshape(64, 64))
    broken = break_weights(
        checkpoint,
        tmp_path / "broken.safetensors",
        lambda weights: [
            w.mul_(1e30)
            for name, w in weights.items()
            if "encoder" in name and w.is_floating_point()
        ],
    )
    out = tmp_path / "labels.tif"
    code = main(
        ["segment", str(tmp_path / "image.tif"), "-o", str(out), "--checkpoint", str(broken)]
    )
    assert code == 2
    assert "not numbers" in capsys.readouterr().err
    assert not out.exists()
