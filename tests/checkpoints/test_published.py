"""SAMs of others: what training takes of them, and checkpoints that answer clicks and boxes as their authors' code does."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from official_sam import serving
from segment_anything import SamPredictor
from segment_anything.build_sam import _build_sam

from napari_scsam import Predictor, load_checkpoint, segment_volume
from napari_scsam.checkpoints import published, registry
from napari_scsam.checkpoints.checkpoint import read_weights, save_checkpoint
from napari_scsam.checkpoints.find import checkpoint_info, find_checkpoint
from napari_scsam.checkpoints.published import find_published, load_sam, make_checkpoint
from napari_scsam.checkpoints.registry import Download, download_weights
from napari_scsam.config import NoClassesError, UserError
from napari_scsam.infer import predictor as predictor_module
from napari_scsam.io.contrast import Contrast
from napari_scsam.model import ScSAM, ScSAMConfig, image_encoder
from napari_scsam.model.sam_vit import SamViT
from napari_scsam.samples.phantom import PHANTOM_CLASSES
from napari_scsam.steps import drive


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder."""
    monkeypatch.setenv("NAPARI_SCSAM_CHECKPOINTS", str(tmp_path / "mine"))
    return tmp_path / "mine"


@pytest.fixture
def entry(mobile_sam_file: Path, mine: Path, monkeypatch: pytest.MonkeyPatch):
    """A tiny SAM that can be downloaded, alone in the registry."""
    with serving(mobile_sam_file.read_bytes()) as server:
        only = server.entry()
        monkeypatch.setattr(registry, "list_downloads", lambda: (only,))
        yield only


@pytest.fixture
def info(entry: Download):
    return drive(make_checkpoint(entry.name, drive(download_weights(entry.name))))


def test_published_weights_become_a_checkpoint_that_says_what_it_is(
    info, entry: Download, mine: Path
) -> None:
    assert info == checkpoint_info("tiny_sam") == find_published(entry)
    assert info.path == mine / "tiny_sam.safetensors"
    assert (info.prompts_only, info.nm_per_pixel, info.licence) == (True, None, "CC0-1.0")
    assert info.summary == "A tiny SAM, as published; answers clicks and boxes only"
    assert info.classes == checkpoint_info().classes, (
        "so that an accepted object has classes to go to"
    )
    assert info.training["published"]["hash"] == entry.file.hash
    before = info.path.stat().st_mtime_ns
    assert drive(make_checkpoint("tiny_sam", mine / "tiny_sam.pt")) == info
    assert info.path.stat().st_mtime_ns == before, "it is made once"


def test_its_weights_are_the_same_everywhere(info, mine: Path) -> None:
    first = read_weights("tiny_sam")
    info.path.unlink()
    torch.manual_seed(99)
    drive(make_checkpoint("tiny_sam", mine / "tiny_sam.pt"))
    again = read_weights("tiny_sam")
    assert [name for name, weights in first.items() if not torch.equal(weights, again[name])] == []


def test_it_answers_clicks_and_boxes_and_no_class(info, tmp_path: Path, blobs: np.ndarray) -> None:
    predictor = Predictor(load_checkpoint("tiny_sam"), "cpu")
    predictor.set_image(blobs)
    answer = predictor.predict_prompts(points=[[40, 30]], boxes=[20, 10, 60, 50])
    assert answer.masks.shape == (1, *blobs.shape)
    assert np.isfinite(answer.window).all()
    assert predictor.predict_prompts(
        points=[[40, 30], [90, 90]], labels=[1, 0], masks=answer
    ).masks.shape == (1, *blobs.shape)
    strokes = blobs > 200
    for ask in (
        predictor.segment,
        predictor.class_logits,
        lambda: predictor.teach("granule", strokes),
        lambda: next(segment_volume(blobs, predictor, tmp_path / "labels.zarr")),
    ):
        with pytest.raises(
            NoClassesError, match=r"answers clicks and boxes only.*train it on your labels"
        ):
            ask()
    assert not (tmp_path / "labels.zarr").exists()
    assert len(predictor.classes) == len(info.classes)


def test_something_else_of_that_name_is_left_alone(
    entry: Download, mine: Path, model: ScSAM
) -> None:
    file = drive(download_weights("tiny_sam"))
    for write in (
        lambda path: path.write_bytes(b"mine"),
        lambda p: save_checkpoint(p, model, summary="", licence="", training={}),
    ):
        write(mine / "tiny_sam.safetensors")
        before = (mine / "tiny_sam.safetensors").read_bytes()
        with pytest.raises(
            UserError, match=r"tiny_sam\.safetensors is not the published tiny_sam; move it away"
        ):
            drive(make_checkpoint("tiny_sam", file))
        assert (mine / "tiny_sam.safetensors").read_bytes() == before


