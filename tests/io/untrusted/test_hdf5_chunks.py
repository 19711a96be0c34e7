from __future__ import annotations

import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from napari_scsam.io.untrusted import hdf5_chunks as module
from napari_scsam.io.untrusted import sizes
from napari_scsam.io.untrusted.hdf5_chunks import CheckedDataset, check_hdf5_chunks


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> h5py.File:
    """Return a file, with every chunk large enough to be measured."""
    monkeypatch.setattr(module, "HARMLESS", 0)
    monkeypatch.setattr(sizes, "HARMLESS", 0)
    return h5py.File(tmp_path / "a.h5", "w")


def compressed(file: h5py.File, shape: tuple[int, ...] = (6, 8), **options: object) -> h5py.Dataset:
    return file.create_dataset("x", shape, "u2", chunks=(2, 4), compression="gzip", **options)


def test_only_what_has_chunks_is_measured(file: h5py.File) -> None:
    plain = file.create_dataset("plain", (6, 8), "u2")
    assert check_hdf5_chunks(plain) is plain
    checked = check_hdf5_chunks(compressed(file))
    assert isinstance(checked, CheckedDataset)
    assert checked.shape == (6, 8)
    assert checked.dtype == np.uint16
    assert checked.chunks == (2, 4)


@pytest.mark.parametrize("options", [{}, {"shuffle": True}, {"fletcher32": True}])
@pytest.mark.parametrize(
    "key", [np.s_[:, :], np.s_[3, 2:7], np.s_[5:6, 7:8], np.s_[::2, 1:1], np.s_[-1, :]]
)
def test_a_sound_data_set_is_read_as_it_is(
    file: h5py.File, options: dict[str, bool], key: tuple[object, ...]
) -> None:
    data = compressed(file, **options)
    values = np.arange(48).reshape(6, 8)
    data[...] = values
    np.testing.assert_array_equal(CheckedDataset(data)[key], values[key])


FILTERS = {
    "nothing": {},
    "shuffle": {"shuffle": True},
    "checksum": {"fletcher32": True},
    "both": {"shuffle": True, "fletcher32": True},
    "lzf and checksum": {"compression": "lzf", "fletcher32": True},
    "gzip and checksum": {"compression": "gzip", "fletcher32": True},
}


@pytest.mark.parametrize("filters", FILTERS)
def test_a_chunk_that_is_too_short_is_refused_and_costs_itself_alone(
    file: h5py.File, filters: str
) -> None:
    """With a checksum, libhdf5 ended the process; without one it read foreign memory."""
    data = file.create_dataset("x", (6, 8), "u2", chunks=(2, 4), **FILTERS[filters])
    values = np.arange(48).reshape(6, 8)
    data[...] = values
    data.id.write_direct_chunk((2, 4), b"abc", 0)
    checked = check_hdf5_chunks(data)
    np.testing.assert_array_equal(checked[:2, :], values[:2])
    np.testing.assert_array_equal(checked[2:4, :4], values[2:4, :4])
    for key in (np.s_[:, :], np.s_[3, 7], np.s_[2:3, 4:5]):
        with pytest.raises(ValueError, match="a chunk has only 3 bytes"):
            checked[key]


def test_a_chunk_that_left_its_filters_out_is_measured_without_them(tmp_path: Path) -> None:
    whole = np.arange(8, dtype="u2").reshape(2, 4)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = compressed(file, fletcher32=True)
        data.id.write_direct_chunk((0, 0), whole.tobytes(), 0b11)
        data.id.write_direct_chunk((2, 0), whole.tobytes()[:7], 0b11)
    with h5py.File(tmp_path / "a.h5") as file:  # libhdf5 forgets what was left out until then
        checked = check_hdf5_chunks(file["x"])
        np.testing.assert_array_equal(checked[:2, :4], whole)
        with pytest.raises(ValueError, match="only 7 bytes"):
            checked[2:4, :4]


def test_chunks_that_were_never_written_hold_the_fill_value(file: h5py.File) -> None:
    data = compressed(file, fillvalue=7)
    data[:2, :4] = 1
    read = CheckedDataset(data)[:, :]
    assert (read[:2, :4] == 1).all()
    assert (read[2:] == 7).all()


@pytest.fixture
def bomb(file: h5py.File) -> h5py.Dataset:
    """Return a data set whose last chunk inflates to a megabyte."""
    data = compressed(file)
    data[...] = 3
    data.id.write_direct_chunk((4, 4), zlib.compress(bytes(1 << 20)))
    return data


def test_a_chunk_that_inflates_too_far_is_refused(bomb: h5py.Dataset) -> None:
    with pytest.raises(ValueError, match="would inflate"):
        CheckedDataset(bomb)[4:6, 4:8]
    with pytest.raises(ValueError, match="would inflate"):
        CheckedDataset(bomb)[:, :]


@pytest.mark.parametrize("key", [np.s_[:4, :], np.s_[:, :4], np.s_[0, 0], np.s_[4:6, 3:4]])
def test_the_other_chunks_are_read(bomb: h5py.Dataset, key: tuple[object, ...]) -> None:
    assert (CheckedDataset(bomb)[key] == 3).all()


def test_small_chunks_are_not_measured(bomb: h5py.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HARMLESS", 1 << 30)

    def fail(*_: object) -> None:
        raise AssertionError("measured")

    monkeypatch.setattr(module, "check_inflated_size", fail)
    assert (CheckedDataset(bomb)[:2, :4] == 3).all()
