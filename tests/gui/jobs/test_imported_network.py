"""A network of another program on the worker thread, beside the shipped one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_networks import write_onnx

from napari_scsam.checkpoints.imported.importing import NetworkCard, import_network
from napari_scsam.errors import ImportedNetworkError
from napari_scsam.gui.jobs.engine import Engine
from napari_scsam.gui.jobs.slice_request import SliceRequest
from napari_scsam.gui.layers.plane import Plane
from napari_scsam.io.contrast import Contrast
from napari_scsam.steps import drive


def test_its_classes_are_segmented_by_the_engine_and_clicks_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "er.safetensors"
    file = write_onnx(tmp_path / "er.onnx")
    info = import_network(file, path, NetworkCard(("ER=77", "background"), nm_per_pixel=8.0))
    stack = np.random.default_rng(0).integers(0, 60, (2, 40, 80), np.uint8)
    stack[:, :, 40:] += 180
    request = SliceRequest(
        str(path),
        "volume",
        stack,
        Plane(0, 1),
        (40.0, 8.0, 8.0),
        info.classes,
        contrast=Contrast(0, 255),
    )
    engine = Engine()
    found = drive(engine.segment_steps(request))
    assert np.array_equal(found.labels, np.where(stack[1] > 120, 77, 0))
    predictor = drive(engine.ready_steps(str(path)))
    with pytest.raises(ImportedNetworkError):
        predictor.predict_prompts(points=[(10, 10)])
