"""The demonstration: real tissue is labelled without a network."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
import requests
import torch
from PIL import Image

from napari_scsam.config import UserError
from napari_scsam.io.labels import write_labels
from napari_scsam.io.volumes import as_volume, open_labels, open_volume
from napari_scsam.model import ScSAM, ScSAMConfig
from napari_scsam.samples.phantom import PHANTOM_CLASSES
from napari_scsam.samples.shipped import open_shipped
from napari_scsam.steps import Progress
from napari_scsam.volume import demo
from napari_scsam.volume.demo import Demo, write_demo, write_sample

SIZE = (10.0, 10.0, 10.0)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No network, and two small slices of the sample."""

    def no_network(*_: object, **__: object) -> None:
        raise requests.ConnectionError("Name or service not known")

    monkeypatch.setattr(requests, "get", no_network)
    real = open_shipped()
    few = as_volume(np.asarray(real.data[:2, :64, :96]), real.voxel_size)
    monkeypatch.setattr(demo, "open_shipped", lambda: few)


@pytest.fixture
def small_model(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = ScSAM(ScSAMConfig(nm_per_pixel=5.0, tile=128), PHANTOM_CLASSES[:6]).eval()
    monkeypatch.setattr(demo, "load_checkpoint", lambda: model)


def finish(steps: Generator[Progress, None, Demo]) -> tuple[list[Progress], Demo]:
    seen = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as end:
            return seen, end.value


def test_offline_real_tissue_is_labelled_and_its_makers_are_named(
    offline: None, small_model: None, tmp_path: Path
) -> None:
    seen, made = finish(write_demo(tmp_path / "new" / "demo"))
    assert seen[-1].done == seen[-1].total
    assert "FlyEM at Janelia" in made.about
    assert "Creative Commons attribution" in made.about
    image, labels = open_volume(made.image), open_labels(made.labels)
    assert image.shape == labels.shape == (2, 64, 96)
    assert image.voxel_size == pytest.approx(SIZE)
    assert labels.voxel_size == pytest.approx(SIZE)
    picture = np.asarray(Image.open(made.picture))
    assert min(picture.shape[:2]) >= demo.SIDE
    assert picture.std() > 5


def test_a_second_demonstration_replaces_the_first(
    offline: None, small_model: None, tmp_path: Path
) -> None:
    for _ in range(2):
        _, made = finish(write_demo(tmp_path / "demo"))
    assert sorted(p.name for p in made.image.parent.iterdir()) == [
        "labels.png",
        "labels.zarr",
        "sample.tif",
    ]


def test_labels_of_the_user_are_not_taken_for_a_demonstration(
    offline: None, small_model: None, tmp_path: Path
) -> None:
    write_labels(tmp_path / "labels.zarr", np.ones((2, 8, 8), np.uint8), SIZE, PHANTOM_CLASSES[:6])
    with pytest.raises(UserError, match="is not of a demonstration; choose another folder"):
        finish(write_demo(tmp_path))
    assert (open_labels(tmp_path / "labels.zarr").data[...] == 1).all()


@pytest.mark.parametrize("voxel_size", [(20.0, 7.5, 5.0), None])
def test_the_sample_is_written_with_its_voxel_size(
    tmp_path: Path, voxel_size: tuple[float, float, float] | None
) -> None:
    stack = np.random.default_rng(0).integers(0, 255, (3, 20, 30)).astype(np.uint8)
    write_sample(tmp_path / "sample.tif", stack, voxel_size)
    volume = open_volume(tmp_path / "sample.tif")
    np.testing.assert_array_equal(volume.data[...], stack)
    assert volume.voxel_size == (pytest.approx(voxel_size) if voxel_size else None)
