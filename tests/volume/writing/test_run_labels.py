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
    create_run_labels,
    find_stopped,
    open_run_labels,
    stopped_run,
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
