"""A table of objects: one row an object, units in the names of the columns."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from napari_scsam.atomic import replacing
from napari_scsam.config import UserError
from napari_scsam.io.contents import check_outside
from napari_scsam.json_files import read_json_object, replace_json

SUFFIXES = (".csv", ".parquet")
"""What a table is written as."""

PROVENANCE = ".provenance.json"
"""Suffix of the file beside a table that says where it came from."""

DIGESTS = "sha256"
"""Key of a provenance: the table as it was written, and an older one while it is replaced."""

ROWS_AT_ONCE = 1000
"""Rows that are turned into text together."""


@dataclass(frozen=True, eq=False)
class ObjectTable:
    """A table of objects, column by column.

    Columns of text (``class``), of integers (``id``, ``voxels``), of truth values
    (``touches_border``) and of float64 numbers, where NaN stands for an unknown value.
    """

    columns: Mapping[str, NDArray[Any]]
    """Name → N values, in the order in which columns are shown."""

    def __post_init__(self) -> None:
        if len({len(values) for values in self.columns.values()}) > 1:
            lengths = {name: len(values) for name, values in self.columns.items()}
            raise ValueError(f"columns of a table have one length, not {lengths}")

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(next(iter(self.columns.values()), ()))

    def __iter__(self) -> Iterator[str]:
        """Return the names of the columns."""
        return iter(self.columns)

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return the N values of a column."""
        return self.columns[name]

    def select(self, rows: npt.ArrayLike) -> ObjectTable:
        """Return the table of some rows.

        Parameters
        ----------
        rows
            N booleans, or row numbers in the order that is wanted.
        """
        wanted = np.asarray(rows)
        if wanted.size == 0:
            wanted = wanted.astype(np.intp)
        return ObjectTable({name: values[wanted] for name, values in self.columns.items()})

    def sort(self, name: str, *, descending: bool = False) -> ObjectTable:
        """Return the table in the order of a column; rows of equal value keep their order.

        Unknown values come last.
        """
        return self.select(sorted_rows(self.columns[name], descending=descending))

    def with_columns(self, more: Mapping[str, NDArray[Any]]) -> ObjectTable:
        """Return the table with more columns, or with others in place of those of that name."""
        return ObjectTable({**self.columns, **more})


def join_tables(tables: Sequence[ObjectTable]) -> ObjectTable:
    """Return the rows of tables that have the same columns, one table after the other."""
    return ObjectTable(
        {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    )


def sorted_rows(values: NDArray[Any], *, descending: bool = False) -> NDArray[np.intp]:
    """Return the row numbers in the order of a column.

    Rows of equal value keep their order, and unknown values (NaN) come last.
    """
    _, ranks = np.unique(values, return_inverse=True, equal_nan=True)
    ranks = ranks.astype(np.int64)
    if descending:
        ranks = -ranks
    if values.dtype.kind == "f":
        ranks[np.isnan(values)] = len(values)
    return np.argsort(ranks, kind="stable")


def check_table_path(path: Path) -> None:
    """Check that a table can be written to a path.

    Raises
    ------
    UserError
        When it has another suffix, is a folder, or has no folder.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(
            f"{path} is not the name of a table; use a name that ends in .csv or .parquet"
        )
    if path.is_dir():
        raise UserError(f"{path} is a folder; give the name of a file")
    check_outside(path)
    if not path.absolute().parent.is_dir():
        raise UserError(f"the folder of {path} does not exist; create it, or choose another place")


def check_not_foreign(path: Path) -> None:
    """Check that a table replaces nothing but an older one, which has its provenance beside it.

    Raises
    ------
    UserError
        When a table there has no provenance or was changed, or when the provenance would replace
        another program's file.
    """
    record = _own_provenance(path)
    if not os.path.lexists(path):
        return
    if record is None:
        raise UserError(
            f"{path} already exists and was not written by scsam measure; give another name"
        )
    digests = record.get(DIGESTS)
    if isinstance(digests, list) and _digest(path) not in digests:
        raise UserError(f"{path} was changed after scsam measure wrote it; give another name")


def _own_provenance(path: Path) -> dict[str, Any] | None:
    """Return the provenance beside a table; None when there is none.

    Raises
    ------
    UserError
        When a file of somebody else is there.
    """
    beside = provenance_path(path)
    if not os.path.lexists(beside):
        return None
    record = read_json_object(beside)
    if record is None or not {DIGESTS, "software"} & record.keys():
        raise UserError(f"{beside} was not written by scsam measure; give the table another name")
    return record


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_table(
    path: Path, table: ObjectTable, provenance: Mapping[str, Any] | None = None
) -> None:
    """Write a table as CSV or Parquet by its suffix, and its provenance beside it as JSON.

    Each file appears when it is complete, and replaces an older one. Unknown values are empty
    cells in CSV and nulls in Parquet.

    Parameters
    ----------
    path
        ``*.csv`` or ``*.parquet``.
    table
        What is written.
    provenance
        Written to ``PATH.provenance.json``; None writes none.

    Raises
    ------
    UserError
        As `check_table_path`, or when a file of somebody else is where the provenance goes.
    """
    path = Path(path)
    check_table_path(path)
    record = None
    if provenance is not None:
        record = _own_provenance(path)
    with replacing(path) as draft:
        if path.suffix.lower() == ".csv":
            _write_csv(draft, table)
        else:
            _write_parquet(draft, table)
        digest = _digest(draft)
        if provenance is not None:
            # A table that its provenance does not know would be taken for that of somebody else.
            known = dict(record or provenance)
            known[DIGESTS] = [*known.get(DIGESTS, ()), digest]
            replace_json(provenance_path(path), known)
    if provenance is not None:
        replace_json(provenance_path(path), {**provenance, DIGESTS: [digest]})


def provenance_path(path: Path) -> Path:
    """Return where the provenance of a table is written."""
    return path.with_name(path.name + PROVENANCE)


def _write_csv(path: Path, table: ObjectTable) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(table)
        for start in range(0, len(table), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            cells = (_cells(values[part]) for values in table.columns.values())
            writer.writerows(zip(*cells, strict=True))


def _cells(values: NDArray[Any]) -> list[Any]:
    """Return values as the csv module writes them; None becomes an empty cell."""
    cells: list[Any] = values.tolist()
    if values.dtype.kind != "f":
        return cells
    return [None if cell != cell else cell for cell in cells]  # NaN alone differs


def _write_parquet(path: Path, table: ObjectTable) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    columns = {
        name: pa.array(_plain(values), from_pandas=True) for name, values in table.columns.items()
    }
    parquet.write_table(pa.table(columns), path)


def _plain(values: NDArray[Any]) -> Any:
    """Return values as pyarrow takes them; it knows no arrays of numpy's text."""
    if values.dtype.kind == "U":
        return values.tolist()
    return values
