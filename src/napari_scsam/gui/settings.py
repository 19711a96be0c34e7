"""What the user sets on the plugin's page of napari's preferences.

The page is described by ``configurations`` in ``napari.yaml``. napari before 0.9 has no such pages;
there, and where nothing was set, the defaults hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from napari_scsam.checkpoints.find import DEFAULT
from napari_scsam.paths import DEFAULT_CACHE_GB

PLUGIN = "napari-scsam"
PAGE = "segmentation"
"""Key of the page in the manifest."""


@dataclass(frozen=True)
class Settings:
    """The settings of the page; each field is a property in the manifest."""

    device: str = "auto"
    """``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``."""
    cache_gigabytes: float = DEFAULT_CACHE_GB
    """Most embeddings to keep on disk; the environment variable goes first."""
    checkpoint: str = DEFAULT
    """Name or path of the network that a new window begins with."""


def store_device(device: str) -> None:
    """Set the device for windows to come, where napari has the page."""
    page = _page()
    if page is not None:
        with suppress(ValueError):  # a second card is not a choice of the page
            page.device = device


def read_settings() -> Settings:
    """Return what the user has set; the defaults where napari has no page."""
    page = _page()
    if page is None:
        return Settings()
    values: dict[str, Any] = {
        name: getattr(page, name, default) for name, default in asdict(Settings()).items()
    }
    return Settings(**values)


def _page() -> Any:
    """Return the page; None before napari 0.9, and where the plugin is imported from a folder."""
    try:
        from napari.settings import get_plugin_settings
    except ImportError:
        return None
    pages: Mapping[str, Any] = get_plugin_settings()
    return getattr(pages.get(PLUGIN), PAGE, None)
