from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_scsam.config import UserError
from napari_scsam.io.volumes import open_volume

STACK = np.random.default_rng(0).integers(0, 200, (6, 40, 50)).astype(np.uint8)
CM = {"resolution": (1e7 / 10.24, 1e7 / 7.68), "resolutionunit": "CENTIMETER"}
SHAPED = {"axes": "ZYX", "unit": "nm", "spacing": 5}


def ome(z: float, y: float, x: float, unit: str = "nm") -> dict[str, Any]:
    sizes = {f"PhysicalSize{a}": v for a, v in zip("ZYX", (z, y, x), strict=True)}
    return {"axes": "ZYX", **sizes, **{f"PhysicalSize{a}Unit": unit for a in "ZYX"}}


@pytest.mark.parametrize(
    "dtype",
    ["u1", "i1", "<u2", ">u2", ">i2", "<u4", ">i4", "f2", "<f4", ">f4", "<f8", ">f8", "<i8", "<u8"],
)
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_all_types_and_byte_orders(tmp_path: Path, dtype: str, compression: str | None) -> None:
    stack = STACK.astype(dtype)
    tifffile.imwrite(
        tmp_path / "a.tif",
        stack,
        byteorder=">" if dtype[0] == ">" else "<",
        compression=compression,
        bigtiff=True,
    )
    volume = open_volume(tmp_path / "a.tif")
    assert volume.dtype == stack.dtype.newbyteorder("=")
    assert volume.plane(2).dtype.isnative
    np.testing.assert_array_equal(volume.plane(2), stack[2])
    np.testing.assert_array_equal(volume.data[1:3, 5:9, ::2], stack[1:3, 5:9, ::2])


def test_booleans_are_bytes(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK > 100, compression="zlib")
    np.testing.assert_array_equal(
        open_volume(tmp_path / "a.tif").plane(1), (STACK[1] > 100).astype(np.uint8)
    )


@pytest.mark.parametrize(
    ("options", "voxel_size"),
    [
        ({"metadata": SHAPED, **CM}, (5, 7.68, 10.24)),
        (
            {"metadata": SHAPED, "resolution": (1 / 10.24, 1 / 7.68), "resolutionunit": "NONE"},
            (5, 7.68, 10.24),
        ),
        ({"metadata": {"axes": "ZYX", "unit": "µm", "spacing": 0.05}, **CM}, (50, 7.68, 10.24)),
        (
            {
                "imagej": True,
                "metadata": {"axes": "ZYX", "unit": "nm", "spacing": 5.0},
                "resolution": (1 / 10.24, 1 / 7.68),
            },
            (5, 7.68, 10.24),
        ),
        (
            {
                "imagej": True,
                "metadata": {"axes": "ZYX", "unit": "\\u00B5m", "spacing": 0.04},
                "resolution": (100, 200),
            },
            (40, 5, 10),
        ),
        (
            {
                "imagej": True,
                "metadata": {"axes": "ZYX", "unit": "micron", "spacing": 0.04},
                "resolution": (100, 200),
            },
            (40, 5, 10),
        ),
        (
            {"imagej": True, "metadata": {"axes": "ZYX", "unit": "nm", "spacing": 5.0}, **CM},
            (5, 7.68, 10.24),
        ),
        ({"ome": True, "metadata": ome(5, 7.68, 10.24)}, (5, 7.68, 10.24)),
        ({"ome": True, "metadata": ome(0.005, 0.00768, 0.01024, "µm")}, (5, 7.68, 10.24)),
        (
            {
                "ome": True,
                "metadata": {
                    "axes": "ZYX",
                    "PhysicalSizeZ": 0.04,
                    "PhysicalSizeY": 0.01,
                    "PhysicalSizeX": 0.01,
                },
            },
            (40, 10, 10),
        ),
    ],
)
def test_voxel_size_from_metadata(
    tmp_path: Path, options: dict[str, Any], voxel_size: tuple[float, ...]
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK, **options)
    volume = open_volume(tmp_path / "a.tif")
    assert volume.voxel_size == voxel_size
    assert volume.shape == STACK.shape


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"resolution": (72, 72), "resolutionunit": "INCH", "metadata": SHAPED},
        {"resolution": (96, 96), "resolutionunit": "INCH", "metadata": SHAPED},
        {"resolution": (28.35, 28.35), "resolutionunit": "CENTIMETER", "metadata": SHAPED},
        {"metadata": SHAPED},
        {**CM},
        {"metadata": {"axes": "ZYX", "spacing": 5}, **CM},
        {
            "metadata": {**SHAPED, "spacing": 1},
            "resolution": (1e7, 1e7),
            "resolutionunit": "CENTIMETER",
        },
        {
            "imagej": True,
            "metadata": {"axes": "ZYX", "unit": "pixel", "spacing": 5.0},
            "resolution": (0.2, 0.2),
        },
        {"imagej": True, "metadata": {"axes": "ZYX", "unit": "nm"}, "resolution": (0.2, 0.2)},
        {"ome": True, "metadata": {"axes": "ZYX"}},
        {"ome": True, "metadata": ome(1, 1, 1, "µm")},
        {"ome": True, "metadata": ome(5, 5, 5, "pixel")},
        {"ome": True, "metadata": {"axes": "ZYX", "PhysicalSizeY": 0.01, "PhysicalSizeX": 0.01}},
    ],
)
def test_voxel_size_stays_unknown(tmp_path: Path, options: dict[str, Any]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK, **options)
    assert open_volume(tmp_path / "a.tif").voxel_size is None


