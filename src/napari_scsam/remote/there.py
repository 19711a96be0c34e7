"""Volumes that a server opens: the client knows their shape, and never sees their pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from napari_scsam.config import UserError, VoxelSize
from napari_scsam.io.contrast import Contrast
from napari_scsam.io.lazy import LazyArray
from napari_scsam.io.volumes import Volume
from napari_scsam.remote.asked import HashSlice, OpenVolume, Request
from napari_scsam.remote.line import StateLostError
from napari_scsam.remote.session import RemoteSession
from napari_scsam.steps import Steps


@dataclass(frozen=True)
class ElsewhereArray:
    """Stands for the pixels of a volume that the server reads."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __getitem__(self, key: Any) -> NoReturn:
        raise UserError("the pixels are on the server alone; open the image on this computer")


class ThereNumber:
    """The number by which the server knows a volume; another one in a new session.

    Parameters
    ----------
    session
        Of the client.
    request
        What opens the volume.
    """

    def __init__(self, session: RemoteSession, request: OpenVolume) -> None:
        self.session = session
        self.request = request
        self.number = 0
        self.number_session = -1

    def open_steps(self) -> Steps[Any]:
        """Open the volume, and return `Opened`."""
        opened = yield from self.session.ask_steps(lambda: self.request)
        self.number = opened.volume
        self.number_session = self.session.line.session
        return opened

    def ask_steps(self, request: Request) -> Steps[Any]:
        """Ask something about the volume."""
        return (yield from self.session.ask_steps(lambda: request))

    def forget(self) -> None:
        """Open the volume again before it is asked for next."""
        self.number_session = -1

    @property
    def is_known(self) -> bool:
        """Whether the session of the server still has it, as far as is known here."""
        return self.number_session == self.session.line.session


@dataclass(frozen=True, eq=False, kw_only=True)
class ThereVolume(Volume):
    """A volume that the server reads."""

    place: ThereNumber
    contrast: Contrast
    fingerprint: str

    def number_steps(self) -> Steps[int]:
        """Return its number, after it was opened again where the server has forgotten it.

        Raises
        ------
        UserError
            When it is another image now.
        """
        if not self.place.is_known:
            opened = yield from self.place.open_steps()
            if opened.fingerprint != self.fingerprint:
                raise UserError(f"{self.name} was replaced on the server; start again")
        return self.place.number

    def hash_steps(self, z: int, window: tuple[slice, slice]) -> Steps[str]:
        """Return `pixels_hash` of a part of a slice."""
        while True:
            number = yield from self.number_steps()
            rows, columns = window
            corner = (rows.start, rows.stop, columns.start, columns.stop)
            request = HashSlice(id=0, volume=number, z=z, window=corner)
            try:
                found = yield from self.place.ask_steps(request)
            except StateLostError:
                self.place.forget()
                continue
            pixels: str = found.pixels
            return pixels


def open_there_steps(
    session: RemoteSession, location: str, voxel_size: VoxelSize | None = None
) -> Steps[ThereVolume]:
    """Open a volume among the data of the server.

    Parameters
    ----------
    session
        Of the client.
    location
        A path or an address, as the server sees it.
    voxel_size
        nm along z, y, x; that of the file when not given.

    Raises
    ------
    UserError
        When the server does not open it.
    """
    request = OpenVolume(id=0, location=location, voxel_size=voxel_size)
    place = ThereNumber(session, request)
    opened = yield from place.open_steps()
    stored = ElsewhereArray(tuple(opened.shape), np.dtype(opened.dtype))
    return ThereVolume(
        name=opened.name,
        data=LazyArray(stored, (None,) * len(opened.shape), opened.name),
        voxel_size=opened.voxel_size,
        origin=opened.origin,
        notes=opened.notes,
        sides=opened.sides,
        place=place,
        contrast=Contrast(*opened.contrast),
        fingerprint=opened.fingerprint,
    )
