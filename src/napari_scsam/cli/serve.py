"""``scsam serve``."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import Any

from napari_scsam.cli.shared.parts import command, note
from napari_scsam.errors import UserError

PORT = 8765


def add_serve(commands: Any) -> None:
    """Describe ``scsam serve``."""
    parser = command(
        commands,
        "serve",
        run_serve,
        "Run networks for windows and commands on other computers; see docs/server.md.",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="where to listen (default: this computer alone)"
    )
    parser.add_argument(
        "--port", type=int, default=PORT, metavar="P", help=f"0: any (default: {PORT})"
    )
    parser.add_argument(
        "--device", default="auto", metavar="D", help="auto, cpu, cuda or mps (default: auto)"
    )
    parser.add_argument(
        "--checkpoints", type=Path, metavar="DIR", help="offer the checkpoints of this folder, too"
    )
    parser.add_argument(
        "--data",
        action="append",
        default=[],
        metavar="DIR",
        help="let clients segment what is in this folder, or below this address, without sending "
        "it; may be repeated",
    )
    _add_protection(parser)


def _add_protection(parser: argparse.ArgumentParser) -> None:
    """Describe the options on who may use a server, and how its line is protected."""
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="F",
        help="read the token from this file, or write a new one into it "
        "(SCSAM_SERVER_TOKEN wins over it)",
    )
    parser.add_argument(
        "--tls-cert", type=Path, metavar="F", help="certificate of an encrypted line"
    )
    parser.add_argument("--tls-key", type=Path, metavar="F", help="its private key")
    parser.add_argument(
        "--behind-proxy",
        action="store_true",
        help="a reverse proxy encrypts the line, so another --host is allowed",
    )


def run_serve(arguments: argparse.Namespace) -> None:
    """Serve until the process is told to stop."""
    check_packages()
    from napari_scsam.server.data_places import DataPlaces
    from napari_scsam.server.serving import Listening, choose_token, open_socket, run
    from napari_scsam.server.settings import ServerSettings

    listening = Listening(
        arguments.host,
        arguments.port,
        arguments.tls_cert,
        arguments.tls_key,
        arguments.behind_proxy,
    )
    listening.check()
    check_served_folder(arguments.checkpoints)
    token, is_new = choose_token(arguments.token_file)
    data = DataPlaces.of(arguments.data)
    settings = ServerSettings(token, arguments.device, arguments.checkpoints, data)
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(message)s")
    logging.getLogger("napari_scsam").setLevel(logging.INFO)
    with open_socket(listening) as sock:
        host = f"[{arguments.host}]" if ":" in arguments.host else arguments.host
        print(f"{listening.scheme}://{host}:{sock.getsockname()[1]}", flush=True)
        if is_new:
            print(f"token: {token}", flush=True)
        note("scsam: serving; end it with Ctrl+C")
        run(settings, listening, sock)


def check_packages() -> None:
    """Raise a `UserError` if what servers need is not installed."""
    try:
        import starlette  # noqa: F401  # whether it is there
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise UserError(
            "a server needs more packages; run: pip install 'napari-scsam[server]'"
        ) from error


def check_served_folder(folder: Path | None) -> None:
    """Raise a `UserError` if a folder is missing."""
    if folder is not None and not folder.is_dir():
        raise UserError(f"there is no folder {folder}; check the path")
