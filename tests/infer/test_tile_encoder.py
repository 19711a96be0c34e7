"""What is kept of a tile, under which name, and that it makes no difference whether it was kept."""

from __future__ import annotations

import copy
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from napari_scsam.config import ClassSpec
from napari_scsam.infer.device import precision
from napari_scsam.infer.disk_cache import DiskCache
from napari_scsam.infer.predictor import Predictor
from napari_scsam.infer.tile_encoder import TileGrid, pack_embedding, unpack_embedding, weights_hash
from napari_scsam.io.contrast import Contrast
from napari_scsam.model import Embedding, ScSAM, ScSAMConfig

CONTRAST = Contrast(0, 255)
CLASSES = (ClassSpec(1, "mitochondrion"), ClassSpec(2, "membrane"))


@pytest.fixture
def disk(tmp_path: Path) -> DiskCache:
    return DiskCache(tmp_path / "embeddings", 10**9)


class Stub(nn.Module):
    """Stands in for a big encoder, which would take seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 256, 16, stride=16)
        self.asked = 0

    def forward(self, x: Tensor) -> Tensor:
        self.asked += len(x)
        return self.layer(x)


@pytest.fixture
def big() -> ScSAM:
    """A ScSAM that says it has a vit_b."""
    torch.manual_seed(2)
    model = ScSAM(ScSAMConfig(tile=128), CLASSES)
    object.__setattr__(model.config, "sam", "vit_b")
    model.image_encoder = Stub()
    return model


def answer(
    model: ScSAM, image: np.ndarray, disk: DiskCache | None, *, fill: bool = True
) -> np.ndarray:
    predictor = Predictor(model, "cpu", disk, fill=fill)
    predictor.set_image(image, contrast=CONTRAST)
    return predictor.class_logits()


def test_a_second_visit_reads_what_the_first_kept(
    model: ScSAM, disk: DiskCache, blobs: np.ndarray, monkeypatch
) -> None:
    first = answer(model, blobs, disk)
    monkeypatch.setattr(ScSAM, "encode", lambda *_: pytest.fail("this tile lies on disk"))
    np.testing.assert_array_equal(answer(model, blobs, disk), first)


def test_kept_or_not_the_answer_is_the_same_but_for_the_rounding_of_fp16(
    model: ScSAM, disk: DiskCache, blobs: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (
        "class_decoder",
        "tile_encoder",
    ):  # in float32, or bfloat16's rounding, which is eight times as coarse, hides it
        monkeypatch.setattr(f"napari_scsam.infer.{module}.precision", lambda _device: nullcontext())
    plain, kept = answer(model, blobs, None), answer(model, blobs, disk)
    assert not np.array_equal(kept, plain)
    np.testing.assert_allclose(kept, plain, atol=0.001 * np.abs(plain).max())


def test_of_a_big_sam_only_its_own_features_are_kept(
    big: ScSAM, disk: DiskCache, blobs: np.ndarray
) -> None:
    first = answer(big, blobs[:128, :128], disk)
    asked = big.image_encoder.asked
    np.testing.assert_array_equal(answer(big, blobs[:128, :128], disk), first)
    assert big.image_encoder.asked == asked == 1
    (name,) = disk.root.glob("1-*")
    assert disk.get(name.name, 0, (8, 8)).shape == (256, 8, 8)
    assert disk.bytes() <= 256 * 8 * 8 * 2 + 2000


@pytest.mark.parametrize(
    ("sam", "detail", "channels"),
    [
        ("vit_t", True, 256 + 64 * 32),
        ("vit_t", False, 256),
        ("vit_b", True, 256),
        ("vit_b", False, 256),
    ],
)
def test_whole_embeddings_are_cached_of_a_light_encoder_with_details(
    model: ScSAM, disk: DiskCache, blobs: np.ndarray, sam: str, detail: bool, channels: int
) -> None:
    """Without details, SAM's features are nearly all, and other checkpoints can use them."""
    model.config = replace(model.config, sam=sam, detail=detail)
    answer(model, blobs[:64, :64], disk)
    (name,) = disk.root.glob("1-*")
    assert disk.get(name.name, 0, (4, 4)).shape == (channels, 4, 4)
    of_this_checkpoint = name.name.startswith(f"1-{sam}-hybrid-")
    assert of_this_checkpoint == (channels > 256), "the name says which weights it depends on"


@pytest.mark.parametrize("detail", [True, False])
def test_without_sam_whole_embeddings_are_cached(
    model: ScSAM, disk: DiskCache, blobs: np.ndarray, detail: bool
) -> None:
    model.config = replace(model.config, branches="mae", sam="vit_b", detail=detail)
    first = answer(model, blobs[:64, :64], disk)
    np.testing.assert_array_equal(answer(model, blobs[:64, :64], disk), first)
    (name,) = disk.root.glob("1-*")
    assert name.name.startswith("1-vit_b-hybrid-mae-gated-")


def test_training_on_a_frozen_big_sam_keeps_its_embeddings_valid(
    big: ScSAM, disk: DiskCache, blobs: np.ndarray
) -> None:
    answer(big, blobs[:128, :128], disk)
    tuned = copy.deepcopy(big)
    nn.init.normal_(tuned.fusion.out.weight)
    answer(tuned, blobs[:128, :128], disk)
    assert tuned.image_encoder.asked == 1
    nn.init.normal_(tuned.image_encoder.layer.bias)
    answer(tuned, blobs[:128, :128], disk)
    assert tuned.image_encoder.asked == 2


