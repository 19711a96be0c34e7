"""``scsam segment`` of several images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_scsam import cli
from napari_scsam.cli.batch import expand, is_batch
from napari_scsam.config import UserError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    (tmp_path / "in").mkdir()
    for name in ("a.tif", "b.tif"):
        image = random.integers(0, 200, (40, 48)).astype(np.uint8)
        tifffile.imwrite(tmp_path / "in" / name, image)
    return tmp_path / "in"


def scsam(*arguments: object) -> int:
    return cli.main([str(each) for each in arguments])


def test_a_folder_of_images(
    folder: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    pattern = folder / "*.tif"
    command = ("segment", pattern, "-o", out, "--checkpoint", checkpoint, "--device", "cpu")
    (folder / "c.tif").write_bytes(b"II*\0 no TIFF")
    assert scsam(*command) == 1
    told = capsys.readouterr()
    assert told.out.splitlines() == [str(out / "a.tif"), str(out / "b.tif")]
    assert told.err.count("voxel size unknown") == 1
    assert "1 of 3 images could not be segmented, and the others are done: c.tif" in told.err
    before = (out / "a.tif").stat().st_mtime_ns
    (folder / "c.tif").unlink()
    assert scsam(*command, "--resume") == 0
    assert "all 2 images have labels, so nothing is left to do" in capsys.readouterr().err
    assert (out / "a.tif").stat().st_mtime_ns == before
    assert scsam(*command) == 2
    assert "add --resume to keep them" in capsys.readouterr().err


@pytest.mark.parametrize(
    "option", [("--region", "0:1,0:8,0:8"), ("--probabilities",), ("--workers", "2")]
)
def test_what_is_for_one_volume_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: tuple[str, ...]
) -> None:
    images = sorted(folder.iterdir())
    assert scsam("segment", *images, "-o", tmp_path / "out", *option) == 2
    assert f"{option[0]} is for one volume" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_several_images_into_one_image_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scsam("segment", *sorted(folder.iterdir()), "--into", "x.zarr") == 2
    assert "--into is for one volume" in capsys.readouterr().err


def test_patterns_are_expanded_where_the_shell_does_not(folder: Path) -> None:
    found = expand([str(folder / "*.tif"), "other.tif"])
    assert found == [str(folder / "a.tif"), str(folder / "b.tif"), "other.tif"]
    with pytest.raises(UserError, match=r"no file is called .*\.png; check the path"):
        expand([str(folder / "*.png")])


def test_one_image_goes_into_a_folder_that_exists(folder: Path) -> None:
    assert is_batch(["a.tif"], folder)
    assert not is_batch(["a.tif"], folder / "a.tif")
    assert not is_batch(["a.tif"], None)
    assert is_batch(["a.tif", "b.tif"], None)