def test_a_full_disk_is_told_and_leaves_nothing(
    entry: Download, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = drive(download_weights("tiny_sam"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=50_000_000))
    with pytest.raises(
        UserError, match=r"has 0\.1 GB of free space, but the checkpoint takes 0\.1 GB; free some"
    ):
        drive(make_checkpoint("tiny_sam", file))
    assert [p.name for p in mine.iterdir()] == ["tiny_sam.pt"]


def test_weights_that_are_no_such_sam_are_told(
    entry: Download, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "list_downloads", lambda: (replace(entry, encoder="vit_b"),))
    with pytest.raises(UserError, match="choose the encoder size that the file was made for"):
        drive(make_checkpoint("tiny_sam", drive(download_weights("tiny_sam"))))
    assert [p.name for p in mine.iterdir()] == ["tiny_sam.pt"]


def test_a_name_that_was_not_fetched_says_how(mine: Path) -> None:
    with pytest.raises(
        UserError,
        match="no checkpoint 'sam_vit_b'; fetch it with: scsam checkpoints download sam_vit_b",
    ):
        find_checkpoint("sam_vit_b")


@pytest.fixture
def narrow_vit_b(monkeypatch: pytest.MonkeyPatch):
    """segment-anything's SAM with an encoder of two narrow blocks, which ours then has under the name of vit_b."""
    monkeypatch.setattr(
        image_encoder,
        "SAM_ENCODERS",
        {
            **image_encoder.SAM_ENCODERS,
            "vit_b": image_encoder.SamEncoder(lambda: SamViT(96, 2, 3, (1,))),
        },
    )
    with torch.random.fork_rng():
        torch.manual_seed(3)
        sam = _build_sam(
            encoder_embed_dim=96,
            encoder_depth=2,
            encoder_num_heads=3,
            encoder_global_attn_indexes=(1,),
        )
        for name, weights in sam.named_parameters():
            if "pos_embed" in name or "rel_pos" in name:
                torch.nn.init.normal_(weights, std=0.1)
    return sam.eval()


def test_a_tile_is_answered_as_segment_anything_answers_it(
    narrow_vit_b, mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        predictor_module, "precision", lambda _: torch.autocast("cpu", enabled=False)
    )
    torch.save(narrow_vit_b.state_dict(), tmp_path / "sam.pth")
    drive(make_checkpoint("sam_vit_b", tmp_path / "sam.pth"))
    y, x = np.mgrid[:1024, :1024]
    image = np.rint(127.5 + 100 * np.sin(y / 40) * np.sin(x / 25)).astype(np.uint8)
    ours, theirs = Predictor(load_checkpoint("sam_vit_b"), "cpu"), SamPredictor(narrow_vit_b)
    monkeypatch.setattr(
        "napari_scsam.infer.tile_encoder.precision", lambda _: torch.autocast("cpu", enabled=False)
    )
    ours.set_image(image, contrast=Contrast(0.0, 255.0))
    theirs.set_image(np.repeat(image[..., None], 3, axis=2))
    points, labels, box = (
        np.array([[300, 200], [700, 900]]),
        np.array([1, 0]),
        np.array([100, 120, 500, 640]),
    )
    for prompts, same in (
        ({"points": points, "labels": labels}, {"point_coords": points, "point_labels": labels}),
        ({"boxes": box}, {"box": box}),
    ):
        answer = ours.predict_prompts(**prompts)
        logits, quality, small = theirs.predict(**same, multimask_output=False, return_logits=True)
        spread = float(logits.std())
        assert spread > 0
        np.testing.assert_allclose(answer.logits, logits, atol=2e-3 * spread)
        np.testing.assert_allclose(answer.tile_logits[:, 0], small, atol=2e-3 * spread)
        np.testing.assert_allclose(answer.quality, quality, atol=1e-4)
        assert (answer.masks != (logits > 0)).mean() < 1e-4
    refined = ours.predict_prompts(points=points[:1], masks=answer)
    logits, quality, _ = theirs.predict(
        points[:1], labels[:1], mask_input=small, multimask_output=False, return_logits=True
    )
    np.testing.assert_allclose(refined.logits, logits, atol=5e-3 * float(logits.std()))
    assert ours.batch_limits.tile == published.TILE == narrow_vit_b.image_encoder.img_size


def test_a_checkpoint_of_ours_gives_its_sam(tmp_path: Path) -> None:
    old, new = (
        ScSAM(ScSAMConfig(branches="sam"), PHANTOM_CLASSES[:3]),
        ScSAM(ScSAMConfig(), PHANTOM_CLASSES[:1]),
    )
    save_checkpoint(tmp_path / "old.safetensors", old, summary="", licence="", training={})
    mae = {k: v.clone() for k, v in new.mae.state_dict().items()}
    load_sam(new, tmp_path / "old.safetensors")
    for prefix in ("image_encoder.", "prompt_encoder.", "mask_decoder.", "detail.", "click_path."):
        weights = {k: v for k, v in old.state_dict().items() if k.startswith(prefix)}
        assert weights
        assert all(torch.equal(v, new.state_dict()[k]) for k, v in weights.items())
    assert all(torch.equal(v, new.mae.state_dict()[k]) for k, v in mae.items())


def test_a_detail_path_of_another_form_is_told(tmp_path: Path) -> None:
    model, path = ScSAM(ScSAMConfig(), PHANTOM_CLASSES), tmp_path / "other.safetensors"
    model.detail.filters.layers[-1] = torch.nn.Linear(256, 33)
    save_checkpoint(path, model, summary="", licence="", training={})
    with pytest.raises(
        UserError, match=r"the detail path of .*other\.safetensors has another form"
    ):
        load_sam(ScSAM(ScSAMConfig(), PHANTOM_CLASSES), path)


def test_a_sam_without_its_decoder_is_refused(tmp_path: Path) -> None:
    model = ScSAM(ScSAMConfig(), PHANTOM_CLASSES[:1])
    torch.save(
        {k: v for k, v in model.state_dict().items() if k.startswith("image_encoder.")},
        tmp_path / "encoder.pth",
    )
    with pytest.raises(UserError, match=r"encoder\.pth holds no prompt encoder of SAM's form"):
        load_sam(model, tmp_path / "encoder.pth")
