"""What is asked of the worker thread about one plane, and its answer."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import ClassSpec, VoxelSize
from napari_scsam.gui.layers.plane import Plane
from napari_scsam.gui.words import count_of, group_digits
from napari_scsam.io.contrast import Contrast

if TYPE_CHECKING:
    from napari_scsam.infer.suggest import Region

AT_ONCE = 0.05
"""Seconds below which no time is reported; it would read as 0.0 s."""

LEAST_SHARE = 0.0005
"""Smallest share of the pixels that is reported; less would read as 0.0 %."""


@dataclass(frozen=True)
class SliceRequest:
    """One plane to segment: everything that the worker thread needs, and no layer."""

    checkpoint: str
    volume: Hashable
    """Identity of the volume's pixels: contrast and embeddings are remembered under it."""
    data: Any = field(compare=False)  # arrays have no one answer; `volume` is their identity
    """(Y, X), (Z, Y, X) or several volumes (…, Z, Y, X), read lazily."""
    plane: Plane
    voxel_size: VoxelSize | None
    """nm along z, y, x; None when unknown."""
    classes: tuple[ClassSpec, ...]
    """The classes to write."""
    threshold_offsets: tuple[tuple[str, float], ...] = ()
    """What is added to the thresholds of classes, by name."""
    contrast: Contrast | None = None
    """The grey values that become black and white; None: as measured on the whole volume."""
    region: Region | None = None
    """The part of the plane to segment; None: all of it."""
    tta: bool = False
    """Whether several views of the plane are averaged."""
    coarse: bool = False
    """Whether the plane is never enlarged to the network's pixel size."""

    @property
    def key(self) -> Hashable:
        """Identity of the pixels to segment."""
        if self.region is None:
            return (self.volume, self.plane)
        return (self.volume, self.plane, self.region)

    @property
    def stack(self) -> Hashable:
        """Identity of the volume that the plane belongs to, which has one contrast."""
        return (self.volume, self.plane.lead) if self.plane.lead else self.volume

    def follows(self, other: SliceRequest | None) -> bool:
        """Whether it differs from another request by its threshold offsets alone."""
        if other is None or self.threshold_offsets == other.threshold_offsets:
            return False
        ours = (self.key, self.classes, self.tta, self.coarse)
        return ours == (other.key, other.classes, other.tta, other.coarse)

    def read(self) -> NDArray[Any]:
        """Read the pixels to segment, (rows, columns)."""
        if self.region is None:
            return self.plane.read(self.data)
        top, left, bottom, right = self.region
        return self.plane.read(self.data, slice(top, bottom))[:, left:right]

    @property
    def embedding(self) -> Hashable:
        """Identity of the embedding of these pixels."""
        looks = (self.voxel_size, self.contrast, self.tta, self.coarse)
        return (self.checkpoint, self.key, *looks)

    def describe(self) -> str:
        """Return a phrase for the user, e.g. ``"mitochondrion on slice 12"``."""
        what = count_of(len(self.classes), "class", "classes")
        if len(self.classes) == 1:
            what = self.classes[0].name
        where = "in a region of" if self.region else "on"
        return f"{what} {where} {self.plane.describe()}"


@dataclass(frozen=True)
class SliceSegmentation:
    """The answer to a `SliceRequest`."""

    request: SliceRequest
    labels: NDArray[np.integer[Any]]
    """(rows, columns) class ids."""
    device: str
    seconds: float
    taught: bool = False
    """Whether strokes have just taught the class."""

    def with_classes(self, kept: Sequence[ClassSpec]) -> SliceSegmentation:
        """Keep some of the classes, as they are called now."""
        ids = [spec.id for spec in kept]
        labels = np.where(np.isin(self.labels, ids), self.labels, 0).astype(self.labels.dtype)
        return replace(self, request=replace(self.request, classes=tuple(kept)), labels=labels)

    def on_plane(self) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """Return the labels of the whole plane, and its pixels outside the region, if any."""
        plane = self.request.plane
        region = self.request.region
        if region is None:
            return self.labels, None
        shape = plane.shape(self.request.data.shape)
        labels = np.zeros(shape, self.labels.dtype)
        outside = np.ones(shape, bool)
        part = slice(region[0], region[2]), slice(region[1], region[3])
        labels[part] = self.labels
        outside[part] = False
        return labels, outside

    def describe(
        self, refused: Mapping[str, int] | None = None, taken: Mapping[str, int] | None = None
    ) -> str:
        """Return a sentence on the result.

        For example ``"mitochondrion on slice 12: 4.9 % of the pixels, 1.3 s on cpu."``.

        Parameters
        ----------
        refused
            Pixels found that were left alone, by the word for what protects them, such as
            ``"reviewed"``; under `UNNAMED` those of other classes and those that the user painted.
        taken
            Pixels that another class had before, by its name.
        """
        what = self.describe_found()
        parts = [what]
        if self.device and self.seconds >= AT_ONCE:
            parts = [f"{what}, {self.seconds:.1f} s on {self.device}"]
        parts += [
            f"{group_digits(count)} taken from {name}" for name, count in (taken or {}).items()
        ]
        for word, count in (refused or {}).items():
            if count / self.labels.size >= LEAST_SHARE:
                parts.append(f"{self._share(count)} {_why_left(word)}")
        return "; ".join(parts) + "."

    def describe_found(self) -> str:
        """Return a phrase on how much was found of what."""
        return f"{self.request.describe()}: {self._found()}"

    def _found(self) -> str:
        found = int(np.count_nonzero(self.labels))
        if not found:
            return "nothing found"
        if self.taught:
            return count_of(found, "pixel")
        return f"{self._share(found)} of the pixels"

    def _share(self, count: int) -> str:
        return f"{count / self.labels.size:.1%}".replace("%", " %")


def _why_left(word: str) -> str:
    if word:
        return f"are {word} and stay"
    return "left unchanged (other classes or your edits)"
