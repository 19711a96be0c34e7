from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_scsam.config import UserError
from napari_scsam.io.volumes import open_labels, open_volume

GREY = np.random.default_rng(3).integers(0, 255, (3, 40, 50), np.uint8)


@pytest.mark.parametrize("samples", [3, 4])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_equal_colours_are_one_grey_with_a_word(tmp_path: Path, samples: int, planar: Any) -> None:
    pixels = np.repeat(GREY[:, None], samples, 1)
    if planar == "contig":
        pixels = np.moveaxis(pixels, 1, -1)
    options = {"extrasamples": ["unassalpha"]} if samples == 4 else {}
    tifffile.imwrite(
        tmp_path / "a.tif", pixels, photometric="rgb", planarconfig=planar, metadata=None, **options
    )
    volume = open_volume(tmp_path / "a.tif")
    np.testing.assert_array_equal(volume.data[...], GREY)
    assert "taken as one grey" in volume.notes[0]


def test_grey_with_alpha_is_grey_with_a_word(tmp_path: Path) -> None:
    pixels = np.stack([GREY[0], np.full_like(GREY[0], 255)], -1)
    tifffile.imwrite(
        tmp_path / "a.tif",
        pixels,
        photometric="minisblack",
        planarconfig="contig",
        extrasamples=["unassalpha"],
    )
    volume = open_volume(tmp_path / "a.tif")
    np.testing.assert_array_equal(volume.data[...], GREY[0])
    assert "alpha" in volume.notes[0]


def test_colours_in_one_slice_are_an_error_there(tmp_path: Path) -> None:
    pixels = np.moveaxis(np.repeat(GREY[:, None], 3, 1), 1, -1).copy()
    pixels = np.concatenate([pixels, pixels])
    pixels[1, 0, 0] = (255, 0, 0)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb")
    volume = open_volume(tmp_path / "a.tif")
    np.testing.assert_array_equal(volume.plane(0), GREY[0])
    with pytest.raises(UserError, match="has colours in a part of it"):
        volume.plane(1)


def test_a_palette_of_greys_is_applied_and_labels_are_not(tmp_path: Path) -> None:
    ramp = np.arange(256, dtype=np.uint16)[::-1] * 257
    tifffile.imwrite(
        tmp_path / "a.tif", GREY[0], photometric="palette", colormap=np.stack([ramp] * 3)
    )
    volume = open_volume(tmp_path / "a.tif")
    np.testing.assert_array_equal(volume.data[...], 255 - GREY[0])
    assert "palette of greys" in volume.notes[0]
    np.testing.assert_array_equal(open_labels(tmp_path / "a.tif").data[...], GREY[0])


def test_a_palette_of_colours_is_refused_but_not_for_labels(tmp_path: Path) -> None:
    ramp = np.arange(256, dtype=np.uint16) * 257
    colours = np.stack([ramp, ramp[::-1], ramp])
    tifffile.imwrite(tmp_path / "a.tif", GREY[0], photometric="palette", colormap=colours)
    with pytest.raises(UserError, match="palette"):
        open_volume(tmp_path / "a.tif")
    np.testing.assert_array_equal(open_labels(tmp_path / "a.tif").data[...], GREY[0])


def test_a_lookup_table_of_imagej_does_not_change_the_values(tmp_path: Path) -> None:
    ramp = np.arange(256, dtype=np.uint16) * 257
    colours = np.stack([ramp, ramp[::-1], ramp])
    tifffile.imwrite(
        tmp_path / "a.tif", GREY[0], imagej=True, photometric="palette", colormap=colours
    )
    volume = open_volume(tmp_path / "a.tif")
    np.testing.assert_array_equal(volume.data[...], GREY[0])


def test_three_equal_slices_of_labels_stay_three(tmp_path: Path) -> None:
    labels = np.repeat(GREY[:1], 3, axis=0)
    tifffile.imwrite(tmp_path / "a.tif", labels, photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(open_labels(tmp_path / "a.tif").data[...], labels)
