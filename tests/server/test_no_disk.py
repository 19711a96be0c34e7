"""A server writes nothing of what clients send."""

from __future__ import annotations

import numpy as np

from napari_scsam.server.no_disk import NoDisk, no_disk


def test_nothing_is_kept_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cache = NoDisk()
    cache.put("slice", 0, 1, np.zeros(3))
    assert cache.get("slice", 0, (1, 1)) is None
    assert cache.bytes() == 0
    assert not list(tmp_path.iterdir())


def test_values_are_rounded_as_by_a_window_only_where_windows_keep_a_cache(monkeypatch):
    monkeypatch.setenv("NAPARI_SCSAM_CACHE_GB", "0")
    assert no_disk() is None
    monkeypatch.setenv("NAPARI_SCSAM_CACHE_GB", "1")
    assert isinstance(no_disk(), NoDisk)
