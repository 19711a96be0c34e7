"""Embedding a volume ahead: resumable, within bounds, and found by whoever segments it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_scsam.config import UserError
from napari_scsam.infer.disk_cache import DiskCache
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.volumes import as_volume, open_labels
from napari_scsam.model import ScSAM, ScSAMConfig
from napari_scsam.samples.phantom import PHANTOM_CLASSES, make_phantom
from napari_scsam.steps import drive
from napari_scsam.volume.embed import embed_volume
from napari_scsam.volume.run import segment_volume

SIZE = (20.0, 8.0, 8.0)
PHANTOM = make_phantom((3, 64, 150), SIZE).image


@pytest.fixture(scope="module")
def small() -> ScSAM:
    torch.manual_seed(0)
    return ScSAM(ScSAMConfig(nm_per_pixel=8.0, tile=128), PHANTOM_CLASSES[:3]).eval()


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DiskCache:
    """The user's cache."""
    monkeypatch.setenv("NAPARI_SCSAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NAPARI_SCSAM_CACHE_GB", "1")
    return DiskCache(tmp_path / "cache" / "embeddings", 10**9)


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many tiles the encoders are given, call by call."""
    sizes: list[int] = []
    encode = ScSAM.encode
    monkeypatch.setattr(
        ScSAM, "encode", lambda self, image: sizes.append(len(image)) or encode(self, image)
    )
    return sizes


def test_a_stopped_run_goes_on_and_segmenting_needs_no_encoder(
    small: ScSAM, disk: DiskCache, embedded: list[int], tmp_path: Path
) -> None:
    volume = as_volume(PHANTOM, SIZE)
    list(segment_volume(volume, small, tmp_path / "before.zarr"))
    assert not disk.root.exists()  # a volume seen once would only drive out what is used
    embedded.clear()
    steps = embed_volume(volume, small, disk, "cpu")
    seen = [next(steps) for _ in range(4)]
    steps.close()
    assert [(s.done, s.total, s.what) for s in seen] == [
        (0, 6, "slice 0"),
        (1, 6, "slice 0"),
        (2, 6, "slice 1"),
        (3, 6, "slice 1"),
    ]
    assert len(embedded) == 3
    assert drive(embed_volume(volume, small, disk, "cpu")) == disk.bytes()
    assert len(embedded) == 6
    list(segment_volume(volume, small, tmp_path / "after.zarr"))
    assert len(embedded) == 6
    before, after = (
        open_labels(tmp_path / name).data[...] for name in ("before.zarr", "after.zarr")
    )
    assert (before == after).mean() > 0.99  # fp16 rounds


def test_all_views_are_kept_for_a_careful_run(
    small: ScSAM, disk: DiskCache, embedded: list[int], tmp_path: Path
) -> None:
    volume = as_volume(PHANTOM[:1], SIZE)
    steps = list(embed_volume(volume, small, disk, "cpu", tta=True))
    assert sum(embedded) == steps[-2].total > 2
    assert [step.done for step in steps[:-1]] == [*range(steps[-2].total)]
    embedded.clear()
    list(segment_volume(volume, small, tmp_path / "labels.zarr", tta=True))
    assert embedded == []


def test_a_network_without_classes_needs_no_other_views(disk: DiskCache) -> None:
    clicks = ScSAM(
        ScSAMConfig(tile=128, branches="sam", detail=False, prompts_only=True), PHANTOM_CLASSES[:2]
    )
    with pytest.raises(UserError, match="classes"):
        list(embed_volume(as_volume(PHANTOM, SIZE), clicks, disk, "cpu", tta=True))
    assert not disk.root.exists()


def test_the_plugins_planes_are_those_of_the_volume(
    small: ScSAM, disk: DiskCache, embedded: list[int]
) -> None:
    from napari_scsam.io.contrast import measure_contrast

    list(embed_volume(as_volume(PHANTOM, SIZE), small, disk, "cpu"))
    embedded.clear()
    predictor = Predictor(small, "cpu", disk)
    predictor.set_image(PHANTOM[1], SIZE, contrast=measure_contrast(PHANTOM), key=("a layer", 1))
    predictor.segment()
    assert embedded == []


@pytest.mark.parametrize("kind", ["off", "too small", "full"])
def test_what_stands_in_the_way_is_told(
    small: ScSAM, disk: DiskCache, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if kind == "full":
        monkeypatch.setattr("zarr.storage._local._put", full)
    given = {"off": None, "too small": DiskCache(disk.root, 200_000), "full": disk}[kind]
    says = {
        "off": "is off; set NAPARI_SCSAM_CACHE_GB",
        "too small": "set NAPARI_SCSAM_CACHE_GB=1 or more",
        "full": "No space left",
    }
    with pytest.raises(UserError, match=says[kind]):
        list(embed_volume(as_volume(np.tile(PHANTOM, (4, 1, 1)), SIZE), small, given, "cpu"))
