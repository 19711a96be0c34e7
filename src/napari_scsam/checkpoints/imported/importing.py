"""Make a checkpoint of a network that was made elsewhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_scsam.checkpoints.card import CheckpointInfo, read_card
from napari_scsam.checkpoints.find import checkpoint_info
from napari_scsam.checkpoints.imported.card import IMPORTED_FORMAT, parse_settings
from napari_scsam.checkpoints.imported.class_table import ChannelTable, read_channels
from napari_scsam.checkpoints.imported.load import NETWORK_TENSOR, as_config
from napari_scsam.checkpoints.imported.probe import input_form, try_network
from napari_scsam.checkpoints.imported.runners import Runner, open_runner
from napari_scsam.checkpoints.tensors import write_tensors
from napari_scsam.config import UserError
from napari_scsam.errors import MissingFileError
from napari_scsam.plausible import guess_of, is_plausible_along

if TYPE_CHECKING:
    from napari_scsam.model.imported_network import ImportedNetwork

KINDS = {
    ".onnx": "onnx",
    ".pt": "torchscript",
    ".pth": "torchscript",
    ".ts": "torchscript",
    ".torchscript": "torchscript",
}
"""Kind of a network by the suffix of its file."""


@dataclass(frozen=True)
class NetworkCard:
    """What the file of a network does not say."""

    channels: tuple[str, ...]
    """Names of its output channels, as `read_channels` takes them."""
    nm_per_pixel: float | None = None
    """Pixel size that it was trained at."""
    probabilities: bool | None = None
    """Whether it returns probabilities, or logits; None: found out, where that is certain."""
    output: str = ""
    """Name or number of the output, where there are several."""
    tile: int = 512
    """Largest side of a tile, in pixels."""
    multiple: int = 16
    """Sides of its input are multiples of this."""
    black: float = 0.0
    """Its input for black."""
    white: float = 1.0
    """Its input for white."""
    standardise: bool = False
    """Whether each tile has mean 0 and standard deviation 1."""
    full_range: bool = False
    """Whether integers are divided by their largest value."""
    summary: str = ""
    """One sentence for lists."""
    licence: str = "unknown"
    """Of the weights."""


def import_network(file: Path, out: Path, card: NetworkCard) -> CheckpointInfo:
    """Make a checkpoint of an ONNX or TorchScript network, after trying it on a picture of noise.

    Parameters
    ----------
    file
        Maps 1×1×H×W or 1×3×H×W grey values to 1×C×H×W logits or probabilities.
    out
        Ends in ``.safetensors``; it is replaced.
    card
        What its channels are, and what it is to be given.

    Raises
    ------
    UserError
        When the file cannot be read, or the network does not fit the card; the file is named.
    """
    _check_size(card.nm_per_pixel)
    content = _read_file(file)
    try:
        return _import(content, file, out, card)
    except UserError as error:
        if file.name in str(error):
            raise
        raise UserError(f"{file.name} is not imported: {error}") from error


def _check_size(nm_per_pixel: float | None) -> None:
    """Check the pixel size that a user gives, and guess what was meant."""
    if nm_per_pixel is None or not nm_per_pixel > 0 or is_plausible_along(nm_per_pixel, "x"):
        return  # what is no size at all is refused with the other settings
    guess = guess_of(nm_per_pixel, "x")
    hint = f" ({guess:g} nm?)" if guess is not None else ""
    raise UserError(
        f"a pixel of {nm_per_pixel:g} nm is not plausible{hint}; "
        "give the pixel size that it was trained at, in nm"
    )


def _import(content: bytes, file: Path, out: Path, card: NetworkCard) -> CheckpointInfo:
    kind = KINDS[file.suffix.lower()]
    table = read_channels(card.channels, checkpoint_info().classes)
    runner, shape = open_runner(kind, content, card.output)
    form = {
        "kind": kind,
        "channel_of": table.channel_of,
        "background": table.background,
        "output": card.output,
        "black": card.black,
        "white": card.white,
        "standardise": card.standardise,
        "full_range": card.full_range,
        "multiple": card.multiple,
        **input_form(shape),
    }
    config: dict[str, Any] = {"nm_per_pixel": card.nm_per_pixel, "tile": card.tile, "form": form}
    if form["fixed"] is not None:
        config["tile"] = min(form["fixed"]) // 16 * 16
    checked = _check(config, table, runner, content, shape, card)
    _write(out, content, checked, table, card, file)
    return read_card(out)


def _read_file(file: Path) -> bytes:
    if file.suffix.lower() not in KINDS:
        raise UserError(
            f"{file} is not a network that can be imported; "
            "give an .onnx file, or TorchScript as .pt"
        )
    if not file.is_file():
        raise MissingFileError(f"no network at {file}; give the path of its file")
    return file.read_bytes()


def _check(
    config: dict[str, Any],
    table: ChannelTable,
    runner: Runner,
    content: bytes,
    shape: Sequence[Any] | None,
    card: NetworkCard,
) -> dict[str, Any]:
    """Try the network, and return its settings with what was found out about it."""
    network = _build(config, table, runner, content)
    found = try_network(network, table.channels, card.probabilities, states_shape=shape is not None)
    form = {**config["form"], "probabilities": found.probabilities, "channels": found.channels}
    settings = as_config(parse_settings({**config, "form": form}, len(table.classes)))
    return {
        "nm_per_pixel": settings.nm_per_pixel,
        "tile": settings.tile,
        "form": asdict(settings.form),
    }


def _build(
    config: dict[str, Any], table: ChannelTable, runner: Runner, content: bytes
) -> ImportedNetwork:
    from napari_scsam.model.imported_network import ImportedNetwork

    settings = as_config(parse_settings(config, len(table.classes)))
    return ImportedNetwork(settings, table.classes, runner, content)


def _write(
    out: Path,
    content: bytes,
    config: dict[str, Any],
    table: ChannelTable,
    card: NetworkCard,
    file: Path,
) -> None:
    import torch

    facts = {
        "config": config,
        "classes": [spec.to_dict() for spec in table.classes],
        "summary": card.summary or f"imported from {file.name}; finds classes only",
        "licence": card.licence,
        "training": {"imported": file.name},
    }
    tensor = torch.frombuffer(bytearray(content), dtype=torch.uint8)
    header = {"format": IMPORTED_FORMAT, "card": json.dumps(facts)}
    write_tensors(out, {NETWORK_TENSOR: tensor}, header)
