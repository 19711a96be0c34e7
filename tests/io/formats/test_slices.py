from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_scsam.config import UserError
from napari_scsam.io.volumes import open_volume

STACK = np.random.default_rng(0).integers(0, 200, (12, 40, 50)).astype(np.uint8)


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "f4"])
def test_a_folder_of_tiff_slices(tmp_path: Path, dtype: str) -> None:
    for z, plane in enumerate(STACK.astype(dtype)):
        tifffile.imwrite(
            tmp_path / f"slice_{z}.tif",
            plane,
            byteorder=">" if dtype[0] == ">" else "<",
            resolution=(2e6, 2e6),
        )
    (tmp_path / "notes.txt").write_text("imaged on Monday")
    (tmp_path / "._slice_0.tif").write_bytes(b"left by a file manager")
    volume = open_volume(tmp_path)
    assert volume.shape == STACK.shape
    assert volume.voxel_size is None
    np.testing.assert_array_equal(volume.plane(10), STACK[10])
    np.testing.assert_array_equal(volume.data[8:11, 3, ::2], STACK[8:11, 3, ::2])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_folder_of_png_slices(tmp_path: Path, dtype: type) -> None:
    for z, plane in enumerate(STACK.astype(dtype)):
        Image.fromarray(plane).save(tmp_path / f"{z}.png")
    volume = open_volume(tmp_path, voxel_size=(30, 8, 8))
    assert (volume.dtype, volume.voxel_size) == (dtype, (30, 8, 8))
    np.testing.assert_array_equal(volume.data[...], STACK)


def test_one_png_and_one_jpeg(tmp_path: Path) -> None:
    Image.fromarray(STACK[0]).save(tmp_path / "a.png")
    smooth = np.tile(np.linspace(0, 255, 50).astype(np.uint8), (40, 1))
    Image.fromarray(smooth).save(tmp_path / "a.jpg", quality=95)
    volume = open_volume(tmp_path / "a.png")
    assert (volume.shape, volume.voxel_size) == ((40, 50), None)
    np.testing.assert_array_equal(volume.plane(0), STACK[0])
    assert np.abs(open_volume(tmp_path / "a.jpg").plane(0).astype(int) - smooth).max() < 8


def test_only_the_first_slice_is_looked_at(tmp_path: Path) -> None:
    Image.fromarray(STACK[0]).save(tmp_path / "0.png")
    Image.fromarray(STACK[1, :20]).save(tmp_path / "1.png")
    (tmp_path / "2.png").write_bytes((tmp_path / "0.png").read_bytes()[:300])
    volume = open_volume(tmp_path)
    np.testing.assert_array_equal(volume.plane(0), STACK[0])
    with pytest.raises(UserError, match=r"1\.png is \(20, 50\)"):
        volume.plane(1)
    with pytest.raises(UserError, match="damaged"):
        volume.plane(2)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK"])
def test_colour_is_refused(tmp_path: Path, mode: str) -> None:
    colours = np.random.default_rng(0).integers(0, 255, (40, 50, 3), np.uint8)
    suffix = "jpg" if mode == "CMYK" else "png"
    Image.fromarray(colours).convert(mode).save(tmp_path / f"a.{suffix}")
    with pytest.raises(UserError, match="colour"):
        open_volume(tmp_path / f"a.{suffix}")
    with pytest.raises(UserError, match="colour"):
        open_volume(tmp_path)


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [*((mode, "png") for mode in ("RGB", "RGBA", "P", "LA")), ("RGB", "bmp"), ("P", "bmp")],
)
def test_grey_in_the_clothes_of_colour_is_grey(tmp_path: Path, mode: str, suffix: str) -> None:
    for z in range(2):
        grey = Image.fromarray(STACK[z])
        if mode == "P":
            grey = grey.convert("RGB").quantize(256)
        grey.convert(mode).save(tmp_path / f"{z}.{suffix}")
    shown = np.stack(
        [np.asarray(Image.open(tmp_path / f"{z}.{suffix}").convert("L")) for z in range(2)]
    )
    volume = open_volume(tmp_path / f"1.{suffix}")
    np.testing.assert_array_equal(volume.data[...], shown[1])
    np.testing.assert_array_equal(open_volume(tmp_path).plane(0), shown[0])


def test_two_spellings_of_a_suffix_are_one_kind(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "s0.tif", STACK[0])
    tifffile.imwrite(tmp_path / "s1.tiff", STACK[1])
    np.testing.assert_array_equal(open_volume(tmp_path).data[...], STACK[:2])


def test_colour_tiff_slices_are_refused(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 255, (40, 50, 3), np.uint8)
    tifffile.imwrite(tmp_path / "0.tif", colours, photometric="rgb")
    with pytest.raises(UserError, match="colour"):
        open_volume(tmp_path)


