"""The demonstration, offline: a synthetic cell stands in, says so, and is labelled."""

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
from napari_scsam.io.volumes import open_labels, open_volume
from napari_scsam.model import ScSAM, ScSAMConfig
from napari_scsam.samples.phantom import CLASSES, make_phantom
from napari_scsam.steps import Progress
from napari_scsam.volume import demo
from napari_scsam.volume.demo import Demo, sample_image, write_demo, write_sample

SIZE = (5.0, 5.0, 5.0)


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No network, nothing in the cache, and a smaller cell than the real one."""

    def no_network(*_: object, **__: object) -> None:
        raise requests.ConnectionError("Name or service not known")

    monkeypatch.setattr(requests, "get", no_network)
    monkeypatch.setenv("NAPARI_SCSAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(demo, "make_phantom", lambda _, size: make_phantom((2, 64, 96), size))


@pytest.fixture
def small_model(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = ScSAM(ScSAMConfig(nm_per_pixel=5.0, tile=128), CLASSES[:6]).eval()
    monkeypatch.setattr(demo, "load_checkpoint", lambda: model)


def finish(steps: Generator[Progress, None, Demo]) -> tuple[list[Progress], Demo]:
    seen = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as end:
            return seen, end.value


def test_offline_a_synthetic_cell_is_labelled_and_called_so(
    offline: None, small_model: None, tmp_path: Path
) -> None:
    seen, made = finish(write_demo(tmp_path / "new" / "demo"))
    assert seen[-1].done == seen[-1].total
    assert "synthetic" in made.about
    assert "could not be downloaded" in made.about
    image, labels = open_volume(made.image), open_labels(made.labels)
    assert image.shape == labels.shape == (2, 64, 96)
    assert image.voxel_size == pytest.approx(SIZE)
    assert labels.voxel_size == pytest.approx(SIZE)
    picture = np.asarray(Image.open(made.picture))
    assert picture.ndim == 3
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
    write_labels(tmp_path / "labels.zarr", np.ones((2, 8, 8), np.uint8), SIZE, CLASSES[:6])
    with pytest.raises(UserError, match="is not of a demonstration; choose another folder"):
        finish(write_demo(tmp_path))
    assert (open_labels(tmp_path / "labels.zarr").data[...] == 1).all()


def test_with_a_network_the_real_sample_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    real = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)

    def fetched(
        name: str,
    ) -> Generator[Progress, None, tuple[np.ndarray, tuple[float, float, float], str]]:
        yield Progress(1, 1, name)
        return real, (20.0, 5.0, 5.0), "Mouse hippocampus"

    monkeypatch.setattr(demo, "fetch_sample", fetched)
    seen, (stack, voxel_size, about) = finish(sample_image())  # type: ignore[arg-type]
    assert seen[0].what == "hippocampus"
    assert stack is real
    assert (voxel_size, about) == ((20.0, 5.0, 5.0), "Mouse hippocampus")


@pytest.mark.parametrize("voxel_size", [(20.0, 7.5, 5.0), None])
def test_the_sample_is_written_with_its_voxel_size(
    tmp_path: Path, voxel_size: tuple[float, float, float] | None
) -> None:
    stack = np.random.default_rng(0).integers(0, 255, (3, 20, 30)).astype(np.uint8)
    write_sample(tmp_path / "sample.tif", stack, voxel_size)
    volume = open_volume(tmp_path / "sample.tif")
    np.testing.assert_array_equal(volume.data[...], stack)
    assert volume.voxel_size == (pytest.approx(voxel_size) if voxel_size else None)
