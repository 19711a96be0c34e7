from __future__ import annotations

from pathlib import Path

import pytest
import zarr

from napari_scsam.io.ngff import NEW, OLD, as_attributes, update_ngff, version_of


@pytest.mark.parametrize(("zarr_format", "version"), [(2, OLD), (3, NEW)])
def test_the_version_follows_that_of_zarr(tmp_path: Path, zarr_format: int, version: str) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=zarr_format)
    assert version_of(group) == version


def test_the_old_version_is_written_into_each_of_the_metadata() -> None:
    found = as_attributes({"multiscales": [{"name": "a"}], "image-label": {}}, OLD)
    assert found == {
        "multiscales": [{"version": "0.4", "name": "a"}],
        "image-label": {"version": "0.4"},
    }


def test_the_new_version_is_written_once() -> None:
    found = as_attributes({"multiscales": [{"name": "a"}]}, NEW)
    assert found == {"ome": {"version": "0.5", "multiscales": [{"name": "a"}]}}


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_other_metadata_stay(tmp_path: Path, zarr_format: int) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=zarr_format)
    group.update_attributes({"mine": 1})
    update_ngff(group, {"omero": {"id": 3}})
    update_ngff(group, {"labels": ["a"]})
    found = group.attrs.asdict()
    assert found["mine"] == 1
    ome = found.get("ome", found)
    assert (ome["omero"], ome["labels"]) == ({"id": 3}, ["a"])
