"""The address of a server, and the token that it asks for."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from napari_scsam.errors import UserError
from napari_scsam.remote.protocol import PATH

TOKEN_VARIABLE = "SCSAM_SERVER_TOKEN"  # noqa: S105  # the name of a variable
"""The environment variable that holds the token; it wins over the keyring."""

SERVICE = "napari-scsam server"
"""Under which the system's keyring stores tokens, by address."""

SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


@dataclass(frozen=True)
class Address:
    """Where a server listens."""

    scheme: str
    """``ws``, or ``wss`` for a line that is encrypted."""
    host: str
    port: int | None
    path: str = ""
    """Where a reverse proxy has it."""

    @property
    def url(self) -> str:
        """The address of the websocket."""
        return f"{self}{PATH}"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"


def _scheme_for(written: str, host: str) -> str:
    """Return the scheme of a line to a host."""
    scheme = written
    if scheme == "auto":
        scheme = "ws" if is_loopback(host) else "wss"
    if scheme not in SCHEMES:
        raise UserError(f"{scheme}:// is not an address of a server; write ws:// or wss://")
    return SCHEMES[scheme]


def parse_address(text: str) -> Address:
    """Read the address of a server, e.g. ``127.0.0.1:8765`` or ``wss://gpu.lab.org/scsam``.

    Raises
    ------
    UserError
        When it is none, holds a password, or is of another computer and not encrypted.
    """
    parts = _split(text.strip())
    host = parts.hostname or ""
    scheme = _scheme_for(parts.scheme, host)
    address = Address(scheme, host, parts.port, parts.path.rstrip("/"))
    if address.scheme == "ws" and not is_loopback(host):
        raise UserError(
            f"the line to {host} is not encrypted; use wss://, or an SSH tunnel and ws://127.0.0.1"
        )
    return address


def _split(text: str) -> SplitResult:
    """Return the parts of an address; its scheme is ``auto`` when it has none.

    Raises
    ------
    UserError
        When it is none, or holds a password.
    """
    nothing = UserError(f"{text[:100]!r} is not an address of a server; write ws://127.0.0.1:8765")
    try:
        parts = urlsplit(text if "://" in text else f"auto://{text}")
        _ = parts.port  # it is read only now
    except ValueError:
        raise nothing from None
    if not parts.hostname or parts.query or parts.fragment:
        raise nothing
    if parts.username or parts.password:
        raise UserError("an address holds no token or password; give the token by itself")
    return parts


def is_loopback(host: str) -> bool:
    """Whether a host is this computer itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def find_token(address: str) -> str:
    """Return the token of a server, from the environment or else the system's keyring.

    Raises
    ------
    UserError
        When there is none.
    """
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if token:
        return token
    kept = stored_token(address)
    if kept:
        return kept
    raise UserError(
        f"no token for {address} is known; set {TOKEN_VARIABLE} to what `scsam serve` printed"
    )


def stored_token(address: str) -> str | None:
    """Return the token of a server from the keyring; None when there is none, or no keyring."""
    import keyring
    from keyring.errors import KeyringError

    try:
        return keyring.get_password(SERVICE, str(parse_address(address)))
    except KeyringError:
        return None


def store_token(address: str, token: str) -> bool:
    """Store the token of a server in the system's keyring; return whether there is one."""
    import keyring
    from keyring.errors import KeyringError

    try:
        keyring.set_password(SERVICE, str(parse_address(address)), token)
    except KeyringError:
        return False
    return True


def forget_token(address: str) -> None:
    """Remove the token of a server from the system's keyring, if it is there."""
    import keyring
    from keyring.errors import KeyringError, PasswordDeleteError

    try:
        keyring.delete_password(SERVICE, str(parse_address(address)))
    except (PasswordDeleteError, KeyringError):
        return
