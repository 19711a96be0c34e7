"""SAMs as others published them: the start of a training, and checkpoints that answer clicks and boxes at once."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_scsam.checkpoints.checkpoint import (
    CheckpointInfo,
    checkpoint_info,
    read_weights,
    save_checkpoint,
)
from napari_scsam.checkpoints.registry import Download, find_download
from napari_scsam.config import UserError
from napari_scsam.paths import user_folder
from napari_scsam.steps import Progress

if TYPE_CHECKING:
    from napari_scsam.model import ScSAM

TILE = 1024
"""SAM learned on grids of 64×64 cells, and so did micro-sam's, which enlarges its crops to that. On tiles of this size nothing of a
published SAM is resized, and it answers as its authors' code does. A megapixel costs about the same in tiles of 512 px (0.2 TFLOP
each with vit_b, and they overlap, against 1.4), and no more memory is needed than most machines have (vit_b: 1.8 GB in all on a
CPU, where 512 px take 1.5); where there is less, `napari_scsam.infer.memory` halves the tile."""

SPARE = 64 << 20
"""Bytes that a checkpoint may take beyond the file that it is made from: the parts that a SAM lacks."""


def find_published(entry: Download) -> CheckpointInfo | None:
    """Return the checkpoint that was made from published weights, if it is in the user's folder.

    Raises
    ------
    UserError
        When something else lies in its place.
    """
    path = checkpoint_path(entry)
    if not path.exists():
        return None
    try:
        if (info := checkpoint_info(path)).training.get("published") == origin(entry):
            return info
    except UserError:  # no checkpoint of ours
        pass
    raise UserError(
        f"{path} is something else than the {entry.name} that was published; move it away or rename it, and ask again"
    )


def checkpoint_path(entry: Download) -> Path:
    """Where the checkpoint made from published weights lies."""
    return user_folder() / f"{entry.name}.safetensors"


def origin(entry: Download) -> dict[str, Any]:
    """Tell in the card where the weights are from."""
    return {
        "name": entry.name,
        "source": entry.source,
        "url": entry.file.url,
        "hash": entry.file.hash,
    }


def make_checkpoint(name: str, file: Path) -> Generator[Progress, None, CheckpointInfo]:
    """Create a checkpoint of published weights that answers clicks and boxes, unless it is there.

    Its masks are SAM's own. It has learned no classes; those of the shipped
    checkpoint stand in its table, so that accepted objects have somewhere to go.

    Parameters
    ----------
    name
        In the registry.
    file
        From `download_weights`.

    Raises
    ------
    UserError
        When the file is no SAM of that size, there is no room on the disk, or
        something else lies where it is to be written.
    """
    entry = find_download(name)
    if (info := find_published(entry)) is not None:
        return info
    yield Progress(0, 1, f"making a checkpoint of {file.name}")
    path = checkpoint_path(entry)
    path.parent.mkdir(parents=True, exist_ok=True)
    missing = file.stat().st_size + SPARE
    free = shutil.disk_usage(path.parent).free
    if missing > free:
        raise UserError(
            f"{path.parent} has room for {free / 1e9:.1f} GB, and the checkpoint takes {missing / 1e9:.1f}; make room there"
        )
    model = wrap(entry, file)
    summary = f"{entry.about}, as published; answers clicks and boxes only"
    save_checkpoint(
        path, model, summary=summary, licence=entry.licence, training={"published": origin(entry)}
    )
    return checkpoint_info(path)


def wrap(entry: Download, file: Path) -> ScSAM:
    """Build the ScSAM whose SAM are these weights, and whose every other part is left out or untrained."""
    import torch

    from napari_scsam.model import ScSAM, ScSAMConfig

    config = ScSAMConfig(
        sam=entry.encoder, tile=TILE, branches="sam", detail=False, prompts_only=True
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # the same weights everywhere, also those that nothing taught
        model = ScSAM(config, checkpoint_info().classes)
    load_sam(model, file)
    return model


def load_sam(model: ScSAM, path: Path) -> None:
    """Fill encoder, prompt encoder and decoder from an official SAM file, or from a checkpoint of ours.

    Raises
    ------
    UserError
        When the file is no SAM, or one of another size or without its decoder.
    """
    from napari_scsam.model.image_encoder import load_encoder
    from napari_scsam.model.official_weights import read_official

    official = read_weights(path) if path.suffix == ".safetensors" else read_official(path)
    load_encoder(model.image_encoder, official, str(path))
    for prefix, part in (
        ("prompt_encoder.", model.prompt_encoder),
        ("mask_decoder.", model.mask_decoder),
    ):
        try:
            part.load_state_dict(
                {k.removeprefix(prefix): v for k, v in official.items() if k.startswith(prefix)}
            )
        except RuntimeError as error:
            raise UserError(
                f"{path} holds no {prefix[:-1].replace('_', ' ')} of SAM's form; give a whole SAM checkpoint"
            ) from error
    for prefix, part in (
        ("detail.", model.detail),
        ("click_path.", model.click_path),
    ):  # an official SAM has neither
        own = {k.removeprefix(prefix): v for k, v in official.items() if k.startswith(prefix)}
        try:
            part.load_state_dict(
                own, strict=False
            )  # the MAE's side entrances to the details are new
        except RuntimeError as error:
            raise UserError(
                f"the {prefix[:-1].removesuffix('_path')} path of {path} has another form; make the file anew by its recipe"
            ) from error
