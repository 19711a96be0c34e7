"""``scsam segment`` of several images."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_scsam import cli
from napari_scsam.cli.batch import expand, is_batch
from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.labels import write_labels


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


def change(path: Path) -> None:
    image = tifffile.imread(path)
    image[3, 5] += 1
    tifffile.imwrite(path, image)


def test_an_image_that_has_changed_is_done_again_and_no_other(
    folder: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    images = sorted(folder.iterdir())
    command = ("segment", *images, "-o", out, "--checkpoint", checkpoint, "--device", "cpu")
    assert scsam(*command) == 0
    stat = images[1].stat()
    change(images[1])
    os.utime(images[1], ns=(stat.st_atime_ns, stat.st_mtime_ns))
    before = (out / "a.tif").stat().st_mtime_ns
    capsys.readouterr()
    assert scsam(*command, "--resume") == 0
    assert capsys.readouterr().out.splitlines() == [str(out / "b.tif")]
    assert (out / "a.tif").stat().st_mtime_ns == before

    assert scsam(*command, "--resume", "--careful") == 1
    assert "another choice of --careful" in capsys.readouterr().err
    assert scsam(*command, "--resume", "--voxel-size", 5, 5, 5) == 1
    assert "another voxel size" in capsys.readouterr().err
    images[0].unlink()
    assert scsam(*command, "--resume") == 1
    assert "a.tif" in capsys.readouterr().err


def test_labels_that_were_corrected_are_not_replaced_when_their_image_changes(
    folder: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    image = folder / "a.tif"
    command = ("segment", image, folder / "b.tif", "-o", out, "--checkpoint", checkpoint)
    command += ("--device", "cpu")
    assert scsam(*command) == 0
    write_labels(out / "a.tif", np.ones((40, 48), np.uint8), None, (ClassSpec(1, "mine"),))
    assert scsam(*command, "--resume") == 0
    os.utime(image, (2e9, 2e9))
    capsys.readouterr()
    assert scsam(*command, "--resume") == 1
    assert "a.tif is older than its image a.tif, which may have changed" in capsys.readouterr().err
    assert tifffile.imread(out / "a.tif").min() == 1


def test_a_damaged_slice_is_never_counted_as_done(
    folder: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = np.random.default_rng(1).integers(0, 200, (2, 40, 48)).astype(np.uint8)
    image = folder / "c.tif"
    tifffile.imwrite(image, whole, compression="zlib", photometric="minisblack")
    with tifffile.TiffFile(image) as tif:
        place = tif.pages[1].dataoffsets[0]
    mended = image.read_bytes()
    image.write_bytes(mended[:place] + b"\0" * 16 + mended[place + 16 :])
    out = tmp_path / "out"
    command = ("segment", image, folder / "a.tif", "-o", out, "--checkpoint", checkpoint)
    command += ("--device", "cpu")
    for more in ((), ("--resume",)):
        assert scsam(*command, *more) == 1
        assert "1 of 2 slices could not be read" in capsys.readouterr().err
    image.write_bytes(mended)
    assert scsam(*command, "--resume") == 0
    assert capsys.readouterr().out.splitlines() == [str(out / "c.tif")]
    assert scsam(*command, "--resume") == 0
    assert "nothing is left to do" in capsys.readouterr().err
