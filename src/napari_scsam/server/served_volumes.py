"""Volumes that the server opens for a client, by names that `DataPlaces` allows."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from napari_scsam.config import UserError
from napari_scsam.io.contrast import Contrast, contrast_of, sample_planes
from napari_scsam.io.images import open_grey_volume
from napari_scsam.io.slabs import with_slabs
from napari_scsam.io.volumes import Volume
from napari_scsam.remote.answered import HashedSlice, Opened
from napari_scsam.remote.asked import HashSlice, LabelSlice, OpenVolume, PixelWindow
from napari_scsam.remote.line import StateLostError
from napari_scsam.server.data_places import DataPlaces
from napari_scsam.volume.run_image import image_fingerprint
from napari_scsam.volume.writing.ledger import pixels_hash

MOST_VOLUMES = 4
"""Volumes of a session that are open."""


@dataclass(frozen=True)
class ServedVolume:
    """A volume, and what a run measures on it before it begins."""

    volume: Volume
    contrast: Contrast
    fingerprint: str


class ServedVolumes:
    """The volumes of one session; thread safe."""

    def __init__(self) -> None:
        self._open: OrderedDict[int, ServedVolume] = OrderedDict()
        self._last = 0
        self._lock = threading.Lock()

    def open(self, request: OpenVolume, places: DataPlaces) -> Opened:
        """Open a volume and measure its contrast.

        Raises
        ------
        UserError
            When it is not allowed, or cannot be opened.
        """
        volume = open_grey_volume(places.check(request.location), request.voxel_size)
        source = with_slabs(volume)
        sample = sample_planes(source.data)
        served = ServedVolume(source, contrast_of(sample), image_fingerprint(source.data, sample))
        with self._lock:
            self._last += 1
            number = self._last
            self._open[number] = served
            while len(self._open) > MOST_VOLUMES:
                self._open.popitem(last=False)
        return Opened(
            id=request.id,
            volume=number,
            name=volume.name[:300],
            shape=tuple(volume.shape),
            dtype=volume.dtype.str,
            voxel_size=volume.voxel_size,
            origin=volume.origin,
            sides=volume.sides,
            contrast=(float(served.contrast.low), float(served.contrast.high)),
            fingerprint=served.fingerprint,
            notes=tuple(text[:4000] for text in volume.notes),
        )

    def find(self, number: int) -> ServedVolume:
        """Return a volume.

        Raises
        ------
        StateLostError
            When it was closed.
        """
        with self._lock:
            if number not in self._open:
                raise StateLostError("the volume is not open any more; open it again")
            self._open.move_to_end(number)
            return self._open[number]

    def hash_slice(self, request: HashSlice) -> HashedSlice:
        """Hash the part of a slice that a run labels."""
        volume = self.find(request.volume).volume
        if request.z >= volume.depth:
            raise UserError(f"the volume has no slice {request.z}; its slices are counted from 0")
        window = window_inside(request.window, volume.shape)
        return HashedSlice(id=request.id, pixels=pixels_hash(volume.plane(request.z)[window]))

    def read_ahead(self, request: LabelSlice) -> None:
        """Read a slice that is labelled next, so that the device does not wait for it."""
        if request.volume is not None:
            volume = self.find(request.volume).volume
            if request.z < volume.depth:
                volume.plane(request.z)

    def close(self) -> None:
        """Close all."""
        with self._lock:
            self._open.clear()


def window_inside(window: PixelWindow | None, shape: Sequence[int]) -> tuple[slice, slice]:
    """Return rows and columns.

    Raises
    ------
    UserError
        When they are not on the slices of a volume.
    """
    height, width = shape[-2:]
    top, bottom, left, right = window or (0, height, 0, width)
    if not (top < bottom <= height and left < right <= width):
        raise UserError("the region is empty or outside of the volume; choose another one")
    return slice(top, bottom), slice(left, right)
