"""Strips and tiles of TIFF that are larger than they should be, or missing, are refused."""

from __future__ import annotations

import struct
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile

from napari_scsam.config import UserError
from napari_scsam.io.untrusted.lzw import check_lzw
from napari_scsam.io.untrusted.tiff_segments import LERC
from napari_scsam.io.volumes import open_volume

PLANE = np.random.default_rng(0).integers(0, 60, (64, 64)).astype(np.uint8)
SHORT, LONG = 3, 4


def set_tag(path: Path, name: str, value: int) -> None:
    """Overwrite the value of a tag that holds one number."""
    with tifffile.TiffFile(path) as tif:
        tag = tif.pages[0].tags[name]
        assert tag.count == 1
        offset = tag.offset
    with path.open("r+b") as file:
        file.seek(offset + 2)
        file.write(struct.pack("<HII", LONG, 1, value))


def become_fill_order(path: Path, order: int) -> None:
    """Make the unit of the resolution, which nobody needs, the order of bits in a byte."""
    with tifffile.TiffFile(path) as tif:
        offset = tif.pages[0].tags["ResolutionUnit"].offset
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(struct.pack("<HHII", 266, SHORT, 1, order))


def replace_strip(path: Path, data: bytes) -> None:
    """Put other bytes in place of the only strip."""
    at = path.stat().st_size
    with path.open("ab") as file:
        file.write(data)
    set_tag(path, "StripOffsets", at)
    set_tag(path, "StripByteCounts", len(data))


@pytest.mark.parametrize("kind", ["zlib", "lzw", "zstd", "lzma", "packbits", "lerc", "jpeg2000"])
def test_whole_files_are_read(tmp_path: Path, kind: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PLANE, compression=kind, rowsperstrip=16)
    np.testing.assert_array_equal(open_volume(tmp_path / "a.tif").plane(0), PLANE)


@pytest.mark.parametrize("kind", ["jpeg", "jpeg2000", "lerc", "png"])
def test_an_image_larger_than_its_strip_is_refused(tmp_path: Path, kind: str) -> None:
    large = np.zeros((3000, 3000), np.uint8)
    encode = {
        "jpeg": imagecodecs.jpeg8_encode,
        "jpeg2000": imagecodecs.jpeg2k_encode,
        "lerc": imagecodecs.lerc_encode,
        "png": imagecodecs.png_encode,
    }
    tifffile.imwrite(tmp_path / "a.tif", PLANE, compression=kind)
    replace_strip(tmp_path / "a.tif", encode[kind](large))
    with pytest.raises(UserError, match="states 3000 x 3000 pixels"):
        open_volume(tmp_path / "a.tif").plane(0)


@pytest.mark.parametrize("order", [1, 2])
def test_lzw_that_ends_the_process_is_refused(tmp_path: Path, order: int) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PLANE, compression="lzw")
    become_fill_order(path, order)
    data = np.packbits([int(bit) for code in (256, 300, 257) for bit in f"{code:09b}"]).tobytes()
    replace_strip(path, imagecodecs.bitorder_decode(data) if order == 2 else data)
    with pytest.raises(UserError, match="LZW is damaged"):
        open_volume(path).plane(0)


@pytest.mark.parametrize("size", [1, 300, 9000])
@pytest.mark.parametrize("values", [2, 256])
def test_whole_lzw_is_read(size: int, values: int) -> None:
    data = np.random.default_rng(0).integers(0, values, size, dtype=np.uint8).tobytes()
    check_lzw(imagecodecs.lzw_encode(data))


def test_a_lerc_that_states_petabytes_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PLANE, compression=LERC)
    data = bytearray(imagecodecs.lerc_encode(PLANE))
    data[14:22] = struct.pack("<ii", 2**31 - 1, 2**31 - 1)
    replace_strip(tmp_path / "a.tif", bytes(data))
    with pytest.raises(UserError, match="a strip or tile states 2147483647 x 2147483647 pixels"):
        open_volume(tmp_path / "a.tif").plane(0)


@pytest.mark.parametrize("content", [b"", b"Lerc2 ", b"hello", bytes(200)])
def test_a_damaged_lerc_is_told(tmp_path: Path, content: bytes) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PLANE, compression=LERC)
    replace_strip(tmp_path / "a.tif", content or b"L")
    with pytest.raises(UserError, match=r"a\.tif cannot be (read|opened)"):
        open_volume(tmp_path / "a.tif").plane(0)


def test_a_tile_far_larger_than_the_image_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PLANE, tile=(64, 64), compression="zlib")
    for name in ("TileWidth", "TileLength"):
        set_tag(tmp_path / "a.tif", name, 1 << 20)
    with pytest.raises(UserError, match="a strip or tile takes 1099511627776 bytes"):
        open_volume(tmp_path / "a.tif")


def test_strips_that_are_missing_are_not_zeros(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PLANE, compression="zlib", rowsperstrip=64)
    set_tag(tmp_path / "a.tif", "ImageLength", 6400)
    with pytest.raises(UserError, match="it has 1 of 100 strips or tiles"):
        open_volume(tmp_path / "a.tif")


def test_a_compression_without_a_stated_size_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PLANE, compression="jpegxl")
    with pytest.raises(UserError, match="its compression JPEGXL is not supported; save it with"):
        open_volume(tmp_path / "a.tif")


@pytest.mark.parametrize("name", ["../secret.ome.tif", "/etc/secret.ome.tif", "..\\secret.tif"])
def test_an_ome_tiff_reads_no_file_of_another_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "here").mkdir()
    path = tmp_path / "here" / "a.ome.tif"
    tifffile.imwrite(path, PLANE, metadata={"axes": "YX"})
    tifffile.imwrite(tmp_path / "secret.ome.tif", PLANE, metadata={"axes": "YX"})
    with tifffile.TiffFile(path) as tif:
        text = tif.ome_metadata
    assert text is not None
    other = f'<TiffData IFD="0"><UUID FileName="{name}">urn:uuid:1</UUID></TiffData>'
    start = text.index("<TiffData")
    end = text.index("</Pixels>")
    tifffile.imwrite(path, PLANE, description=text[:start] + other + text[end:], metadata=None)
    with pytest.raises(UserError, match="it names a file outside of its own folder"):
        open_volume(path)
