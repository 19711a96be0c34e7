"""``scsam neuroglancer``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from napari_scsam.cli.shared.parts import command, note

PORT = 8000


def add_neuroglancer(commands: Any) -> None:
    """Describe ``scsam neuroglancer``."""
    parser = command(
        commands,
        "neuroglancer",
        run_neuroglancer,
        "Serve a folder on this computer, and print a link that opens its volumes in neuroglancer.",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="with .zarr or .precomputed")
    parser.add_argument("--port", type=int, default=PORT, metavar="N", help=f"default: {PORT}")


def run_neuroglancer(arguments: argparse.Namespace) -> None:
    """Serve a folder until Ctrl+C."""
    from napari_scsam.volume.neuroglancer import layers_of, neuroglancer_link, open_server

    with open_server(arguments.folder, arguments.port) as server:
        address = f"http://localhost:{server.server_address[1]}"
        print(neuroglancer_link(layers_of(arguments.folder, address)), flush=True)
        note(f"scsam: {arguments.folder} is at {address}; Ctrl+C ends it")
        server.serve_forever()
