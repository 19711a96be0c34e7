from __future__ import annotations

import io

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from napari_scsam.io.untrusted.image_sizes import (
    SIZE_READERS,
    jpeg2000_size,
    jpeg_size,
    lerc_size,
    png_size,
    webp_size,
)

SHAPES = [(1, 1), (7, 300), (300, 7), (256, 257)]


def grey(shape: tuple[int, int]) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 255, shape).astype(np.uint8)


def saved(shape: tuple[int, int], kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(grey(shape)).save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_states_its_size(shape: tuple[int, int], progressive: bool) -> None:
    assert jpeg_size(saved(shape, "JPEG", progressive=progressive)) == shape


def test_the_frame_of_a_jpeg_is_found_behind_others() -> None:
    data = saved((20, 30), "JPEG")
    comment = b"\xff\xfe" + (2 + 4).to_bytes(2, "big") + b"\xff\xc0\x00\x00"
    restart = b"\xff\xd0"
    padding = b"\xff\xff"
    assert jpeg_size(data[:2] + comment + data[2:]) == (20, 30)
    assert jpeg_size(data[:2] + restart + data[2:]) == (20, 30)
    assert jpeg_size(data[:2] + padding[:1] + data[2:]) == (20, 30)
    assert jpeg_size(data[:2] + b"\x00\x00" + data[2:]) == (20, 30)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8" + bytes(40), b"\xff" * 40])
def test_a_jpeg_without_a_frame_states_no_size(data: bytes) -> None:
    with pytest.raises(ValueError, match="states no size"):
        jpeg_size(data)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_png_states_its_size(shape: tuple[int, int]) -> None:
    assert png_size(saved(shape, "PNG")) == shape


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("codec", ["j2k", "jp2"])
def test_a_jpeg_2000_states_its_size(shape: tuple[int, int], codec: str) -> None:
    data = imagecodecs.jpeg2k_encode(grey(shape), codecformat=codec)
    assert jpeg2000_size(data) == shape


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("lossless", [False, True])
def test_a_webp_states_its_size(shape: tuple[int, int], lossless: bool) -> None:
    colour = np.repeat(grey(shape)[..., None], 3, axis=2)
    file = io.BytesIO()
    Image.fromarray(colour).save(file, "WEBP", lossless=lossless)
    assert webp_size(file.getvalue().ljust(30, b"\0")) == shape


def test_a_webp_with_more_in_it_states_the_size_of_its_canvas() -> None:
    file = io.BytesIO()
    Image.new("RGBA", (300, 7), (1, 2, 3, 4)).save(file, "WEBP", exif=b"Exif\0\0")
    assert file.getvalue()[12:16] == b"VP8X"
    assert webp_size(file.getvalue()) == (7, 300)


@pytest.mark.parametrize("shape", [(7, 300), (300, 7)])
@pytest.mark.parametrize("version", [2, 3, 4])
def test_a_lerc_states_its_size(shape: tuple[int, int], version: int) -> None:
    data = imagecodecs.lerc_encode(grey(shape), version=version)
    assert lerc_size(data) == shape


def test_an_old_lerc_states_its_size() -> None:
    data = b"CntZImage " + bytes(8) + (9).to_bytes(4, "little") + (5).to_bytes(4, "little")
    assert lerc_size(data) == (9, 5)


@pytest.mark.parametrize("read", [jpeg2000_size, png_size, webp_size, lerc_size])
def test_a_header_that_is_cut_off_states_no_size(read: object) -> None:
    for data in (b"", b"RIFF", bytes(20)):
        with pytest.raises(ValueError, match="states no size"):
            read(data)  # type: ignore[operator]


@pytest.mark.parametrize("length", [23, 12, 16])
def test_a_png_that_is_cut_off_states_no_size(length: int) -> None:
    with pytest.raises(ValueError, match="a PNG states no size"):
        png_size(saved((5, 5), "PNG")[:length])


def test_each_compression_of_tiff_has_the_reader_of_its_format() -> None:
    assert SIZE_READERS[7] is jpeg_size
    assert SIZE_READERS[34712] is jpeg2000_size
    assert SIZE_READERS[34933] is png_size
    assert SIZE_READERS[50001] is webp_size
    assert SIZE_READERS[34887] is lerc_size
