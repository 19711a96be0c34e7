"""One client's session on a server: what it must know is told again after a cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from napari_scsam.config import TaughtClass, UserError
from napari_scsam.remote.arrays import pack
from napari_scsam.remote.asked import PutPixels, Request
from napari_scsam.remote.asking import PATIENCE, answer_steps, connected_steps
from napari_scsam.remote.connection import Connection
from napari_scsam.remote.line import LineLostError, NeedFilesError, NeedPixelsError
from napari_scsam.remote.networks import NamedNetworks, name_networks
from napari_scsam.remote.parts import TaughtSpec
from napari_scsam.remote.remote_slice import RemoteSlice
from napari_scsam.steps import Progress, Steps

MOST_PUTS = 5
"""How often a server may ask for the pixels of one request; memory is too small after that."""


class RemoteSession:
    """Asks a server; loads the network and sends pixels where the server lacks them.

    Parameters
    ----------
    line
        To the server.
    patience
        Seconds to wait for a line that was cut.
    """

    def __init__(self, line: Connection, patience: float = PATIENCE) -> None:
        self.line = line
        self.patience = patience
        self.loaded: Any = None
        """The last `Loaded`; None before the first."""
        self.taught: dict[str, TaughtClass] = {}
        """What the network was taught, by the lower-case name of the class."""
        self._networks: NamedNetworks | None = None
        self._number = 0
        """Of the session in which the network was loaded."""
        self._sent: set[str] = set()
        """Hashes of the pixels that the server has."""

    def load_steps(self, checkpoint: str, taught: Sequence[TaughtClass]) -> Steps[Any]:
        """Load a checkpoint, with classes taught before; return `Loaded`.

        Parameters
        ----------
        checkpoint
            A name that the server knows, or the path of a file, which is sent to it.
        taught
            Classes that were taught before.
        """
        before = (self._networks, self.taught, self._number)
        self._networks = name_networks(checkpoint)
        self.taught = {each.spec.name.casefold(): each for each in taught}
        self._number = 0
        try:
            yield from self.ask_steps(None)
        except UserError:
            self._networks, self.taught, self._number = before
            raise
        return self.loaded

    def ask_steps(
        self,
        make: Callable[[], Request] | None,
        slices: Sequence[RemoteSlice] = (),
        take: Callable[[Any], object] | None = None,
    ) -> Steps[Any]:
        """Ask, as often as a line that is cut makes it necessary, and return the result.

        Parameters
        ----------
        make
            Creates the request; None only makes the server ready.
        slices
            Whose pixels the server needs for it.
        take
            Called with what comes before the result, other than progress.

        Raises
        ------
        UserError
            When there is no line for too long, or the server says what was wrong.
        StateLostError
            When the request refers to something that the server has dropped.
        """
        puts = 0
        while True:
            yield from connected_steps(self.line, self.patience)
            try:
                yield from self._make_ready(slices)
                if make is None:
                    return None
                return (yield from answer_steps(self.line, make(), take))
            except LineLostError:
                continue
            except NeedPixelsError as error:
                self._sent.difference_update(error.hashes)
                puts += 1
            if puts > MOST_PUTS:
                raise UserError(
                    "the server has too little memory for this slice; use a smaller one"
                )

    def _make_ready(self, slices: Sequence[RemoteSlice]) -> Steps[None]:
        """Load the network and send pixels, where the session of the server lacks them."""
        yield from self._load_again()
        for each in slices:
            yield from self._put(each)

    def _load_again(self) -> Steps[None]:
        """Load the network again in a new session, with all that it was taught."""
        networks = self._networks
        if self._number == self.line.session or networks is None:
            return
        number = self.line.session
        self._sent.clear()
        taught = tuple(map(TaughtSpec.of, self.taught.values()))
        try:
            self.loaded = yield from answer_steps(self.line, networks.request(taught))
        except NeedFilesError as error:
            for sha256 in error.hashes:
                yield from self._send_file(networks, sha256)
            self.loaded = yield from answer_steps(self.line, networks.request(taught))
        self._number = number

    def _send_file(self, networks: NamedNetworks, sha256: str) -> Steps[None]:
        """Send a checkpoint of this computer, once a session."""
        for part in networks.parts(sha256):
            yield Progress(part.offset, part.file.bytes, "sending the checkpoint to the server")
            yield from answer_steps(self.line, part)

    @property
    def number(self) -> int:
        """Of the session in which the network was loaded."""
        return self._number

    def _put(self, slice_: RemoteSlice) -> Steps[None]:
        """Send the pixels of a slice, once a session."""
        if slice_.ref.pixels in self._sent:
            return
        request = PutPixels(id=0, pixels=slice_.ref.pixels, array=pack(slice_.pixels))
        yield from answer_steps(self.line, request)
        self._sent.add(slice_.ref.pixels)
