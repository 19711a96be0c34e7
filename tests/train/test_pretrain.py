"""Pre-training: the error falls, a stopped run goes on exactly, and what comes out fits the network."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from napari_scsam.checkpoints.mae_file import load_mae, save_mae
from napari_scsam.config import UserError
from napari_scsam.io.volumes import Volume, as_volume, open_volume
from napari_scsam.model.mae import MaskedAutoencoder, build_mae_encoder
from napari_scsam.samples.phantom import make_phantom
from napari_scsam.train.augment import Augmentation
from napari_scsam.train.pretrain import PretrainConfig, UnlabelledCrops, pretrain, stacks_along_axes

TINY = PretrainConfig(steps=4, batch=2, crop=64, save_every=2)


@pytest.fixture(scope="module")
def volume() -> Volume:
    phantom = make_phantom((3, 96, 96), (20.0, 8.0, 8.0))
    return as_volume(phantom.image, phantom.voxel_size, "synthetic")


def test_the_error_falls(volume: Volume, tmp_path: Path) -> None:
    still = Augmentation(
        zoom=1, stretch=1, contrast=0, brightness=0, gamma=0, blur=0, noise=0, tone=0, coarse=1
    )
    steps = list(
        pretrain(
            [volume],
            tmp_path / "mae.safetensors",
            replace(TINY, steps=48, batch=4, save_every=100, augmentation=still),
        )
    )
    losses = [s.losses["loss"] for s in steps]
    assert [s.step for s in steps] == list(range(1, 49))
    assert steps[-1].total == 48
    assert np.mean(losses[-12:]) < 0.8 * np.mean(losses[:6])
    assert steps[-1].seconds >= steps[0].seconds > 0


def test_what_was_learned_is_read_back_into_an_encoder(volume: Volume, tmp_path: Path) -> None:
    out = tmp_path / "new folder" / "mae.safetensors"
    list(pretrain([volume], out, TINY))
    encoder = build_mae_encoder("hybrid")
    load_mae(out, encoder)
    assert all(torch.equal(v, encoder.state_dict()[k]) for k, v in load_file(out).items())
    assert sorted(p.name for p in out.parent.iterdir()) == ["mae.run", "mae.safetensors"]


@pytest.mark.parametrize("stop_after", [2, 3])
def test_a_stopped_run_goes_on_exactly(volume: Volume, tmp_path: Path, stop_after: int) -> None:
    list(pretrain([volume], tmp_path / "whole.safetensors", TINY))
    run = pretrain([volume], tmp_path / "stopped.safetensors", TINY)
    for _ in range(stop_after):
        next(run)
    run.close()
    assert (tmp_path / "stopped.resume").is_file()
    resumed = list(pretrain([volume], tmp_path / "stopped.safetensors", TINY))
    assert [s.step for s in resumed] == [3, 4]
    whole, stopped = (
        load_file(tmp_path / "whole.safetensors"),
        load_file(tmp_path / "stopped.safetensors"),
    )
    for name, value in whole.items():
        torch.testing.assert_close(stopped[name], value, rtol=1e-6, atol=1e-7, msg=name)
    assert not (tmp_path / "stopped.resume").exists()


def test_other_settings_start_from_nothing(volume: Volume, tmp_path: Path) -> None:
    run = pretrain([volume], tmp_path / "mae.safetensors", TINY)
    next(run), next(run), run.close()
    with pytest.raises(UserError, match=r"other settings \(seed: 0 → 1\) was stopped after step 2"):
        next(pretrain([volume], tmp_path / "mae.safetensors", replace(TINY, seed=1)))
    told: list[str] = []
    assert (
        next(
            pretrain(
                [volume],
                tmp_path / "mae.safetensors",
                replace(TINY, seed=1),
                on_restart=told.append,
            )
        ).step
        == 1
    )
    assert len(told) == 1


def test_it_goes_on_from_what_an_earlier_run_wrote(volume: Volume, tmp_path: Path) -> None:
    torch.manual_seed(3)
    earlier = build_mae_encoder("hybrid")
    save_mae(tmp_path / "earlier.safetensors", earlier, "hybrid", {})
    still = replace(TINY, steps=1, rate=0.0, start=str(tmp_path / "earlier.safetensors"))
    list(pretrain([volume], tmp_path / "mae.safetensors", still))
    weights = load_file(tmp_path / "mae.safetensors")
    assert all(torch.equal(weights[name], value) for name, value in earlier.named_parameters())
    with safe_open(tmp_path / "mae.safetensors", framework="np") as file:
        assert json.loads(file.metadata()["training"])["start"] == "earlier.safetensors"


def test_what_is_no_encoder_is_not_gone_on_from(volume: Volume, tmp_path: Path) -> None:
    (tmp_path / "text.safetensors").write_text("not an encoder")
    for name in ("text.safetensors", "gone.safetensors"):
        with pytest.raises(UserError, match=f"{name} is not a pre-trained encoder of this form"):
            next(
                pretrain(
                    [volume],
                    tmp_path / "mae.safetensors",
                    replace(TINY, start=str(tmp_path / name)),
                )
            )


def test_a_run_has_its_folder(tmp_path: Path) -> None:
    phantom = make_phantom((1, 96, 96), (20.0, 8.0, 8.0))
    tifffile.imwrite(tmp_path / "cell.tif", phantom.image[0])
    volumes = [open_volume(tmp_path / "cell.tif"), as_volume(phantom.image, name="array")]
    steps = list(pretrain(volumes, tmp_path / "mae.safetensors", TINY, "cpu"))
    record = json.loads((tmp_path / "mae.run" / "run.json").read_text())
    assert record["settings"]["volumes"] == ["cell", "array"]
    assert record["settings"]["crop"] == 64
    assert record["steps_done"] == 4
    assert [f["file"] for f in record["starts"][0]["files"]] == [f"{tmp_path.name}/cell.tif"]
    with (tmp_path / "mae.run" / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["step", "loss", "rate", "seconds"]
    assert [float(row["loss"]) for row in rows] == pytest.approx(
        [s.losses["loss"] for s in steps], rel=1e-4
    )
    with Image.open(tmp_path / "mae.run" / "predictions.png") as picture:
        assert picture.size == (3 * 64 + 4 * 4, 2 * 64 + 3 * 4)


def test_a_missing_device_is_told(volume: Volume, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="this machine has no 'xpu' device"):
        next(pretrain([volume], tmp_path / "mae.safetensors", TINY, "xpu"))


def test_only_isotropic_volumes_are_sliced_along_every_axis() -> None:
    cube = np.random.default_rng(0).integers(0, 255, (64, 70, 80)).astype(np.uint16)
    across = stacks_along_axes(as_volume(cube, (8.0, 8.0, 8.0)))
    assert [p.shape for p in across] == [(64, 70, 80), (70, 64, 80), (80, 64, 70)]
    assert all(p.dtype == np.uint8 for p in across)
    np.testing.assert_array_equal(across[1][5], across[0][:, 5])
    np.testing.assert_array_equal(across[2][7], across[0][:, :, 7])
    assert len(stacks_along_axes(as_volume(cube, (40.0, 8.0, 8.0)))) == 1
    assert len(stacks_along_axes(as_volume(cube))) == 1
    assert len(stacks_along_axes(as_volume(cube[:20], (8.0, 8.0, 8.0)))) == 1
    assert stacks_along_axes(as_volume(cube[0]))[0].shape == (1, 70, 80)


def test_crops_come_from_every_volume_and_a_seed_fixes_them(volume: Volume) -> None:
    dark = as_volume(np.tile(np.array([[0, 255], [255, 0]], np.uint8), (40, 40)))
    crops = UnlabelledCrops([volume, dark], replace(TINY, batch=6))
    batches = [crops.batch(torch.Generator().manual_seed(s)) for s in (0, 0, 1)]
    assert batches[0].shape == (6, 1, 64, 64)
    assert torch.equal(batches[0], batches[1])
    assert not torch.equal(batches[0], batches[2])
    assert float(batches[0].min()) >= 0
    assert float(batches[0].max()) <= 1


def test_a_volume_smaller_than_a_crop_is_mirrored() -> None:
    small = as_volume(np.random.default_rng(0).integers(0, 255, (20, 30)).astype(np.uint8))
    assert UnlabelledCrops([small], TINY).batch(torch.Generator().manual_seed(0)).shape == (
        2,
        1,
        64,
        64,
    )


def test_only_hidden_blocks_are_scored() -> None:
    torch.manual_seed(0)
    model = MaskedAutoencoder(build_mae_encoder("hybrid"))
    mask = model.random_mask(torch.zeros(2, 1, 64, 64), 0.25)
    assert mask.mean() == 0.25
    assert (mask.unfold(2, 16, 16).unfold(3, 16, 16).flatten(4).std(-1) == 0).all()


@pytest.mark.parametrize(
    ("config", "name", "says"),
    [
        (replace(TINY, steps=0), "mae.safetensors", "0 steps train nothing"),
        (TINY, "mae.pth", "end its name in .safetensors"),
        (replace(TINY, encoder="resnet_of_mine"), "mae.safetensors", "'resnet_of_mine'"),
    ],
)
def test_a_mistake_is_told_at_once(
    volume: Volume, tmp_path: Path, config: PretrainConfig, name: str, says: str
) -> None:
    with pytest.raises(UserError, match=says):
        next(pretrain([volume], tmp_path / name, config))


def test_no_volume_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no volume to pre-train on"):
        next(pretrain([], tmp_path / "mae.safetensors", TINY))
