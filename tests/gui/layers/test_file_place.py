"""What a label file does not hold of the place of a layer is said, and nothing raw is raised."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
from napari.layers import Labels

from napari_scsam.config import UserError
from napari_scsam.gui.layers import files
from napari_scsam.gui.layers.class_table import VOXEL_SIZE_KEY
from napari_scsam.gui.layers.files import write_labels_layer
from napari_scsam.io.volumes import open_labels

NM = ("nm",) * 3
VALUES = np.arange(3 * 20 * 24).reshape(3, 20, 24) % 5
MOVED = np.eye(4)
MOVED[0, 3] = 80


def save(path: Path, data: Any = VALUES, **state: Any) -> None:
    layer = Labels(data, name="mine", **state)
    data, attributes, _ = layer.as_layer_data_tuple()
    write_labels_layer(str(path), data, attributes)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    texts: list[str] = []
    monkeypatch.setattr(files, "show_info", texts.append)
    return texts


@pytest.mark.parametrize("name", ["out.zarr", "out.tif"])
@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"scale": (-8, 8, 8)}, "mirrored"),
        ({"scale": (8, 8, -8)}, "mirrored"),
        ({"scale": (8, 8, 8), "shear": (0, 0, 0.3)}, "turned or sheared"),
        ({"scale": (8, 8, 8), "affine": np.diag([2, 2, 2, 1.0])}, "affine"),
        ({"scale": (8, 8, 8), "affine": MOVED}, "affine"),
    ],
)
def test_a_place_that_is_not_saved_is_said(
    tmp_path: Path, said: list[str], name: str, state: dict[str, Any], words: str
) -> None:
    save(tmp_path / name, units=NM, **state)
    (text,) = said
    assert "'mine'" in text
    assert words in text
    assert np.array_equal(open_labels(tmp_path / name).data[...], VALUES)


def test_a_plain_place_is_saved_without_a_word(tmp_path: Path, said: list[str]) -> None:
    save(tmp_path / "out.zarr", scale=(8, 4, 4), translate=(80, 0, -4), units=NM)
    assert said == []
    assert open_labels(tmp_path / "out.zarr").origin == (80, 0, -4)


@pytest.mark.parametrize("name", ["out.zarr", "out.tif"])
@pytest.mark.parametrize("step", [8e-9, 8e6])
def test_a_size_in_another_unit_is_unknown(tmp_path: Path, name: str, step: float) -> None:
    save(tmp_path / name, scale=(step,) * 3, units=NM)
    assert open_labels(tmp_path / name).voxel_size is None


@pytest.mark.parametrize("name", ["out.zarr", "out.tif"])
def test_what_cannot_be_read_or_used_is_a_sentence(tmp_path: Path, name: str) -> None:
    def broken(_block: np.ndarray) -> np.ndarray:
        raise ZeroDivisionError

    lazy = da.map_blocks(broken, da.from_array(VALUES), dtype="i8", meta=np.zeros((0, 0, 0), "i8"))
    with pytest.raises(UserError, match="'mine' cannot be read"):
        write_labels_layer(str(tmp_path / name), lazy, {"name": "mine"})
    with pytest.raises(UserError, match="1 axes"):
        write_labels_layer(str(tmp_path / name), VALUES[0, 0], {"name": "mine"})
    with pytest.raises(UserError, match="voxel size"):
        save(tmp_path / name, metadata={VOXEL_SIZE_KEY: "abc"})
    assert list(tmp_path.iterdir()) == []
