"""``scsam teach``: strokes in a file teach a class, and the checkpoint that is written knows it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_scsam import cli
from napari_scsam.checkpoints.find import checkpoint_info
from napari_scsam.infer.taught.teach_volume import slices_with_strokes
from napari_scsam.io.volumes import as_volume, open_labels


def scsam(*arguments: object) -> int:
    """Run a command in this process and return its exit code."""
    try:
        return cli.main([str(a) for a in arguments])
    except SystemExit as end:
        return int(end.code or 0)


@pytest.fixture
def squares(tmp_path: Path) -> tuple[Path, Path, np.ndarray]:
    """Three slices with a bright square, strokes on two of them, and where the square is."""
    image = np.random.default_rng(0).integers(0, 60, (3, 64, 150)).astype(np.uint8)
    truth = np.zeros(image.shape, bool)
    truth[:, 16:48, 16:52] = True
    image[truth] += 180
    strokes = np.zeros(image.shape, np.uint8)
    strokes[0, 30:36, 24:44] = 1
    strokes[0, 4:60, 2:5] = 2
    strokes[2, 4:60, 70:73] = 2
    tifffile.imwrite(tmp_path / "image.tif", image, photometric="minisblack")
    tifffile.imwrite(tmp_path / "strokes.tif", strokes, photometric="minisblack")
    return tmp_path / "image.tif", tmp_path / "strokes.tif", truth


def test_the_checkpoint_that_is_written_finds_the_class(
    squares: tuple[Path, Path, np.ndarray],
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    image, strokes, truth = squares
    out = tmp_path / "taught.safetensors"
    options = ("--image", image, "--strokes", strokes, "--name", " granule ", "-o", out)
    size = ("--voxel-size", 8, 8, 8)
    assert scsam("teach", *options, "--checkpoint", checkpoint, *size) == 0
    assert capsys.readouterr().out == f"{out}\n"
    info = checkpoint_info(out)
    assert info.classes[-1].name == "granule"
    assert info.taught == ("granule",)
    assert info.summary.endswith("; taught granule")
    labels = tmp_path / "labels.tif"
    segment = ("segment", image, "-o", labels, "--classes", "granule", "--checkpoint", out, *size)
    assert scsam(*segment) == 0
    found = np.asarray(open_labels(labels).data[...]) == info.classes[-1].id
    both = np.logical_and(found, truth).sum()
    assert 2 * both / (found.sum() + truth.sum()) > 0.8, "also on the slice without strokes"


@pytest.mark.parametrize("name", ["a\nb", "\x1b[31mred", "a\u202eb"])
def test_a_name_that_cannot_be_shown_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    options = ("--image", "i.tif", "--strokes", "s.tif", "-o", tmp_path / "o.safetensors")
    assert scsam("teach", *options, "--name", name) == 2
    told = capsys.readouterr().err
    assert (
        told == f"scsam: the name {name!r} holds characters that cannot be shown; leave them out\n"
    )


def test_a_mistake_is_found_before_anything_is_computed(
    squares: tuple[Path, Path, np.ndarray],
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    image, strokes, _ = squares
    there = tmp_path / "there.safetensors"
    there.write_bytes(b"mine")
    known = tmp_path / "known.safetensors"
    known.write_bytes(Path(checkpoint).read_bytes())
    tifffile.imwrite(tmp_path / "flat.tif", np.ones((4, 4), np.uint8))
    (tmp_path / "grey.tif").write_bytes(image.read_bytes())
    mistakes = [
        ((strokes, there), "is not a checkpoint of napari-scsam, so it is not replaced"),
        ((strokes, known), "add --overwrite to replace it"),
        ((strokes, tmp_path / "a.pth"), "let it end in .safetensors"),
        ((tmp_path / "flat.tif", tmp_path / "a.safetensors"), "draw them on this image"),
        ((tmp_path / "grey.tif", tmp_path / "a.safetensors"), "use 1 on the class, 2 beside it"),
        ((image, tmp_path / "a.safetensors"), "--strokes is the image itself"),
    ]
    for (drawn, out), says in mistakes:
        options = ("--image", image, "--strokes", drawn, "--name", "granule", "-o", out)
        assert scsam("teach", *options, "--checkpoint", checkpoint) == 2
        assert says in capsys.readouterr().err
    assert there.read_bytes() == b"mine"
    assert not (tmp_path / "a.safetensors").exists()


def test_slices_that_mark_the_class_come_first() -> None:
    drawn = np.zeros((4, 5, 5), np.uint8)
    drawn[1, 0, 0] = 2
    drawn[3, 0, 0] = 1
    assert slices_with_strokes(as_volume(drawn), None) == [3, 1]
    assert slices_with_strokes(as_volume(drawn), [3]) == [3]
    with pytest.raises(ValueError, match="there is no slice 4"):
        slices_with_strokes(as_volume(drawn), [4])
    with pytest.raises(ValueError, match="no stroke marks the class"):
        slices_with_strokes(as_volume(drawn), [0, 1])


@pytest.mark.emdata
@pytest.mark.slow
def test_chloroplasts_of_a_leaf_are_found_on_another_slice(emdata: Path, tmp_path: Path) -> None:
    crop = np.s_[:2, 600:1200, 600:1300]
    raw = tifffile.imread(emdata / "leaf" / "more_raw.tif")[crop]
    truth = tifffile.imread(emdata / "leaf" / "more_chloroplast_instances.tif")[crop] > 0
    strokes = np.zeros(raw.shape, np.uint8)
    draw_strokes(strokes[0], truth[0])
    tifffile.imwrite(tmp_path / "raw.tif", raw)
    tifffile.imwrite(tmp_path / "strokes.tif", strokes)
    out = tmp_path / "leaf.safetensors"
    options = ("--image", tmp_path / "raw.tif", "--strokes", tmp_path / "strokes.tif")
    size = ("--voxel-size", 50, 7.5, 7.5)
    assert scsam("teach", *options, "--name", "chloroplast", "-o", out, *size) == 0
    labels = tmp_path / "labels.tif"
    segment = ("segment", tmp_path / "raw.tif", "-o", labels, "--classes", "chloroplast")
    assert scsam(*segment, "--checkpoint", out, *size) == 0
    found = np.asarray(open_labels(labels).data[1]) > 0
    both = np.logical_and(found, truth[1]).sum()
    assert 2 * both / (found.sum() + truth[1].sum()) > 0.6


def draw_strokes(strokes: np.ndarray, truth: np.ndarray) -> None:
    """Draw lines through the thickest places of both sides, five on each, as a person would."""
    from scipy import ndimage

    for value, mask in ((1, truth), (2, ~truth)):
        depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
        for _ in range(5):
            row, column = np.unravel_index(depth.argmax(), depth.shape)
            half = int(depth[row, column] * 0.7)
            line = np.s_[row - 2 : row + 2, max(0, column - half) : column + half]
            strokes[line][mask[line]] = value
            depth[max(0, row - 80) : row + 80, max(0, column - 80) : column + 80] = 0
