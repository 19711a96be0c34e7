"""The table in docs/formats.md: every kind of file is written, opened and compared.

``SCSAM_WRITE=1 python -m pytest tests/io/test_formats_table.py`` writes the table anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr
from faulty_server import FolderServer
from kinds.arrays import array_kinds
from kinds.containers import container_kinds, remote_kinds
from kinds.kind import STACK, Kind
from kinds.odd import odd_kinds
from kinds.refused import REFUSED
from kinds.tiffs import picture_kinds, tiff_kinds
from kinds.unusual import unusual_kinds
from kinds.visitors import visiting_files
from kinds.visitors_chunked import visiting_chunked
from loopback import listening

from napari_scsam.config import UserError
from napari_scsam.io.formats.n5_array import N5Array
from napari_scsam.io.formats.packed import UnpackedArray
from napari_scsam.io.formats.precomputed import TensorArray
from napari_scsam.io.slice_files import SliceFiles
from napari_scsam.io.volumes import Volume, open_labels, open_volume

pytestmark = pytest.mark.xdist_group("formats")  # the rows are collected in one process

DOCUMENT = Path(__file__).parents[2] / "docs/formats.md"
BEGIN = "<!-- begin: made by tests/io/test_formats_table.py -->"
END = "<!-- end -->"

READING = {
    np.memmap: "mapped",
    zarr.Array: "by chunks",
    h5py.Dataset: "by chunks",
    N5Array: "by chunks",
    TensorArray: "by chunks",
    SliceFiles: "by slices",
    UnpackedArray: "unpacked once",
}
"""How parts are read, by what is at the bottom of an array."""

INNER = ("_source", "_stored", "_array", "array", "_dataset")
"""Where arrays keep the one that they read."""


def bottom(array: Any) -> str:
    """Return how an array is read, by the stored one below all views of it."""
    for kind, how in READING.items():
        if isinstance(array, kind):
            return how
    if hasattr(array, "_rows"):
        return bottom(array._rows[0][0])
    inner = next(getattr(array, name) for name in INNER if hasattr(array, name))
    return bottom(inner)


def row_of(kind: Kind, folder: Path) -> str:
    """Write a file, open it, compare it, and return its row of the table."""
    opened = kind.write(folder)
    chosen: dict[str, Any] = dict(kind.options)
    volume = open_volume(opened, **chosen)
    expected = STACK if kind.shows is None else kind.shows
    if callable(expected):
        expected = expected(opened)
    np.testing.assert_array_equal(volume.data[...], expected)
    np.testing.assert_array_equal(
        volume.plane(volume.depth - 1), expected.reshape(-1, *expected.shape[-2:])[-1]
    )
    size = _size(volume, kind)
    labels = "–"
    if kind.labels:
        stored = expected if not isinstance(kind.label_values, np.ndarray) else kind.label_values
        if kind.label_values is not False:
            np.testing.assert_array_equal(open_labels(opened, **chosen).data[...], stored)
        labels = "yes"
    else:
        with pytest.raises(UserError):
            _labels(opened, chosen, expected)
    option = "".join(f", --{name} {number}" for name, number in kind.options)
    return (
        f"| {kind.name}{option} | {kind.writer} | yes | {size} | {bottom(volume.data)} | {labels} |"
    )


def _labels(opened: str, chosen: dict[str, Any], expected: np.ndarray) -> None:
    """Read as labels what is none: an error, or values that a lossy picture changed."""
    open_labels(opened, **chosen)
    if Path(opened).suffix in (".jpg", ".jpeg") or "slices" in opened:
        raise UserError("JPEG changes values")


def _size(volume: Volume, kind: Kind) -> str:
    if kind.size is None:
        assert (volume.voxel_size, volume.pixel_size) == (None, None)
        return "not in the file"
    if len(kind.size) == 2:
        assert volume.voxel_size is None
        assert volume.pixel_size == pytest.approx(kind.size)
        return "y, x"
    assert volume.voxel_size == pytest.approx(kind.size)
    return "z, y, x"


COMMON = [*tiff_kinds(), *picture_kinds(), *array_kinds(), *container_kinds()]
LOCAL = [*COMMON, *unusual_kinds(), *odd_kinds(), *visiting_files(), *visiting_chunked()]


@pytest.fixture(scope="module")
def rows() -> dict[str, str]:
    """Rows by the name of their kind, as the tests find them."""
    return {}


@pytest.mark.parametrize("kind", LOCAL, ids=[kind.name for kind in LOCAL])
def test_a_kind_of_file_is_read_as_the_table_says(
    kind: Kind, tmp_path: Path, rows: dict[str, str]
) -> None:
    rows[kind.name] = row_of(kind, tmp_path)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FolderServer]:
    with listening(FolderServer(tmp_path_factory.mktemp("served"))) as serving:
        yield serving


def test_kinds_behind_an_address_are_read_as_the_table_says(
    server: FolderServer,
    tmp_path: Path,
    rows: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NAPARI_SCSAM_CACHE", str(tmp_path / "cache"))
    for number, kind in enumerate(remote_kinds(server.folder, lambda: server.url)):
        rows[kind.name] = row_of(kind, tmp_path / str(number))


@pytest.mark.parametrize("suffix", REFUSED)
def test_what_is_not_read_is_refused_with_what_to_do(
    suffix: str, tmp_path: Path, rows: dict[str, str]
) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"anything")
    with pytest.raises(UserError) as error:
        open_volume(path)
    sentence = str(error.value)
    assert sentence.startswith(str(path))
    rows[suffix] = f"| {suffix} | – | no: {sentence.split('; ', 1)[1]} | – | – | – |"


def test_the_document_has_these_rows_and_no_others(rows: dict[str, str]) -> None:
    count = len(LOCAL) + len(REFUSED)
    if len(rows) < count:
        pytest.skip("only some of the kinds were tried")
    head = ["| kind of file | written by | opens | voxel size | read | labels come back |"]
    head.append("|---|---|---|---|---|---|")
    made = "\n".join([BEGIN, "", *head, *rows.values(), "", END])
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    if os.environ.get("SCSAM_WRITE"):
        DOCUMENT.write_text(f"{before}{made}{after}", encoding="utf-8")
    else:
        assert text == f"{before}{made}{after}"
    assert sum("| yes |" in row for row in rows.values()) >= 60
