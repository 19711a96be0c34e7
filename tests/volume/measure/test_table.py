"""A table of objects: rows, order, and files."""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from file_steps import ENDED, play
from pyarrow import parquet

from napari_scsam.config import UserError
from napari_scsam.volume.measure.table import (
    ObjectTable,
    check_not_foreign,
    provenance_path,
    write_table,
)


@pytest.fixture
def table() -> ObjectTable:
    return ObjectTable(
        {
            "class": np.array(["PSD", "mitochondrion, cut", "PSD"]),
            "id": np.array([2**63 + 1, 2, 7], np.uint64),
            "volume_um3": np.array([0.25, np.nan, 0.125]),
            "touches_border": np.array([True, False, False]),
        }
    )


def test_a_mask_or_row_numbers_select_rows(table: ObjectTable) -> None:
    assert table.select([False, True, True])["id"].tolist() == [2, 7]
    assert table.select([2, 0])["id"].tolist() == [7, 2**63 + 1]
    assert len(table.select([])) == 0
    assert list(table.select([])) == list(table)


@pytest.mark.parametrize("descending", [False, True])
def test_unknown_values_come_last_and_equal_ones_keep_their_order(
    table: ObjectTable, descending: bool
) -> None:
    by_volume = table.sort("volume_um3", descending=descending)["id"].tolist()
    assert by_volume == ([2**63 + 1, 7, 2] if descending else [7, 2**63 + 1, 2])
    by_class = table.sort("class", descending=descending)["id"].tolist()
    assert by_class == ([2, 2**63 + 1, 7] if descending else [2**63 + 1, 7, 2])


def test_csv_has_empty_cells_for_unknown_values(table: ObjectTable, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_table(path, table)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows] == ["PSD", "mitochondrion, cut", "PSD"]
    assert [row["id"] for row in rows] == [str(2**63 + 1), "2", "7"]
    assert [row["volume_um3"] for row in rows] == ["0.25", "", "0.125"]
    assert [row["touches_border"] for row in rows] == ["True", "False", "False"]
    assert not provenance_path(path).exists()


def test_parquet_keeps_types_and_nulls(table: ObjectTable, tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    write_table(path, table, {"labels": "here"})
    read = parquet.read_table(path)
    assert [str(t) for t in read.schema.types] == ["string", "uint64", "double", "bool"]
    assert read["id"].to_pylist() == [2**63 + 1, 2, 7]
    assert read["volume_um3"].to_pylist() == [0.25, None, 0.125]
    beside = json.loads((tmp_path / "table.parquet.provenance.json").read_text())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert beside == {"labels": "here", "sha256": [digest]}


@pytest.mark.parametrize("name", ["table.csv", "table.parquet"])
def test_an_empty_table_has_its_header(table: ObjectTable, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_table(path, table.select([]))
    if path.suffix == ".csv":
        assert path.read_text() == "class,id,volume_um3,touches_border\n"
    else:
        assert parquet.read_table(path).column_names == list(table)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("table.xlsx", r"use a name that ends in \.csv or \.parquet"),
        ("no/table.csv", "does not exist"),
        ("folder.csv", "is a folder"),
    ],
)
def test_a_bad_place_is_told(table: ObjectTable, tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UserError, match=told):
        write_table(tmp_path / name, table)


def test_columns_of_two_lengths_are_no_table() -> None:
    with pytest.raises(ValueError, match="one length"):
        ObjectTable({"id": np.arange(2), "voxels": np.arange(3)})


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.parametrize("name", ["table.csv", "table.parquet"])
def test_a_table_can_be_written_again_wherever_its_process_was_killed(
    table: ObjectTable, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "whole"
    folder.mkdir()
    _, steps = play(lambda: write_table(folder / name, table, {"labels": "a"}), folder)
    assert steps > 4  # two files, each of which is opened and renamed
    beside = provenance_path(folder / name).read_bytes()
    for stop in range(1, steps + 1):
        path = tmp_path / str(stop) / name
        path.parent.mkdir()
        write = partial(write_table, path, table, {"labels": "a"})
        assert play(write, path.parent, stop)[0] == ENDED
        check_not_foreign(path)  # the same command starts with this
        write()
        assert path.read_bytes() == (folder / name).read_bytes()
        assert provenance_path(path).read_bytes() == beside


def test_a_table_without_provenance_is_not_ours(table: ObjectTable, tmp_path: Path) -> None:
    write_table(tmp_path / "table.csv", table)
    with pytest.raises(UserError, match="was not written by scsam measure"):
        check_not_foreign(tmp_path / "table.csv")


def test_a_table_that_somebody_changed_is_not_replaced(table: ObjectTable, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_table(path, table, {"labels": "here"})
    check_not_foreign(path)
    path.write_text(path.read_text() + "my,own,row,True\n")
    with pytest.raises(UserError, match="changed after scsam measure wrote it"):
        check_not_foreign(path)


@pytest.mark.parametrize("content", ['{"mine": 1}', "mine", "[]"])
def test_a_file_of_somebody_else_where_the_provenance_goes_stays(
    table: ObjectTable, tmp_path: Path, content: str
) -> None:
    path = tmp_path / "table.csv"
    provenance_path(path).write_text(content)
    for write in (check_not_foreign, partial(write_table, table=table, provenance={"labels": "a"})):
        with pytest.raises(UserError, match="give the table another name"):
            write(path)
    assert provenance_path(path).read_text() == content
    assert not path.exists()


def test_tables_of_older_versions_have_no_digest_and_are_replaced(
    table: ObjectTable, tmp_path: Path
) -> None:
    path = tmp_path / "table.csv"
    write_table(path, table)
    provenance_path(path).write_text('{"software": {"napari-scsam": "0.1"}}')
    check_not_foreign(path)
