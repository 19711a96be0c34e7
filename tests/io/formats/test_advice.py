from __future__ import annotations

from pathlib import Path

import h5py
import pytest

from napari_scsam.io.formats.advice import ADVICE, READ, unknown_format
from napari_scsam.io.volumes import READERS


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("cell.czi", "open it in Fiji and save it as TIFF"),
        ("cell.CZI", "open it in Fiji and save it as TIFF"),
        ("cell.am", "save it as TIFF or MRC in Amira"),
        ("cell.nii", "convert it to NRRD"),
        ("cell.nii.gz", "convert it to NRRD"),
        ("cell.nrrd.gz", "convert it to NRRD"),
        ("cell.xyz.gz", "unpack it and open the result"),
        ("cell.xz", "unpack it and open the result"),
        ("cell.dat", "rename it to .raw"),
        (".zarray.json", "open the folder that it is in"),
        ("cell.docx", f"use {READ}"),
    ],
)
def test_each_format_that_is_not_read_has_its_advice(name: str, advice: str) -> None:
    text = unknown_format(Path("/data") / name)
    assert text.startswith(f"/data/{name} has the suffix")
    assert advice in text.split("; ", 1)[1]


def test_a_name_without_a_suffix_is_told_what_is_read() -> None:
    assert unknown_format(Path("/data/cell")) == (
        f"/data/cell has no suffix that says its format; use {READ}"
    )


def test_no_advice_is_given_for_what_is_read() -> None:
    assert not set(ADVICE) & set(READERS)


@pytest.mark.parametrize("suffix", [*ADVICE, ".unknown"])
def test_a_sentence_says_what_is_wrong_and_what_to_do(suffix: str) -> None:
    text = unknown_format(Path(f"a{suffix}"))
    wrong, _, todo = text.partition("; ")
    assert wrong
    assert todo
    assert not todo.endswith(".")
    assert len(todo.split()) <= 30


def test_hdf5_under_another_name_is_renamed(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.nxs", "w") as file:
        file["em"] = [[1, 2], [3, 4]]
    assert unknown_format(tmp_path / "a.nxs").endswith("; it is HDF5, so rename it to a.h5")