@pytest.mark.parametrize("part", ["image_encoder", "mae", "fusion.out", "detail.refine"])
def test_other_weights_are_other_embeddings(
    model: ScSAM, disk: DiskCache, blobs: np.ndarray, part: str
) -> None:
    answer(model, blobs[:64, :64], disk)
    other = copy.deepcopy(model)
    with torch.no_grad():
        next(other.get_submodule(part).parameters()).mul_(1.5)
    np.testing.assert_array_equal(
        answer(other, blobs[:64, :64], disk),
        answer(other, blobs[:64, :64], DiskCache(disk.root / "new", 10**9)),
    )


def test_teaching_keeps_them_valid(
    model: ScSAM, disk: DiskCache, blobs: np.ndarray, monkeypatch
) -> None:
    answer(model, blobs[:64, :64], disk)
    model.add_class("granule", torch.ones(256))
    monkeypatch.setattr(ScSAM, "encode", lambda *_: pytest.fail("this tile lies on disk"))
    assert answer(model, blobs[:64, :64], disk).shape == (4, 64, 64)


def test_a_name_speaks_of_the_pixels_and_tiles_alone(model: ScSAM, blobs: np.ndarray) -> None:
    predictor = Predictor(model, "cpu")

    def name(
        image: np.ndarray, contrast: Contrast = CONTRAST, size: float | None = None, side: int = 128
    ) -> str:
        return (
            predictor.prepare(image, size, contrast=contrast, key="the same for all")
            .grid(side)
            .name
        )

    known = name(blobs)
    assert name(blobs.astype(np.float64)) == known  # another file format, say
    others = [
        name(blobs.T),
        name(255 - blobs),
        name(blobs, Contrast(0, 200)),
        name(blobs, size=9.0),
        name(blobs, side=96),
    ]
    assert len({known, *others}) == 6


def test_one_pixel_makes_another_name(blobs: np.ndarray) -> None:
    grey = blobs.astype(np.float32) / 255
    before = TileGrid(grey, ()).name
    grey[159, 199] += 1e-6
    assert TileGrid(grey, ()).name != before


def test_reading_alone_adds_nothing(model: ScSAM, disk: DiskCache, blobs: np.ndarray) -> None:
    answer(model, blobs[:64, :64], disk, fill=False)
    assert not disk.root.exists()


def test_a_damaged_tile_is_computed_anew_and_healed(
    model: ScSAM, disk: DiskCache, blobs: np.ndarray
) -> None:
    first = answer(model, blobs[:64, :64], disk)
    (file,) = [
        file
        for file in disk.root.rglob("*")
        if file.is_file() and file.name not in (".lock", "zarr.json")
    ]
    file.write_bytes(file.read_bytes()[:-100])
    np.testing.assert_array_equal(answer(model, blobs[:64, :64], disk), first)
    (name,) = disk.root.glob("1-*")
    assert disk.get(name.name, 0, (4, 4)) is not None


def test_a_tile_beside_the_grid_is_computed_and_not_kept(
    model: ScSAM, disk: DiskCache, blobs: np.ndarray
) -> None:
    predictor = Predictor(model, "cpu", disk)
    predictor.set_image(blobs, contrast=CONTRAST)
    answer = predictor.predict_prompts(boxes=(2, 2, 198, 158))
    assert answer.tile not in predictor.tiles()
    assert not disk.root.exists()


def test_keeping_ahead_computes_no_tile_twice(
    model: ScSAM, disk: DiskCache, blobs: np.ndarray, monkeypatch
) -> None:
    predictor = Predictor(model, "cpu", disk)
    slice_ = predictor.prepare(blobs, contrast=CONTRAST)
    steps = predictor.cache_steps(slice_)
    for _ in range(3):
        next(steps)
    steps.close()
    encode, shapes = model.encode, []
    monkeypatch.setattr(model, "encode", lambda image: shapes.append(image.shape) or encode(image))
    assert len(list(predictor.cache_steps(slice_))) == 6
    assert len(shapes) == 4
    assert len(predictor.embeddings) == 0
    assert predictor.encoder.bytes_on_disk(slice_.grid(predictor.batch_limits.tile)) == disk.bytes()


@pytest.mark.parametrize("added", [0, 1, 3])
def test_packing_loses_nothing_but_the_last_bits(added: int) -> None:
    maps = torch.randn(2, added, 24, 32)
    embedding = Embedding(torch.randn(2, 256, 3, 4), torch.randn(2, 32, 24, 32), maps)
    kept = pack_embedding(embedding)
    assert kept.shape == (2, 256 + 64 * (32 + added), 3, 4)
    with precision(torch.device("cpu")):
        again = unpack_embedding(kept, torch.device("cpu"), added)
    torch.testing.assert_close(again.added.float(), maps, rtol=0.01, atol=0.01)
    torch.testing.assert_close(again.fused, embedding.fused, rtol=0, atol=0)
    torch.testing.assert_close(again.detail.float(), embedding.detail, rtol=0.01, atol=0.01)


def test_hashes_tell_weights_apart_also_in_half_precision_and_of_no_dimension() -> None:
    module = nn.Linear(2, 2).bfloat16()
    module.register_buffer("temperature", torch.ones(()))
    before = weights_hash(module)
    assert weights_hash(copy.deepcopy(module)) == before
    module.temperature.fill_(2)
    assert weights_hash(module) != before


def test_biases_count_in_a_hash_unless_there_are_none() -> None:
    module = nn.Linear(2, 2)
    before = weights_hash(module)
    module.register_buffer("class_biases", torch.zeros(3))
    assert weights_hash(module) == before
    module.class_biases += 1
    assert weights_hash(module) != before
