from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_scsam.config import ClassSpec
from napari_scsam.io.formats.tiff_notes import ome_image, read_description, scsam_record
from napari_scsam.io.label_files.record import LabelRecord
from napari_scsam.io.label_files.tiff import write_label_tiff

PLANES = np.zeros((2, 8, 8), np.uint8)


def opened(path: Path, **options: Any) -> tifffile.TiffFile:
    tifffile.imwrite(path, PLANES, **options)
    return tifffile.TiffFile(path)


@pytest.mark.parametrize(
    "labels",
    [
        np.ones((2, 8, 8), np.uint8),
        np.ones((1, 8, 8), np.uint8),
        np.ones((2, 8, 8), np.uint32),
        np.ones((8, 8), np.uint16),
    ],
    ids=["imagej", "shaped", "ome", "slice"],
)
def test_our_record_is_found_in_each_form_that_we_write(tmp_path: Path, labels: np.ndarray) -> None:
    record = LabelRecord((ClassSpec(1, "ER"),), (40.0, 8.0, 8.0), (0.0, 16.0, 8.0))
    write_label_tiff(tmp_path / "a.tif", labels, record)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        found = scsam_record(tif)
    assert found == json.loads(record.text())


def test_files_of_others_have_no_record(tmp_path: Path) -> None:
    with opened(tmp_path / "a.tif", imagej=True) as tif:
        assert scsam_record(tif) == {}
    with opened(tmp_path / "b.tif", ome=True) as tif:
        assert scsam_record(tif) == {}
    with opened(tmp_path / "c.tif", description="a cell", metadata=None) as tif:
        assert scsam_record(tif) == {}
        assert read_description(tif) == {}
        assert ome_image(tif) == {}


@pytest.mark.parametrize("record", ["{", "[1, 2]", "3", "[" * 100_000, ""])
def test_what_is_no_object_of_json_is_no_record(tmp_path: Path, record: str) -> None:
    with opened(tmp_path / "a.tif", metadata={"scsam": record}) as tif:
        assert scsam_record(tif) == {}


def test_notes_of_imagej_are_read(tmp_path: Path) -> None:
    with opened(tmp_path / "a.tif", imagej=True, metadata={"spacing": 2.5, "unit": "um"}) as tif:
        assert read_description(tif)["spacing"] == 2.5
        assert read_description(tif)["unit"] == "um"


def test_the_first_image_of_several_is_described(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif", ome=True) as writer:
        for name in ("first", "second"):
            writer.write(PLANES, metadata={"axes": "ZYX", "Name": name})
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert ome_image(tif)["Name"] == "first"


@pytest.mark.parametrize("xml", ["<OME", "<OME></OME>", "<OME><Image/></OME>", "<Other/>"])
def test_damaged_xml_describes_nothing(tmp_path: Path, xml: str) -> None:
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, PLANES, ome=True)
    data = path.read_bytes()
    start = data.index(b"<?xml")
    stop = data.index(b"</OME>") + len(b"</OME>")
    text = xml.encode().ljust(stop - start)
    path.write_bytes(data[:start] + text + data[stop:])
    with tifffile.TiffFile(path) as tif:
        assert ome_image(tif) == {} or "Pixels" not in ome_image(tif)
        assert scsam_record(tif) == {}
