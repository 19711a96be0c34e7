"""The installed packages, against what this one requires."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from napari_scsam.doctor.finding import Finding
from napari_scsam.errors import NETWORK_PACKAGES, torch_is_installed
from napari_scsam.version import __version__

NAME = "napari-scsam"

QT_BINDINGS = ("PySide6", "PyQt6")
"""What napari draws its windows with; one of them is enough."""

SHOWN = ("napari", "npe2", "torch", "torchvision", "timm", "numpy", "zarr", "tifffile", "h5py")
"""Packages whose version is in the text; the facts have all."""


def examine_packages() -> Finding:
    """Return the versions of this package and those that it requires."""
    required = list(_requirements())
    versions = {each.name: installed_version(each.name) for each in required}
    versions |= {name: installed_version(name) for name in (*SHOWN, *QT_BINDINGS)}
    here = str(Path(__file__).parents[1])
    shown = [f"{name} {versions.get(name) or _missing(name)}" for name in SHOWN]
    shown += [f"{name} {versions[name]}" for name in QT_BINDINGS if versions[name]]
    return Finding(
        "packages",
        f"{NAME} {__version__} in {here}; {', '.join(shown)}",
        {NAME: __version__, "folder": here, "versions": versions},
        (*_unmet(required), *_plugin_complaints(), *_known_faults()),
    )


def installed_version(name: str) -> str | None:
    """Return the version of an installed package; None when it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _missing(name: str) -> str:
    """Return the word for a package that is not there; networks on this computer are a choice."""
    if name in NETWORK_PACKAGES:
        return "not installed"
    return "missing"


def _requirements() -> Iterator[Requirement]:
    """Yield what this package requires on this system; of its extras, that of networks here."""
    extra = "local" if torch_is_installed() else ""
    try:
        lines = metadata.requires(NAME) or []
    except metadata.PackageNotFoundError:
        return
    for line in lines:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield requirement


def _unmet(required: list[Requirement]) -> Iterator[str]:
    """Yield a sentence for each package that is missing or of a version that will not do."""
    for each in required:
        version = installed_version(each.name)
        if version is None:
            yield f"{each.name} is not installed; run: pip install '{each}'"
        elif not each.specifier.contains(version, prereleases=True):
            yield (
                f"{each.name} {version} is installed, but {each.specifier} is needed; "
                f"run: pip install '{each}'"
            )


def _plugin_complaints() -> Iterator[str]:
    """Yield a sentence when napari cannot find the plugin."""
    plugins = metadata.entry_points(group="napari.manifest")
    if NAME not in plugins.names:
        yield f"napari does not find the plugin, because {NAME} is not installed; install it by pip"


def _known_faults() -> Iterator[str]:
    """Yield a sentence for each version that is known to fail."""
    if installed_version("PySide6") == "6.12.0" and sys.version_info < (3, 12):
        yield (
            "PySide6 6.12.0 ends napari suddenly on Python 3.11; run: pip install 'PySide6!=6.12.0'"
        )