def test_folders_that_are_no_stack(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="folder without zarr data or image slices"):
        open_volume(tmp_path)
    tifffile.imwrite(tmp_path / "stack.tif", STACK, metadata={"axes": "ZYX"})
    with pytest.raises(UserError, match="is a stack, not one slice"):
        open_volume(tmp_path)
    Image.fromarray(STACK[0]).save(tmp_path / "0.png")
    with pytest.raises(UserError, match=r"mixes \.png and \.tif"):
        open_volume(tmp_path)


def test_a_picture_beyond_pillows_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(STACK[0]).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(UserError, match="too large for PNG"):
        open_volume(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", [".tif", ".png"])
@pytest.mark.parametrize("damaged", [0, 6, 11])
@pytest.mark.parametrize("kind", ["cut", "empty", "zeros", "text"])
def test_a_damaged_slice_is_named_and_costs_no_other(
    tmp_path: Path, suffix: str, damaged: int, kind: str
) -> None:
    for z, plane in enumerate(STACK):
        if suffix == ".tif":
            tifffile.imwrite(tmp_path / f"s_{z:03}.tif", plane, compression="zlib")
        else:
            Image.fromarray(plane).save(tmp_path / f"s_{z:03}.png")
    file = tmp_path / f"s_{damaged:03}{suffix}"
    whole = file.read_bytes()
    content = {"cut": whole[: len(whole) // 2], "empty": b"", "zeros": bytes(len(whole))}
    file.write_bytes(content.get(kind, b"hello"))
    volume = open_volume(tmp_path)
    with pytest.raises(UserError, match=file.name):
        volume.plane(damaged)
    for z in set(range(len(STACK))) - {damaged}:
        np.testing.assert_array_equal(volume.plane(z), STACK[z])


def test_a_folder_of_damaged_slices_names_the_first(tmp_path: Path) -> None:
    for z in range(3):
        (tmp_path / f"{z}.tif").write_text("hello")
    with pytest.raises(UserError, match=r"0\.tif cannot be opened"):
        open_volume(tmp_path)


def test_negative_slices_are_read_from_the_lowest(tmp_path: Path) -> None:
    for z, plane in zip(range(-3, 9), STACK, strict=True):
        tifffile.imwrite(tmp_path / f"z{z}.tif", plane)
    np.testing.assert_array_equal(open_volume(tmp_path).data[...], STACK)


def test_a_missing_slice_is_not_passed_over(tmp_path: Path) -> None:
    for z, plane in enumerate(STACK):
        if z != 7:
            tifffile.imwrite(tmp_path / f"s_{z:03}.tif", plane)
    with pytest.raises(
        UserError, match=r"lacks slice 7: s_008\.tif follows s_006\.tif; add it, or number"
    ):
        open_volume(tmp_path)


def test_a_picture_of_another_format_is_named(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((3, 8, 8), np.uint8), photometric="minisblack")
    (tmp_path / "a.tif").rename(tmp_path / "a.png")
    with pytest.raises(UserError, match="is a TIFF file in spite of its name"):
        open_volume(tmp_path / "a.png")


def test_a_file_of_several_pictures_is_not_taken_for_its_first(tmp_path: Path) -> None:
    first, second = (Image.fromarray(np.full((8, 8), grey, np.uint8)) for grey in (1, 9))
    first.save(tmp_path / "a.png", save_all=True, append_images=[second])
    with pytest.raises(UserError, match="holds 2 pictures"):
        open_volume(tmp_path / "a.png")


def test_pictures_that_are_shown_turned_are_noted(tmp_path: Path) -> None:
    plane = np.arange(64, dtype=np.uint8).reshape(4, 16)
    turned = Image.Exif()
    turned[274] = 6
    Image.fromarray(plane).save(tmp_path / "a.png", exif=turned)
    tag = (274, 3, 1, 3, True)
    tifffile.imwrite(tmp_path / "a.tif", plane, photometric="minisblack", extratags=[tag])
    for name in ("a.png", "a.tif"):
        volume = open_volume(tmp_path / name)
        np.testing.assert_array_equal(volume.data[...], plane)
        assert "turned or mirrored" in volume.notes[0]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_slice_whose_values_mean_something_else_is_named(tmp_path: Path, suffix: str) -> None:
    for z in range(2):
        if suffix == ".tif":
            kind = ("minisblack", "miniswhite")[z]
            tifffile.imwrite(tmp_path / f"{z}.tif", STACK[z], photometric=kind)
        else:
            picture = Image.fromarray(STACK[z])
            picture.putpalette([value for grey in range(256) for value in [grey ^ (255 * z)] * 3])
            picture.save(tmp_path / f"{z}.png")
    volume = open_volume(tmp_path)
    np.testing.assert_array_equal(volume.plane(0), STACK[0])
    with pytest.raises(UserError, match=rf"1\{suffix} has another palette .*, or another value"):
        volume.plane(1)


def test_two_stacks_in_one_folder_are_noted(tmp_path: Path) -> None:
    for name in ("em_0", "em_1", "labels_0", "labels_1"):
        Image.fromarray(STACK[0]).save(tmp_path / f"{name}.png")
    (note,) = open_volume(tmp_path).notes
    assert note.endswith("named like em_0.png and labels_0.png; all of them were read as one stack")
