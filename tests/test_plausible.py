"""One range of voxel sizes for every door, and a guess at what was meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from image_files import write_ome_zarr

from napari_scsam import cli
from napari_scsam.config import UserError, parse_voxel_size
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.volumes import Volume, as_volume, open_volume
from napari_scsam.model import ScSAM
from napari_scsam.plausible import guess_of, is_plausible, plausible_range
from napari_scsam.volume.run import segment_volume

STACK = np.random.default_rng(0).integers(0, 255, (2, 48, 64), dtype=np.uint8)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (0.005, r"0\.005 nm is not plausible \(5 nm\?\)"),
        (5000, r"5000 nm is not plausible \(5 nm\?\)"),
        (5e-9, r"5e-09 nm is not plausible \(5 nm\?\)"),
        (5e-6, r"5e-06 nm is not plausible \(5 nm\?\)"),
        ([0.04, 0.008, 0.008], r"0\.04 x 0\.008 x 0\.008 nm is not plausible \(40 x 8 x 8 nm\?\)"),
        ([40, 8000, 8000], r"40 x 8000 x 8000 nm is not plausible \(40 x 8 x 8 nm\?\)"),
        ([0.008, 0.008], r"0\.008 nm is not plausible \(8 nm\?\)"),
        (1e30, r"1e\+30 nm is not plausible; give"),
    ],
)
def test_a_size_in_another_unit_is_refused_with_a_guess(given: Any, says: str) -> None:
    with pytest.raises(UserError, match=f"the voxel size {says}"):
        parse_voxel_size(given)


@pytest.mark.parametrize(
    "size", [(40.0, 8.0, 8.0), (0.5, 0.1, 0.1), (2000.0, 10.0, 10.0), (500.0, 500.0, 500.0)]
)
def test_sizes_that_microscopes_have_are_taken(size: tuple[float, float, float]) -> None:
    assert is_plausible(size)
    assert parse_voxel_size(size) == size


def test_the_ends_of_the_range_belong_to_it() -> None:
    for axis in "zyx":
        low, high = plausible_range(axis)
        assert guess_of(low, axis) == low
        assert guess_of(high, axis) == high
        assert guess_of(low / 2, axis) not in (None, low / 2)


@pytest.mark.parametrize("command", ["segment", "embed", "evaluate", "suggest"])
@pytest.mark.parametrize("size", ["0.005", "5000", "5e-9"])
def test_every_command_refuses_it(
    command: str, size: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = str(write_ome_zarr(tmp_path / "em.zarr", STACK))
    labels = str(write_ome_zarr(tmp_path / "labels.zarr", STACK))
    arguments = {
        "segment": [image, "-o", str(tmp_path / "out.zarr")],
        "embed": [image],
        "evaluate": ["--image", image, "--labels", labels],
        "suggest": ["--image", image],
    }[command]
    assert cli.main([command, *arguments, "--voxel-size", size]) == 2
    told = capsys.readouterr().err
    assert f"{float(size):g} nm is not plausible (5 nm?)" in told
    assert len(told.splitlines()) == 1
    assert not (tmp_path / "out.zarr").exists()


def test_python_refuses_it(random_model: ScSAM, tmp_path: Path) -> None:
    volume = as_volume(STACK)
    for call in (
        lambda: as_volume(STACK, 5000),
        lambda: Predictor(random_model, "cpu").set_image(STACK[0], 0.005),
        lambda: list(segment_volume(STACK, random_model, tmp_path / "o.zarr", voxel_size=(5e-9,))),
        lambda: list(segment_volume(volume, random_model, tmp_path / "o.zarr", voxel_size=(5e3,))),
    ):
        with pytest.raises(UserError, match="is not plausible"):
            call()
    wrong = Volume("em", volume.data, (0.005, 0.005, 0.005))
    with pytest.raises(UserError, match=r"0\.005 nm is not plausible \(5 nm\?\)"):
        list(segment_volume(wrong, random_model, tmp_path / "o.zarr"))


def test_a_file_that_states_one_is_of_unknown_size(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_ome_zarr(tmp_path / "em.zarr", STACK)
    group = zarr.open_group(path, mode="r+")
    ome: Any = group.attrs["ome"]
    scale = ome["multiscales"][0]["datasets"][0]["coordinateTransformations"][0]
    scale["scale"] = [0.04, 0.008, 0.008]
    group.update_attributes({"ome": ome})
    volume = open_volume(path)
    assert volume.voxel_size is None
    assert volume.size_doubt.endswith("0.04 x 0.008 x 0.008 nm is not plausible (40 x 8 x 8 nm?)")
    assert open_volume(path, (40, 8, 8)).voxel_size == (40.0, 8.0, 8.0)
    out = tmp_path / "out.zarr"
    command = ["segment", str(path), "-o", str(out), "--checkpoint", str(checkpoint)]
    assert cli.main([*command, "--device", "cpu"]) == 0
    assert "is not plausible (40 x 8 x 8 nm?), so it is not used" in capsys.readouterr().err