def test_a_single_slice_needs_no_spacing(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK[0], **CM)
    volume = open_volume(tmp_path / "a.tif")
    assert (volume.shape, volume.depth, volume.voxel_size) == ((40, 50), 1, (7.68, 7.68, 10.24))
    np.testing.assert_array_equal(volume.plane(0), STACK[0])


def test_a_stack_of_one_slice_stays_a_stack(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK[:1], metadata=SHAPED)
    assert open_volume(tmp_path / "a.tif").shape == (1, 40, 50)


def test_pages_without_metadata_are_slices(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for plane in STACK:
            writer.write(plane, metadata=None, contiguous=False, compression="zlib")
    np.testing.assert_array_equal(open_volume(tmp_path / "a.tif").data[...], STACK)


def test_ome_pyramid_has_levels(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as writer:
        writer.write(STACK, subifds=1, metadata=ome(5, 5, 5), tile=(16, 16))
        writer.write(STACK[:, ::2, ::2], subfiletype=1, tile=(16, 16))
    volume = open_volume(tmp_path / "a.ome.tif")
    assert volume.name == "a"
    np.testing.assert_array_equal(volume.data[...], STACK)
    assert [level.shape for level in volume.levels] == [(6, 20, 25)]
    np.testing.assert_array_equal(volume.levels[0][1], STACK[1, ::2, ::2])


def huge_imagej_tiff(path: Path, depth: int, height: int, width: int) -> None:
    """Write a sparse file in ImageJ's form: one page header, then all slices."""
    note = f"ImageJ=1.54f\nimages={depth}\nslices={depth}\nunit=nm\nspacing=8.0\nloop=false\n\0".encode()
    tags = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 8),
        (262, 3, 1, 1),
        (270, 2, len(note), 200),
        (273, 4, 1, 1000),
    ]
    tags += [(277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, height * width)]
    header = (
        b"II*\0"
        + struct.pack("<IH", 8, len(tags))
        + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    )
    with path.open("wb") as file:
        file.write(header)
        file.seek(200)
        file.write(note)
        file.truncate(1000 + depth * height * width)
        file.seek(1000 + (depth - 1) * height * width)
        file.write(b"\7" * width)


def test_a_400_gb_stack_opens_at_once(tmp_path: Path) -> None:
    huge_imagej_tiff(tmp_path / "huge.tif", 20_000, 4000, 5000)
    volume = open_volume(tmp_path / "huge.tif")
    assert volume.shape == (20_000, 4000, 5000)
    assert volume.data.nbytes == 4 * 10**11
    corner = volume.data[19_999, :2, :3]
    np.testing.assert_array_equal(corner, [[7, 7, 7], [0, 0, 0]])


def test_a_plane_of_a_compressed_stack_reads_its_own_strips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (32, 128, 128), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", noise, compression="zlib", rowsperstrip=32)
    taken: list[int] = []
    read = tifffile.FileHandle.read

    def counting_read(self: tifffile.FileHandle, size: int = -1, /) -> bytes:
        data = read(self, size)
        taken.append(len(data))
        return data

    monkeypatch.setattr(tifffile.FileHandle, "read", counting_read)
    volume = open_volume(tmp_path / "a.tif")
    volume.plane(0)
    taken.clear()
    plane = volume.plane(17)
    assert sum(taken) < 1.2 * plane.nbytes
    taken.clear()
    volume.data[17, 40:60, :]
    assert sum(taken) < 0.4 * plane.nbytes


