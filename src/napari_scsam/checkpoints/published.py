"""Published SAMs: where training starts, and checkpoints that answer clicks and boxes."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_scsam.checkpoints.card import CheckpointInfo, read_card
from napari_scsam.checkpoints.checkpoint import read_weights, save_checkpoint
from napari_scsam.checkpoints.find import checkpoint_info
from napari_scsam.checkpoints.registry import Download, find_download
from napari_scsam.config import UserError
from napari_scsam.paths import user_folder
from napari_scsam.steps import Progress, Steps

if TYPE_CHECKING:
    from torch import Tensor

    from napari_scsam.model import ScSAM

TILE = 1024
"""Side of a tile in pixels.

SAM was trained on grids of 64×64 cells, and so was micro-sam, which enlarges its crops
to that. On tiles of this size nothing of a published SAM is resized, and it answers as
its authors' code does. A megapixel costs about the same in tiles of 512 px (0.2 TFLOP
each with vit_b, and they overlap, against 1.4). It needs no more memory than most
machines have (vit_b: 1.8 GB in all on a CPU, where 512 px take 1.5); where there is
less, `napari_scsam.infer.memory` halves the tile.
"""

SPARE = 64 << 20
"""Most bytes that a checkpoint takes beyond its source: the parts that a SAM lacks."""


def find_published(entry: Download) -> CheckpointInfo | None:
    """Return the checkpoint made from published weights, if it is in the user's folder.

    Raises
    ------
    UserError
        When a different file has its name.
    """
    path = checkpoint_path(entry)
    if not path.exists():
        return None
    info = _info_or_none(path)
    if info is None or info.training.get("published") != origin(entry):
        raise UserError(
            f"{path} is not the published {entry.name}; move it away or rename it, and try again"
        )
    return info


def _info_or_none(path: Path) -> CheckpointInfo | None:
    try:
        return read_card(path)
    except UserError:
        return None


def checkpoint_path(entry: Download) -> Path:
    """Return the path of the checkpoint made from published weights."""
    return user_folder() / f"{entry.name}.safetensors"


def origin(entry: Download) -> dict[str, Any]:
    """Return the record of where the weights are from, for the card."""
    return {
        "name": entry.name,
        "source": entry.source,
        "url": entry.file.url,
        "hash": entry.file.hash,
    }


def make_checkpoint(name: str, file: Path) -> Steps[CheckpointInfo]:
    """Create a checkpoint of published weights that answers clicks and boxes.

    An existing one is returned. Its masks are SAM's own. It has learned no
    classes; its class table is that of the shipped checkpoint, so that accepted
    objects can be given a class.

    Parameters
    ----------
    name
        In the registry.
    file
        From `download_weights`.

    Raises
    ------
    UserError
        When the file is not a SAM of that size, or the disk has too little space. Also when a
        different file has the name of the checkpoint.
    """
    entry = find_download(name)
    existing = find_published(entry)
    if existing is not None:
        return existing
    yield Progress(0, 1, f"making a checkpoint of {file.name}")
    path = checkpoint_path(entry)
    path.parent.mkdir(parents=True, exist_ok=True)
    _need_space(path.parent, file.stat().st_size + SPARE)
    save_checkpoint(
        path,
        wrap(entry, file),
        summary=f"{entry.about}, as published; answers clicks and boxes only",
        licence=entry.licence,
        training={"published": origin(entry)},
    )
    return checkpoint_info(path)


def _need_space(folder: Path, needed: int) -> None:
    """Raise a `UserError` when a folder has less space than some bytes."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"{folder} has {free / 1e9:.1f} GB of free space, "
            f"but the checkpoint takes {needed / 1e9:.1f} GB; free some space"
        )


def wrap(entry: Download, file: Path) -> ScSAM:
    """Create a ScSAM with these SAM weights; its other parts are off or untrained."""
    import torch

    from napari_scsam.model import ScSAM, ScSAMConfig

    config = ScSAMConfig(
        sam=entry.encoder, tile=TILE, branches="sam", detail=False, prompts_only=True
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # untrained weights are the same on every machine, too
        model = ScSAM(config, checkpoint_info().classes)
    load_sam(model, file)
    return model


def load_sam(model: ScSAM, path: Path) -> None:
    """Load a SAM's encoder, prompt encoder and decoder into a model.

    Parameters
    ----------
    path
        An official SAM file, or a ScSAM checkpoint, whose detail and click
        paths are loaded, too.

    Raises
    ------
    UserError
        When the file is not a SAM, or one of another size or without its decoder.
    """
    from napari_scsam.model.image_encoder import load_encoder
    from napari_scsam.model.official_weights import read_official

    if path.suffix == ".safetensors":
        weights = read_weights(path)
    else:
        weights = read_official(path)
    load_encoder(model.image_encoder, weights, str(path))
    for name in ("prompt_encoder", "mask_decoder"):
        try:
            model.get_submodule(name).load_state_dict(_part(weights, name))
        except RuntimeError as error:
            raise UserError(
                f"{path} holds no {name.replace('_', ' ')} of SAM's form; "
                f"give a whole SAM checkpoint"
            ) from error
    for name in ("detail", "click_path"):  # an official SAM has neither
        try:
            # Not strict: the parts where the MAE enters the detail path may be new.
            model.get_submodule(name).load_state_dict(_part(weights, name), strict=False)
        except RuntimeError as error:
            raise UserError(
                f"the {name.removesuffix('_path')} path of {path} has another form; "
                f"make the file again by its recipe"
            ) from error


def _part(weights: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """Return the weights of a submodule, by their names in it."""
    prefix = f"{name}."
    return {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
