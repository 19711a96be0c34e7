"""``scsam embed``."""

from __future__ import annotations

import argparse
from typing import Any

from napari_scsam.cli.shared.parts import (
    add_careful,
    add_model_options,
    command,
    note_unknown_size,
    open_image,
    show,
)


def add_embed(commands: Any) -> None:
    """Describe ``scsam embed``."""
    parser = command(
        commands,
        "embed",
        run_embed,
        "Do the slow part in advance: later, any slice of the volume is segmented at once.",
    )
    parser.add_argument("image", metavar="VOLUME", help="as for segment")
    add_careful(
        parser, "cache the four views that segment --careful and the plugin's averaging need"
    )
    add_model_options(parser)


def run_embed(arguments: argparse.Namespace) -> None:
    """Cache a volume's embeddings on disk, and print where and how large they are."""
    from napari_scsam.checkpoints.checkpoint import load_checkpoint
    from napari_scsam.infer.disk_cache import default_cache
    from napari_scsam.volume.embed import embed_volume

    volume = open_image(arguments)
    model = load_checkpoint(arguments.checkpoint)
    disk = default_cache()
    steps = embed_volume(volume, model, disk, arguments.device, tta=arguments.careful)
    next(steps)  # a mistake shows here, and then its line is the only one
    note_unknown_size(volume, model)
    arguments.resume_hint = "; finished work is kept, and the same command continues it"
    taken = show(steps)
    if disk is not None:
        print(f"{disk.root}: {taken / 1e6:.1f} MB of at most {disk.limit / 1e9:g} GB")
