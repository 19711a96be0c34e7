"""Public electron-microscopy images that a user can download and try.

`samples.json` has their addresses, hashes and licences.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage import io

from napari_scsam.config import UserError, VoxelSize, parse_voxel_size
from napari_scsam.io.download import RemoteFile, download
from napari_scsam.paths import cache_folder
from napari_scsam.steps import Progress, as_part


@dataclass(frozen=True)
class Sample:
    """One public image or stack."""

    name: str
    about: str
    """Tissue, microscope, source, and what part of it this is."""
    licence: str
    voxel_size: VoxelSize | None
    """nm along z, y, x; None where the source does not state it."""
    files: tuple[RemoteFile, ...]
    """One file per slice, in order."""

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Sample:
        """Read one entry of ``samples.json``."""
        return cls(
            name=str(data["name"]),
            about=str(data["about"]),
            licence=str(data["licence"]),
            voxel_size=parse_voxel_size(data["voxel_nm_zyx"]),
            files=tuple(RemoteFile.from_dict(f) for f in data["files"]),
        )


def list_samples() -> tuple[Sample, ...]:
    """Return the public samples."""
    file = resources.files("napari_scsam.samples") / "samples.json"
    text = file.read_text(encoding="utf-8")
    return tuple(Sample.from_dict(entry) for entry in json.loads(text))


def fetch_sample(
    sample: Sample | str,
) -> Generator[Progress, None, tuple[NDArray[Any], VoxelSize | None, str]]:
    """Download a sample, or read it from the cache, and stack its slices.

    Parameters
    ----------
    sample
        One of `list_samples`, or its name.

    Yields
    ------
    Progress
        In bytes over all files.

    Returns
    -------
    image : ndarray
        (Z, Y, X), or (Y, X) for a sample of a single slice; greys as in the files.
    voxel_size : VoxelSize or None
        nm along z, y, x.
    about : str
        What it is, with its licence.

    Raises
    ------
    UserError
        When no sample has this name, or a file cannot be downloaded.
    """
    if isinstance(sample, str):
        sample = _named(sample)
    total = sum(f.size for f in sample.files)
    before = 0
    planes = []
    for file in sample.files:
        steps = download(file, cache_folder() / "samples" / sample.name)
        path = yield from as_part(steps, before, total)
        before += file.size
        yield Progress(before, total, f"{sample.name}: {file.name}")
        planes.append(_read_grey(path))
    image = planes[0]
    if len(planes) > 1:
        image = np.stack(planes)
    return image, sample.voxel_size, f"{sample.about}. Licence: {sample.licence}."


def _named(name: str) -> Sample:
    samples = {s.name: s for s in list_samples()}
    if name not in samples:
        raise UserError(f"no sample is called {name!r}; choose from: {', '.join(samples)}")
    return samples[name]


def _read_grey(path: Path) -> NDArray[Any]:
    """Read one slice; all channels of a grey picture saved as RGB are the same."""
    plane = np.asarray(io.imread(path))
    if plane.ndim == 3:
        return plane[..., 0]
    return plane