def test_colour_channels_and_time_are_refused(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 255, (40, 50, 3), np.uint8)
    tifffile.imwrite(tmp_path / "rgb.tif", colours, photometric="rgb")
    with pytest.raises(UserError, match="colour"):
        open_volume(tmp_path / "rgb.tif")
    tifffile.imwrite(
        tmp_path / "c.tif",
        np.zeros((4, 2, 40, 50), np.uint8),
        imagej=True,
        metadata={"axes": "ZCYX"},
    )
    with pytest.raises(UserError, match=r"2 channels .* choose one with --channel 0 to 1"):
        open_volume(tmp_path / "c.tif")
    tifffile.imwrite(
        tmp_path / "t.tif", np.zeros((3, 4, 40, 50), np.uint8), ome=True, metadata={"axes": "TZYX"}
    )
    with pytest.raises(UserError, match="3 time points"):
        open_volume(tmp_path / "t.tif")


def test_slices_that_are_called_channels_are_not_guessed(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK, imagej=True)
    with pytest.raises(UserError, match=r"6 channels .* or set them as slices in Fiji"):
        open_volume(tmp_path / "a.tif")


def test_three_planes_in_an_rgb_page_are_a_stack_when_the_file_says_so(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        STACK[:3],
        photometric="rgb",
        planarconfig="separate",
        metadata={"axes": "ZYX"},
    )
    np.testing.assert_array_equal(open_volume(tmp_path / "a.tif").data[...], STACK[:3])


def test_three_planes_of_colour_are_no_stack(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", STACK[:3], photometric="rgb", planarconfig="separate", metadata=None
    )
    with pytest.raises(UserError, match="colour"):
        open_volume(tmp_path / "a.tif")
    np.testing.assert_array_equal(open_volume(tmp_path / "a.tif", channel=1).data[...], STACK[1])
    equal = np.stack([STACK[0]] * 3)
    tifffile.imwrite(tmp_path / "b.tif", equal, photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(open_volume(tmp_path / "b.tif").data[...], STACK[0])


def test_pages_of_different_sizes_are_refused(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(STACK[0], metadata=None)
        writer.write(STACK[0, :20], metadata=None)
    with pytest.raises(UserError, match="differ in size"):
        open_volume(tmp_path / "a.tif")


def test_inks_are_not_taken_for_brightness(tmp_path: Path) -> None:
    inks = np.full((8, 9, 4), 200, np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", inks, photometric="separated", metadata=None)
    with pytest.raises(UserError, match="colours of the kind SEPARATED; convert it to grey"):
        open_volume(tmp_path / "a.tif")


def test_of_several_ome_images_the_one_that_is_read_is_named(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as writer:
        for shape in ((20, 30), (40, 50)):
            writer.write(np.zeros(shape, np.uint8), photometric="minisblack")
    (note,) = open_volume(tmp_path / "a.ome.tif").notes
    assert note.endswith("a.ome.tif holds 2 images, of which the first (20 x 30) was read")


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("kept", [0.9, 0.5, 0.0005])
def test_a_file_cut_short_is_refused(tmp_path: Path, compression: str | None, kept: float) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK, compression=compression, metadata=SHAPED)
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(content[: int(len(content) * kept) + 1])
    with pytest.raises(UserError, match=r"cut\.tif cannot be opened: it is damaged"):
        open_volume(tmp_path / "cut.tif")


def test_a_damaged_strip_is_told_when_it_is_read(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK, compression="zlib", metadata=SHAPED)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        offset = tif.pages[1].dataoffsets[0]
    with (tmp_path / "a.tif").open("r+b") as file:
        file.seek(offset)
        file.write(b"\xff" * 64)
    volume = open_volume(tmp_path / "a.tif")
    np.testing.assert_array_equal(volume.plane(0), STACK[0])
    with pytest.raises(UserError, match="damaged"):
        volume.plane(1)


@pytest.mark.emdata
@pytest.mark.parametrize(
    ("file", "voxel_size", "shape"),
    [
        ("hippocampus/dev_raw.tif", (5, 5, 5), (12, 768, 1024)),
        ("hippocampus_stack/raw.tif", (5, 7.68, 10.24), (96, 500, 500)),
        ("brain_sbem/raw.tif", (40, 10, 10), (20, 1024, 1024)),
        ("medulla_unlabelled/validation_crop.tif", (10, 10, 10), (200, 480, 480)),
        ("leaf/raw.tif", None, (3, 2341, 3293)),
    ],
)
def test_real_data_say_their_voxel_size(
    emdata: Path, file: str, voxel_size: Any, shape: tuple[int, ...]
) -> None:
    volume = open_volume(emdata / file)
    assert volume.voxel_size == voxel_size
    assert volume.shape == shape
    np.testing.assert_array_equal(volume.plane(1), tifffile.imread(emdata / file)[1])


@pytest.mark.emdata
def test_overlapping_masks_are_refused_as_channels(emdata: Path) -> None:
    with pytest.raises(UserError, match="6 channels"):
        open_volume(emdata / "hippocampus" / "dev_multilabel.tif")
