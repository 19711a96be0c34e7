from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_scsam.gui.workarounds.save_suffix import let_suffix_choose, may_write
from napari_scsam.io.volumes import open_labels

BUILT_IN = (".tif", ".tiff", ".npz")


@pytest.mark.parametrize(
    ("suffixes", "path", "fits"),
    [
        (BUILT_IN, "a.zarr", False),
        (BUILT_IN, "a.TIF", True),
        (BUILT_IN, "a", True),
        ((), "a.zarr", True),
        ((".ome.zarr",), "a.ome.zarr", True),
    ],
)
def test_the_suffix_tells_whether_a_writer_fits(suffixes, path, fits):
    assert may_write(suffixes, path) == fits


def test_a_name_that_ends_in_zarr_is_saved_as_zarr_with_the_filter_of_napari(tmp_path):
    from npe2 import PluginManager

    manager = PluginManager.instance()
    manager.discover()
    writer = next(iter(manager.iter_compatible_writers(["labels"])))
    assert writer.command.startswith("napari."), "napari's own writer is the first of the list"
    viewer = ViewerModel()
    layer = viewer.add_labels(np.arange(12, dtype=np.uint8).reshape(3, 4))
    for _ in range(2):
        let_suffix_choose(viewer.layers)
    path = tmp_path / "mine.zarr"
    viewer.layers.save(str(path), selected=True, _writer=writer)
    np.testing.assert_array_equal(open_labels(path).data[...], layer.data)


def test_a_writer_that_fits_is_used(tmp_path):
    calls = []
    layers = SimpleNamespace(save=lambda path, **options: calls.append((path, options)) or [])
    let_suffix_choose(layers)
    writer = SimpleNamespace(filename_extensions=[".tif"])
    layers.save("a.tif", selected=True, _writer=writer)
    layers.save("a.h5", selected=False, _writer=writer)
    assert calls == [
        ("a.tif", {"selected": True, "_writer": writer}),
        ("a.h5", {"selected": False, "_writer": None}),
    ]
