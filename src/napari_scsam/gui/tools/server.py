"""Choosing where the network runs, testing a server, and keeping its token."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_scsam.config import UserError
from napari_scsam.errors import torch_is_installed
from napari_scsam.gui.notify import notify_error
from napari_scsam.gui.preferences import forget_server_in_use, remember_server, server_in_use
from napari_scsam.gui.server_line import Aside
from napari_scsam.gui.settings import read_settings, store_device
from napari_scsam.gui.words import as_sentence

if TYPE_CHECKING:
    from napari_scsam.gui.session import Session

AUTO = "auto"


class ServerChoice:
    """The verbs behind *Device*; made by ``session.part(ServerChoice)``."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.network = session.network
        self._aside = Aside()
        self._resumed = False

    def list_devices(self) -> list[tuple[str, str]]:
        """Return the devices of this computer: their names, and how they are called."""
        if not torch_is_installed():
            return []
        found = {AUTO: "Automatic", "cpu": "Processor"}
        found |= {device.name: device.label for device in self.network.devices}
        chosen = self.network.device or read_settings().device
        found.setdefault(chosen, chosen)
        return list(found.items())

    def chosen(self) -> str:
        """Return the name of the device in use, or the address of the server."""
        if self.network.server:
            return self.network.server
        if not torch_is_installed():
            return ""
        return self.network.device or read_settings().device

    def use_computer(self, device: str = "") -> None:
        """Run networks on this computer, in new windows, too."""
        if device:
            store_device(device)
        forget_server_in_use()
        self.network.use_computer(device)

    def use(self, address: str, token: str) -> None:
        """Run networks on a server, in new windows, too; its token goes to the keyring."""
        try:
            self.network.use_server(address, token)
        except UserError as error:
            notify_error(error)
            return
        remember_server(self.network.server)
        self._aside.run(partial(keep_token, self.network.server, token), self._on_kept)

    def resume(self) -> None:
        """Run networks on the server that was used last, if its token is known."""
        address = server_in_use()
        if self._resumed or self.network.server or not address:
            return
        self._resumed = True
        self._aside.run(partial(known_token, address), partial(self._on_token, address))

    def find_token(self, address: str, receiver: Callable[[str], object]) -> None:
        """Look for the token of a server, and pass it on; empty when it is not known."""
        self._aside.run(partial(known_token, address), receiver)

    def test(self, address: str, token: str, receiver: Callable[[str], object]) -> None:
        """Connect to a server, and pass on a sentence on what it is."""

        def tell(outcome: Any) -> None:
            receiver(as_sentence(str(outcome)))

        self._aside.run(partial(try_server, address, token), tell)

    def _on_token(self, address: str, token: str) -> None:
        if self.network.server:
            return
        if token:
            self.use(address, token)
            return
        self.session.status.emit(
            f"The token of {address} is not known; choose Server … under Model > Device."
        )

    def _on_kept(self, kept: object) -> None:
        if isinstance(kept, UserError):
            notify_error(kept)


def try_server(address: str, token: str) -> str:
    """Connect once, and return what the server computes on.

    Raises
    ------
    UserError
        When it cannot be used.
    """
    from napari_scsam.remote.connection import Connection

    line = Connection(address, token)
    try:
        line.open()
        return f"connected to {line.address.host}, which computes on {line.state.device}"
    finally:
        line.end()


def known_token(address: str) -> str:
    """Return the token of a server from the environment or the keyring; empty when unknown."""
    from napari_scsam.remote.address import find_token

    try:
        return find_token(address)
    except UserError:
        return ""


def keep_token(address: str, token: str) -> bool:
    """Store a token in the system's keyring; return whether there is one."""
    from napari_scsam.remote.address import store_token

    return known_token(address) == token or store_token(address, token)


def keyring_is_there() -> bool:
    """Whether this system has a keyring."""
    try:
        import keyring
        from keyring.backends.fail import Keyring
    except ImportError:
        return False
    return not isinstance(keyring.get_keyring(), Keyring)
