"""The plugin's page in napari's preferences: what is set there counts."""

from __future__ import annotations

import sys
from dataclasses import asdict
from importlib import resources
from pathlib import Path

import pytest
from npe2 import PluginManifest

from napari_scsam.checkpoints.find import checkpoint_info, list_checkpoints
from napari_scsam.gui import network, settings
from napari_scsam.gui.jobs.engine import Engine
from napari_scsam.gui.network import first_checkpoint
from napari_scsam.gui.settings import PAGE, PLUGIN, Settings, read_settings
from napari_scsam.infer.predictor import Predictor
from napari_scsam.steps import drive


@pytest.fixture
def manifest() -> PluginManifest:
    return PluginManifest.from_file(str(resources.files("napari_scsam").joinpath("napari.yaml")))


@pytest.fixture
def page(plugin_settings, npe2pm, manifest):
    """The page as napari makes it from the manifest; what is set is kept by the test alone."""
    from napari.settings import get_plugin_settings

    npe2pm.register(manifest)
    return getattr(get_plugin_settings(PLUGIN), PAGE)


def test_the_page_offers_every_setting_with_its_default(page, manifest) -> None:
    properties = manifest.contributions.configurations[PAGE].properties
    assert {name: each.default for name, each in properties.items()} == asdict(Settings())
    assert read_settings() == Settings()


def test_what_is_set_is_read(page) -> None:
    page.device = "cpu"
    page.cache_gigabytes = 3.5
    page.checkpoint = "mine"
    assert read_settings() == Settings("cpu", 3.5, "mine")


def test_a_device_that_does_not_exist_cannot_be_set(page) -> None:
    with pytest.raises(ValueError, match="abacus"):
        page.device = "abacus"


def test_napari_without_such_pages_has_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "napari.settings", None)
    assert read_settings() == Settings()


def test_a_plugin_that_is_not_installed_has_the_defaults(plugin_settings, npe2pm) -> None:
    assert read_settings() == Settings()


def test_device_and_cache_are_those_that_were_set(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("NAPARI_SCSAM_CACHE_GB", raising=False)
    monkeypatch.setenv("NAPARI_SCSAM_CACHE", str(tmp_path))
    made = []
    real = Predictor.__init__

    def noted(self, model, device="auto", disk=None, **options):
        made.append((device, disk.limit))
        real(self, model, "cpu", disk, **options)

    monkeypatch.setattr(Predictor, "__init__", noted)
    engine = Engine()
    engine.settings = Settings(device="cuda", cache_gigabytes=2.0)
    drive(engine.load_steps(str(checkpoint)))
    assert made == [("cuda", 2_000_000_000)]


def test_the_environment_goes_before_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_scsam.infer.disk_cache import default_cache

    monkeypatch.setenv("NAPARI_SCSAM_CACHE_GB", "1")
    cache = default_cache(5.0)
    assert cache is not None
    assert cache.limit == 1_000_000_000
    monkeypatch.setenv("NAPARI_SCSAM_CACHE_GB", "")
    assert default_cache(0.0) is None


def test_a_new_window_begins_with_the_network_that_was_set(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    infos = list_checkpoints()
    monkeypatch.setattr(network, "read_settings", Settings)
    assert first_checkpoint(infos) == checkpoint_info()
    monkeypatch.setattr(network, "read_settings", lambda: Settings(checkpoint=str(checkpoint)))
    assert first_checkpoint(infos) == checkpoint_info(checkpoint)


def test_a_network_that_is_gone_is_said_and_the_shipped_one_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = []
    monkeypatch.setattr(network, "notify_error", told.append)
    monkeypatch.setattr(network, "read_settings", lambda: Settings(checkpoint="gone"))
    assert first_checkpoint(list_checkpoints()) == checkpoint_info()
    assert [str(each)[:20] for each in told] == ["no checkpoint 'gone'"]


def test_the_name_of_the_plugin_is_that_of_the_manifest(manifest) -> None:
    assert manifest.name == settings.PLUGIN
