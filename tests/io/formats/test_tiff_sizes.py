"""Voxel sizes as microscopes and ImageJ write them into TIFF."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_scsam.io.volumes import open_volume

SLICE = np.random.default_rng(0).integers(0, 255, (20, 30), np.uint8)
STACK = np.stack([SLICE] * 6)

FEI = """[User]
User=operator
[Scan]
InternalScan=true
PixelWidth=3.37e-009
PixelHeight=3.38e-009
[Stage]
StageX=-0.0005
"""

ZEISS = """1234
AP_IMAGE_PIXEL_SIZE
Image Pixel Size = 5.582 nm
AP_WD
WD = 5.1 mm
"""


def with_tag(path: Path, code: int, text: str, image: np.ndarray = SLICE) -> Path:
    """Write a TIFF with a maker's tag, and the resolution of a screen."""
    tag: Any = (code, 2, 0, text, True)
    tifffile.imwrite(path, image, extratags=[tag], metadata=None, resolution=(96, 96))
    return path


def test_thermo_fisher_states_metres(tmp_path: Path) -> None:
    for code in (34680, 34682):
        volume = open_volume(with_tag(tmp_path / f"{code}.tif", code, FEI))
        assert volume.voxel_size == (3.38, 3.38, 3.37)


def test_zeiss_states_a_unit(tmp_path: Path) -> None:
    assert open_volume(with_tag(tmp_path / "a.tif", 34118, ZEISS)).voxel_size == (
        (5.582, 5.582, 5.582)
    )
    micrometres = ZEISS.replace("5.582 nm", "0.0125 µm")
    tag: Any = (34118, 2, 0, micrometres.encode("cp1252"), True)
    tifffile.imwrite(tmp_path / "b.tif", SLICE, extratags=[tag], metadata=None)
    assert open_volume(tmp_path / "b.tif").voxel_size == (12.5, 12.5, 12.5)


@pytest.mark.parametrize(
    "text", ["", "[Scan]\nPixelWidth=", "[Scan]\nPixelWidth=-1\nPixelHeight=x"]
)
def test_a_damaged_record_states_nothing(tmp_path: Path, text: str) -> None:
    assert open_volume(with_tag(tmp_path / "a.tif", 34682, text)).voxel_size is None


def test_slices_in_a_folder_know_y_and_x(tmp_path: Path) -> None:
    for z in range(3):
        with_tag(tmp_path / f"s{z}.tif", 34682, FEI)
    volume = open_volume(tmp_path)
    assert (volume.voxel_size, volume.pixel_size) == (None, (3.38, 3.37))
    assert open_volume(tmp_path, (40, 4, 4)).pixel_size == (4.0, 4.0)


def test_a_stack_of_imagej_without_spacing_knows_y_and_x(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        STACK,
        imagej=True,
        resolution=(0.2, 0.25),
        metadata={"axes": "ZYX", "unit": "nm"},
    )
    volume = open_volume(tmp_path / "a.tif")
    assert (volume.voxel_size, volume.pixel_size) == (None, (4.0, 5.0))


def test_a_negative_spacing_of_imagej_is_a_distance(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        STACK,
        imagej=True,
        resolution=(0.2, 0.2),
        metadata={"axes": "ZYX", "unit": "nm", "spacing": -30.0},
    )
    assert open_volume(tmp_path / "a.tif").voxel_size == (30.0, 5.0, 5.0)


def test_one_nanometre_of_ome_is_believed(tmp_path: Path) -> None:
    metadata = {"axes": "ZYX"}
    for axis in "XYZ":
        metadata |= {f"PhysicalSize{axis}": 0.001, f"PhysicalSize{axis}Unit": "µm"}  # type: ignore[dict-item]
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK, ome=True, metadata=metadata)
    assert open_volume(tmp_path / "a.ome.tif").voxel_size == (1.0, 1.0, 1.0)
