"""The benchmark of instances: the graph alone, and volumes of real labels."""

from __future__ import annotations

import pytest
from benchmarks.objects.instances import measure_graph
from benchmarks.objects.volumes import side_of, write_labels

from napari_scsam.io.find_labels import find_labels
from napari_scsam.io.volumes import open_labels


def test_the_graph_alone_finds_every_object():
    result = measure_graph(2000)
    assert result["objects"] == 2000
    assert result["provisional_labels"] > 2000


@pytest.mark.emdata
def test_a_volume_of_real_labels_has_objects_everywhere(emdata, tmp_path):
    assert side_of(1) == 1024
    write_labels(tmp_path / "labels.zarr", 128)
    values = open_labels(find_labels(tmp_path / "labels.zarr")).data[...]
    assert values.shape == (128, 128, 128)
    assert 0 < values.mean() < 0.5
