from __future__ import annotations

import sys
from importlib import metadata

import pytest

from napari_scsam.doctor import packages
from napari_scsam.doctor.packages import examine_packages


def test_what_is_installed_here_is_sound() -> None:
    found = examine_packages()
    assert found.complaints == ()
    assert found.facts["versions"]["numpy"] == metadata.version("numpy")
    assert f"napari {metadata.version('napari')}" in found.text


def versions(monkeypatch: pytest.MonkeyPatch, **changed: str | None) -> tuple[str, ...]:
    """Return the complaints when some packages have other versions."""
    real = packages.installed_version
    monkeypatch.setattr(packages, "installed_version", lambda name: changed.get(name, real(name)))
    return examine_packages().complaints


def test_a_missing_package_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (complaint,) = versions(monkeypatch, mrcfile=None)
    assert complaint == "mrcfile is not installed; run: pip install 'mrcfile>=1.5'"


def test_a_package_that_is_too_old_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    (complaint,) = versions(monkeypatch, zarr="2.18.0")
    assert complaint.startswith("zarr 2.18.0 is installed, but >=3")
    assert "run: pip install 'zarr>=3" in complaint


def test_a_newer_prerelease_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    assert versions(monkeypatch, napari="99.0rc1") == ()


def test_a_qt_that_is_known_to_fail_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 11, 9))
    (complaint,) = versions(monkeypatch, PySide6="6.12.0")
    assert "PySide6!=6.12.0" in complaint


def test_a_plugin_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "entry_points", lambda **_: metadata.EntryPoints())
    assert "napari does not find the plugin" in examine_packages().complaints[0]
