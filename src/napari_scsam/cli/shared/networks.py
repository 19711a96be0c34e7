"""The network that a command runs: on this computer, or on a server."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_scsam.cli.shared.parts import Parser, note
from napari_scsam.errors import UserError
from napari_scsam.steps import drive

if TYPE_CHECKING:
    from napari_scsam.io.volumes import Volume
    from napari_scsam.model import ScSAM
    from napari_scsam.remote.predictor import RemotePredictor

COMMAND_PATIENCE = 300.0
"""Seconds for which a command waits for a line that was cut; nobody is there to start it again."""


def add_server(parser: Parser) -> None:
    """Add the option that has the network run on a server."""
    parser.add_argument(
        "--there",
        action="store_true",
        help="IN is a path or an address that the server opens, among its --data; nothing is sent",
    )
    parser.add_argument(
        "--server",
        metavar="ADDRESS",
        help="run the network on a server, e.g. ws://127.0.0.1:8765; its token is taken from "
        "SCSAM_SERVER_TOKEN, or the system's keyring",
    )


@contextmanager
def network_of(arguments: argparse.Namespace) -> Iterator[ScSAM | RemotePredictor]:
    """Load the checkpoint that a command names, here or on the server that it names.

    Raises
    ------
    UserError
        When there is no such checkpoint, or the server cannot be used.
    """
    if arguments.server is None:
        from napari_scsam.checkpoints.checkpoint import load_checkpoint

        yield load_checkpoint(arguments.checkpoint)
        return
    check_options(arguments)
    from napari_scsam.remote.address import find_token
    from napari_scsam.remote.connection import Connection
    from napari_scsam.remote.predictor import RemotePredictor

    token = find_token(arguments.server)
    line = Connection(arguments.server, token, on_notice=lambda text: note(f"scsam: {text}"))
    line.open()
    try:
        predictor = RemotePredictor(line, COMMAND_PATIENCE)
        drive(predictor.load_steps(arguments.checkpoint))
        yield predictor
    finally:
        line.close()


def check_options(arguments: argparse.Namespace) -> None:
    """Raise a `UserError` for options that make no sense together with a server."""
    if arguments.device != "auto":
        raise UserError("a server chooses its own device; leave out --device, or --server")
    for name in ("workers", "scheduler"):
        if getattr(arguments, name, None):
            raise UserError(f"a server is used by one process; leave out --{name}, or --server")


def open_there(arguments: argparse.Namespace, network: RemotePredictor) -> Volume:
    """Open the image that a command names among the data of its server.

    Raises
    ------
    UserError
        When the server does not open it.
    """
    from napari_scsam.config import parse_voxel_size
    from napari_scsam.io.locations import parse_location
    from napari_scsam.remote.there import open_there_steps

    location = parse_location(arguments.image, arguments.channel, arguments.time)
    size = parse_voxel_size(arguments.voxel_size)
    volume = drive(open_there_steps(network.session, str(location), size))
    for text in volume.notes:
        note(f"scsam: {text}")
    return volume
