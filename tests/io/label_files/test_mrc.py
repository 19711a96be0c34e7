from __future__ import annotations

import json
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.label_files.mrc import LINE, LINES, read_mrc_record, write_label_mrc
from napari_scsam.io.label_files.record import LabelRecord

CLASSES = (ClassSpec(1, "mitochondrion", "#ff0000", "with cristae"), ClassSpec(2, "ER"))
RECORD = LabelRecord(CLASSES, (40.0, 8.0, 4.0), (10.0, 16.0, 8.0))


@pytest.mark.parametrize(
    ("largest", "mode"), [(127, 0), (128, 1), (32767, 1), (32768, 6), (65535, 6)]
)
def test_the_first_type_that_holds_all_labels_is_taken(
    tmp_path: Path, largest: int, mode: int
) -> None:
    labels = np.array([[[0, largest]]], np.uint32)
    write_label_mrc(tmp_path / "a.mrc", labels, RECORD)
    with mrcfile.open(tmp_path / "a.mrc") as file:
        assert file.header.mode == mode
        np.testing.assert_array_equal(file.data, labels)


@pytest.mark.parametrize("labels", [[[0, 65536]], [[-1, 3]]])
def test_labels_that_do_not_fit_are_refused(tmp_path: Path, labels: list[list[int]]) -> None:
    with pytest.raises(UserError, match="do not fit into the 16 bits of MRC"):
        write_label_mrc(tmp_path / "a.mrc", np.array(labels), RECORD)
    assert list(tmp_path.iterdir()) == []


def test_sizes_are_in_angstrom_and_one_slice_is_a_volume(tmp_path: Path) -> None:
    write_label_mrc(tmp_path / "a.mrc", np.ones((1, 4, 6), np.uint8), RECORD)
    with mrcfile.open(tmp_path / "a.mrc") as file:
        assert file.is_volume()
        assert file.voxel_size.tolist() == (40.0, 80.0, 400.0)
        assert file.header.origin.tolist() == (80.0, 160.0, 100.0)


def test_an_unknown_voxel_size_is_0(tmp_path: Path) -> None:
    write_label_mrc(tmp_path / "a.mrc", np.ones((4, 6), np.uint8), LabelRecord())
    with mrcfile.open(tmp_path / "a.mrc") as file:
        assert file.data.shape == (4, 6)
        assert file.voxel_size.tolist() == (0.0, 0.0, 0.0)


def test_the_first_line_can_be_read_by_a_person(tmp_path: Path) -> None:
    write_label_mrc(tmp_path / "a.mrc", np.ones((2, 4, 6), np.uint8), RECORD)
    with mrcfile.open(tmp_path / "a.mrc") as file:
        first = file.header.label[0].decode()
    assert first == "napari-scsam: 1 mitochondrion, 2 ER"


def test_the_record_comes_back(tmp_path: Path) -> None:
    write_label_mrc(tmp_path / "a.mrc", np.ones((2, 4, 6), np.uint8), RECORD)
    assert read_mrc_record(tmp_path / "a.mrc") == json.loads(RECORD.text())


def test_a_table_that_does_not_fit_is_shortened_and_keeps_its_names(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    described = [
        ClassSpec(number, f"class {number}", "#123456", bytes(rng.bytes(60)).hex())
        for number in range(1, 13)
    ]
    write_label_mrc(
        tmp_path / "a.mrc", np.ones((2, 4, 6), np.uint8), LabelRecord(described, (8.0, 8.0, 8.0))
    )
    found = read_mrc_record(tmp_path / "a.mrc")
    assert [(spec["id"], spec["name"]) for spec in found["classes"]] == [
        (spec.id, spec.name) for spec in described
    ]
    assert all(not spec.get("description") for spec in found["classes"])
    assert found["voxel_size"] == [8, 8, 8]
    with mrcfile.open(tmp_path / "a.mrc") as file:
        assert file.header.nlabl <= LINES
        assert all(len(line) <= LINE for line in file.header.label.tolist())


def test_other_and_damaged_lines_are_no_record(tmp_path: Path) -> None:
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(np.ones((2, 2), np.int8))
        file.add_label("made by another program")
    assert read_mrc_record(tmp_path / "a.mrc") == {}
    write_label_mrc(tmp_path / "b.mrc", np.ones((2, 4, 6), np.uint8), RECORD)
    data = bytearray((tmp_path / "b.mrc").read_bytes())
    data[224 + LINE : 224 + LINE + 8] = b"~~~~~~~~"
    (tmp_path / "b.mrc").write_bytes(data)
    assert read_mrc_record(tmp_path / "b.mrc") == {}
