from __future__ import annotations

import gc

import numpy as np
import pytest
from napari.layers import Image

from napari_scsam.gui.layers.images import Sources
from napari_scsam.io.contrast import Contrast


@pytest.fixture
def sources() -> Sources:
    return Sources()


def test_pixels_keep_their_identity_until_they_are_replaced(sources):
    one, two = Image(np.zeros((3, 4))), Image(np.zeros((3, 4)))
    before = sources.volume(one)
    assert sources.volume(one) == before != sources.volume(two)
    assert sources.layer(before) is one
    one.data = np.ones((3, 4))
    assert sources.volume(one) != before
    assert sources.layer(before) is None


def test_layers_are_not_kept_alive(sources):
    layer = Image(np.zeros((3, 4)))
    volume = sources.volume(layer)
    sources.type_size(layer, (5.0, 5.0, 5.0))
    del layer
    gc.collect()
    assert sources.layer(volume) is None


def test_voxel_size_is_read_typed_or_unknown_but_never_guessed(sources):
    layer = Image(np.zeros((2, 3, 4)), scale=(5, 5, 5))
    assert sources.voxel_size(layer) is None
    unknown = sources.explain_size(layer, 5.0)
    assert unknown.startswith("Voxel size unknown: the image is used at its own pixel size.")
    assert "no unit" in unknown
    assert "no unit" not in sources.explain_size(Image(np.zeros((3, 4))), 5.0)
    sources.type_size(layer, (40.0, 10.0, 10.0))
    assert sources.voxel_size(layer) == sources.typed_size(layer) == (40.0, 10.0, 10.0)
    assert (
        sources.explain_size(layer, 8.0)
        == "Typed here; slices are resampled to the network's 8 nm."
    )
    sources.type_size(layer, (8.0, 8.0, 8.0))
    assert sources.explain_size(layer, 8.0) == "Typed here; the same as the network's 8 nm."
    sources.type_size(layer, None)
    assert sources.voxel_size(layer) is None


def test_typing_what_the_layer_says_is_no_news(sources):
    layer = Image(np.zeros((2, 3, 4)), scale=(40, 10, 10), units=("nm",) * 3)
    sources.type_size(layer, (40.0, 10.0, 10.0))
    assert sources.typed_size(layer) is None
    assert sources.explain_size(layer, None) == "From the layer."


def test_voxel_size_follows_the_layer(sources):
    layer = Image(np.zeros((2, 3, 4)))
    sources.volume(layer)
    seen = []
    sources.changed.connect(lambda: seen.append(sources.voxel_size(layer)))
    layer.units = ("um",) * 3
    layer.scale = (0.04, 0.01, 0.01)
    assert seen[-1] == (40, 10, 10)


def test_the_contrast_is_the_volumes_until_the_one_shown_is_asked_for(sources):
    layer, news = Image(np.zeros((2, 3, 4)), contrast_limits=(3, 9), metadata={"mine": 1}), []
    sources.changed.connect(lambda: news.append(sources.contrast(layer)))
    assert sources.contrast(layer) is None
    sources.take_contrast_as_shown(layer, True)
    layer.contrast_limits = (4, 8)
    assert sources.contrast(layer) == Contrast(4.0, 8.0)
    sources.take_contrast_as_shown(layer, False)
    assert news == [Contrast(3.0, 9.0), None]
    assert layer.metadata["mine"] == 1
