"""The benchmark of measuring objects, at a small scale."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import zarr
from benchmarks.objects import measure

RESULTS = Path(__file__).resolve().parents[1] / "benchmarks" / "objects" / "results"


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("objects") / "labels.zarr"
    measure.make_objects(path, 40, 3)
    return path


def test_each_cell_has_an_object(labels: Path) -> None:
    values = zarr.open_array(labels, mode="r")[...]
    grey = zarr.open_array(measure.grey_path(labels), mode="r")[...]
    assert np.unique(values).tolist() == list(range(28))
    assert grey[values > 0].mean() < grey[values == 0].mean()


@pytest.mark.parametrize("way", measure.WAYS)
def test_each_way_sees_all_objects(way: str, labels: Path) -> None:
    figures = measure.timed(way, labels)
    assert figures["objects"] == 27
    assert figures["peak_gb"] > 0


def test_the_kept_figures_keep_the_promise() -> None:
    kept = json.loads((RESULTS / "measure.json").read_text())
    ours = kept["figures"]["measure_objects"]
    assert (kept["voxels"], ours["objects"]) == (1024**3, 10_648)
    assert ours["seconds"] <= 60
    assert ours["peak_gb"] <= 2
