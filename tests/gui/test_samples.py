"""The sample-data menu."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.plugins import _npe2
from napari.utils.notifications import notification_manager
from npe2 import PluginManifest

from napari_scsam.config import UserError
from napari_scsam.gui import samples
from napari_scsam.samples.phantom import PHANTOM_CLASSES
from napari_scsam.samples.public import list_samples


def test_phantom_gives_an_image_and_its_true_labels_called_synthetic() -> None:
    (image, image_meta, image_type), (labels, labels_meta, labels_type) = samples.phantom()
    assert (image_type, labels_type) == ("image", "labels")
    assert image.shape == labels.shape
    assert all(meta["name"].startswith("synthetic") for meta in (image_meta, labels_meta))
    assert image_meta["scale"] == labels_meta["scale"] == (20.0, 8.0, 8.0)
    assert labels_meta["features"]["class"][1:] == [c.name for c in PHANTOM_CLASSES]
    assert np.isin(labels, labels_meta["features"]["index"]).all()


@pytest.mark.parametrize(("voxel_size", "scale"), [((40.0, 5.0, 6.0), (5.0, 6.0)), (None, None)])
def test_public_sample_becomes_one_image_with_its_licence(
    monkeypatch: pytest.MonkeyPatch,
    voxel_size: tuple[float, float, float] | None,
    scale: tuple[float, float] | None,
) -> None:
    def fetched(name: str) -> object:
        yield from ()
        return np.zeros((4, 5), np.uint8), voxel_size, f"{name}. Licence: free."

    monkeypatch.setattr(samples, "fetch_sample", fetched)
    ((image, meta, kind),) = samples.leaf()
    assert (image.shape, kind, meta["name"]) == ((4, 5), "image", "leaf")
    assert meta["metadata"]["about"] == "leaf. Licence: free."
    assert meta.get("scale") == scale
    assert meta["axis_labels"] == ("y", "x")


def test_the_shipped_sample_is_real_tissue_with_its_size_and_its_makers() -> None:
    ((image, meta, kind),) = samples.shipped()
    assert (image.shape, image.dtype, kind) == ((24, 250, 250), np.uint8, "image")
    assert meta["scale"] == pytest.approx((10.0, 10.0, 10.0))
    assert meta["axis_labels"] == ("z", "y", "x")
    assert "Parag et al. 2015" in meta["metadata"]["about"]


def test_a_sample_that_cannot_be_downloaded_ends_in_its_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def offline(name: str) -> object:
        yield from ()
        raise UserError(f"could not download {name}: are you offline?; try again")

    monkeypatch.setattr(samples, "fetch_sample", offline)
    monkeypatch.setattr(
        _npe2, "get_sample_data", lambda _plugin, sample: (getattr(samples, sample), [])
    )
    notification_manager.records.clear()
    viewer = ViewerModel()
    assert viewer.open_sample("napari-scsam", "leaf") == []
    assert [(n.message, str(n.severity)) for n in notification_manager.records] == [
        ("Could not download leaf: are you offline?; try again.", "warning")
    ]
    assert len(viewer.layers) == 0


def test_menu_offers_every_sample() -> None:
    manifest = PluginManifest.from_file(
        str(resources.files("napari_scsam").joinpath("napari.yaml"))
    )
    offered = {s.key: s for s in manifest.contributions.sample_data or ()}
    assert next(iter(offered)) == "shipped"
    assert set(offered) == {"shipped", "phantom", *(s.name for s in list_samples())}
    for key, entry in offered.items():
        command = next(c for c in manifest.contributions.commands or () if c.id == entry.command)
        assert command.python_name == f"napari_scsam.gui.samples:{key}"
        assert callable(getattr(samples, key))
        assert isinstance(entry.display_name, str)
