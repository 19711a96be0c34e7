"""What segment, instances and export write opens at its root in programs of others.

``nox -s elsewhere`` installs all of these programs; elsewhere, those that are installed are tried.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from ome_zarr_models import open_ome_zarr

from napari_scsam.config import ClassSpec
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.labels import write_labels
from napari_scsam.io.volumes import as_volume
from napari_scsam.model import ScSAM
from napari_scsam.steps import drive
from napari_scsam.volume.instances.find import find_instances
from napari_scsam.volume.run import segment_volume

SIZE = (20.0, 8.0, 4.0)
VALUES = np.random.default_rng(0).integers(0, 3, (3, 70, 80), dtype=np.uint8)
CLASSES = (ClassSpec(1, "er"), ClassSpec(2, "golgi"))

# Of the programs of others, on the way to our files.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def written(random_model: ScSAM, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a folder by what wrote it."""
    folder = tmp_path_factory.mktemp("written")
    paths = {name: folder / f"{name}.zarr" for name in ("segment", "instances", "export")}
    predictor = Predictor(random_model, "cpu")
    drive(segment_volume(as_volume(VALUES, SIZE), predictor, paths["segment"]))
    write_labels(paths["export"], VALUES, SIZE, CLASSES)
    drive(find_instances(paths["export"], paths["instances"], smallest=1))
    return paths


def by_ome_zarr_py(path: Path) -> tuple[Any, list[float]]:
    address = import_module("ome_zarr.io").parse_url(path)
    node = next(iter(import_module("ome_zarr.reader").Reader(address)()))
    steps = node.metadata["coordinateTransformations"][0]
    return node.data[0], next(step["scale"] for step in steps if "scale" in step)


def by_ome_zarr_models(path: Path) -> tuple[Any, list[float]]:
    group = open_ome_zarr(zarr.open_group(path, mode="r"))
    dataset = group.ome_attributes.multiscales[0].datasets[0]
    scale = dataset.coordinateTransformations[0].scale
    return zarr.open_array(path / dataset.path, mode="r"), list(scale)


def by_bioio(path: Path) -> tuple[Any, list[float]]:
    image = import_module("bioio").BioImage(path)
    size = image.physical_pixel_sizes
    return image.get_image_data("ZYX"), [size.Z, size.Y, size.X]


def by_napari_ome_zarr(path: Path) -> tuple[Any, list[float]]:
    read = import_module("napari_ome_zarr").napari_get_reader(str(path))
    data, attributes, *_ = read(str(path))[0]
    level = data[0] if isinstance(data, (list, tuple)) else data
    return level, attributes["scale"]


READERS = {
    "ome_zarr_models": by_ome_zarr_models,
    "ome_zarr": by_ome_zarr_py,
    "bioio_ome_zarr": by_bioio,
    "napari_ome_zarr": by_napari_ome_zarr,
}
"""How the first image is read, with its size, by the package that must be installed."""


@pytest.mark.parametrize(
    ("writer", "labels"), [("segment", "classes"), ("instances", "er"), ("export", "classes")]
)
@pytest.mark.parametrize("read", [read for name, read in READERS.items() if find_spec(name)])
def test_the_root_opens_with_its_values_and_size(
    written: dict[str, Path],
    writer: str,
    labels: str,
    read: Callable[[Path], tuple[Any, list[float]]],
) -> None:
    path = written[writer]
    expected = zarr.open_array(path / "labels" / labels / "0", mode="r")[...]
    assert expected.any()
    found, size = read(path)
    np.testing.assert_array_equal(np.asarray(found), expected)
    assert size == pytest.approx(SIZE)
