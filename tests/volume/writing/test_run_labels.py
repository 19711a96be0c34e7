from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.label_header import LabelHeader, label_header
from napari_scsam.volume.writing.ledger import LEDGER
from napari_scsam.volume.writing.run_labels import (
    LABELS,
    STAGED_LABELS,
    RunTarget,
    chunk_names,
    create_run_labels,
    find_stopped,
    group_of,
    is_whole,
    open_run_labels,
    slice_folder,
    stopped_run,
    write_slices,
)

SHAPE = (4, 20, 30)
U8 = np.dtype(np.uint8)
WHOLE = (slice(0, 20), slice(0, 30))


def header_of(shape: tuple[int, ...] = SHAPE) -> LabelHeader:
    classes = (ClassSpec(1, "ER"),)
    return label_header(LABELS, shape, (40.0, 8.0, 8.0), classes, (0.0, 0.0, 0.0), U8)


@pytest.fixture
def place(tmp_path: Path) -> RunTarget:
    return RunTarget(tmp_path / "out.zarr", beside=False)


@pytest.fixture
def level(place: RunTarget) -> zarr.Array:
    return create_run_labels(place, header_of(), SHAPE, U8)


def test_labels_that_are_new_grow_at_their_place_and_others_beside_them(tmp_path: Path) -> None:
    new = RunTarget(tmp_path, beside=False)
    beside = RunTarget(tmp_path, beside=True)
    assert new.group == tmp_path / "labels" / LABELS
    assert new.ledger == tmp_path / LEDGER
    assert beside.group == tmp_path / "labels" / STAGED_LABELS
    assert beside.ledger == beside.group / LEDGER


def test_a_new_run_has_empty_labels_and_an_empty_ledger(
    place: RunTarget, level: zarr.Array
) -> None:
    assert level.shape == SHAPE
    assert not level[...].any()
    assert place.ledger.read_bytes() == b""
    assert find_stopped(place.out) == place
    labels = zarr.open_group(place.out / "labels", mode="r")
    assert labels.attrs["ome"]["labels"] == [LABELS]


def test_a_run_that_replaces_labels_does_not_touch_them(
    place: RunTarget, level: zarr.Array
) -> None:
    level[...] = 3
    place.ledger.unlink()
    beside = RunTarget(place.out, beside=True)
    create_run_labels(beside, header_of(), SHAPE, U8)
    assert find_stopped(place.out) == beside
    assert (zarr.open_array(place.group / "0", mode="r")[...] == 3).all()
    names = zarr.open_group(place.out / "labels", mode="r").attrs["ome"]["labels"]
    assert names == [LABELS], "what is not whole is not listed"


def test_no_run_is_stopped_where_nothing_is(tmp_path: Path) -> None:
    assert find_stopped(tmp_path / "out.zarr") is None
    assert stopped_run(tmp_path / "out.zarr") is None


def test_the_settings_of_a_stopped_run_are_read(place: RunTarget, level: zarr.Array) -> None:
    assert stopped_run(place.out) is None
    place.ledger.write_text(json.dumps({"image": "abc", "views": 4}) + "\n0\n")
    found = stopped_run(place.out)
    assert found is not None
    assert found["image"] == "abc"


def test_a_stopped_run_is_opened_without_what_was_half_written(
    place: RunTarget, level: zarr.Array
) -> None:
    level[1] = 5
    partial = place.group / "0" / "c" / f"x.{'0' * 32}.partial"
    partial.write_bytes(b"half")
    opened = open_run_labels(place, SHAPE, U8)
    assert (opened[1] == 5).all()
    assert not partial.exists()


@pytest.mark.parametrize(
    ("shape", "dtype"), [((5, 20, 30), np.uint8), ((4, 20, 31), np.uint8), (SHAPE, np.uint16)]
)
def test_labels_of_another_form_are_not_resumed(
    place: RunTarget, level: zarr.Array, shape: tuple[int, ...], dtype: type
) -> None:
    with pytest.raises(UserError, match=r"cannot be resumed: .*start again with --overwrite"):
        open_run_labels(place, shape, np.dtype(dtype))


def test_damaged_labels_are_not_resumed(place: RunTarget, level: zarr.Array) -> None:
    (place.group / "0" / "zarr.json").write_text("{")
    with pytest.raises(UserError, match=r"cannot be read .*start again with --overwrite"):
        open_run_labels(place, SHAPE, U8)


@pytest.mark.parametrize(
    ("z", "expected"), [(0, range(3)), (2, range(3)), (3, range(3, 6)), (7, range(6, 8))]
)
def test_slices_of_a_shard_are_written_together(tmp_path: Path, z: int, expected: range) -> None:
    level = zarr.create_array(
        tmp_path, shape=(8, 16, 16), dtype=U8, chunks=(1, 16, 16), shards=(3, 16, 16)
    )
    assert group_of(level, z) == expected


def test_a_single_slice_is_a_group_of_its_own(tmp_path: Path) -> None:
    level = zarr.create_array(tmp_path / "a", shape=(16, 16), dtype=U8)
    assert group_of(level, 0) == range(1)
    assert slice_folder(level, 0) == tmp_path / "a" / "c"


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_the_files_of_a_slice_are_found_in_both_forms_of_zarr(
    tmp_path: Path, zarr_format: int
) -> None:
    level = zarr.create_array(
        tmp_path / "0",
        shape=SHAPE,
        dtype=U8,
        chunks=(1, 16, 16),
        zarr_format=zarr_format,
        chunk_key_encoding=None if zarr_format == 3 else {"name": "v2", "separator": "/"},
    )
    labels = np.ones((1, 20, 30), np.uint8)
    names = write_slices(level, 2, labels, WHOLE)
    assert names == ("0/0", "0/1", "1/0", "1/1")
    assert chunk_names(level, 2) == names
    assert chunk_names(level, 1) == ()
    assert is_whole(level, 2, names)


def test_a_slice_is_whole_while_its_files_are_there_and_can_be_read(level: zarr.Array) -> None:
    names = write_slices(level, 1, np.ones((1, 20, 30), np.uint8), WHOLE)
    assert is_whole(level, 1, names)
    assert is_whole(level, 1, None)
    assert is_whole(level, 2, ()), "a slice without labels has no files"
    assert not is_whole(level, 1, (*names, "9/9"))
    file = slice_folder(level, 1) / names[0]
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    assert not is_whole(level, 1, names)
    file.unlink()
    assert not is_whole(level, 1, names)


def test_a_part_of_a_slice_is_written_at_its_place(level: zarr.Array) -> None:
    write_slices(level, 3, np.full((1, 5, 6), 7, np.uint8), (slice(10, 15), slice(24, 30)))
    read = level[...]
    assert (read[3, 10:15, 24:30] == 7).all()
    assert np.count_nonzero(read) == 30
