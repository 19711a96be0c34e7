"""Load an imported network from its checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_scsam.checkpoints.imported.card import ImportedFields, parse_settings
from napari_scsam.checkpoints.imported.runners import open_runner
from napari_scsam.config import UserError

if TYPE_CHECKING:
    from napari_scsam.checkpoints.card import CheckpointInfo
    from napari_scsam.model.imported_network import ImportedConfig, ImportedNetwork

NETWORK_TENSOR = "network"
"""Name of the tensor of bytes that is the network's own file."""


def load_imported(info: CheckpointInfo) -> ImportedNetwork:
    """Load an imported network, ready for use on the CPU.

    Raises
    ------
    UserError
        When the file is damaged, or its network cannot be run.
    """
    from napari_scsam.model.imported_network import ImportedNetwork

    fields = parse_settings(info.config, len(info.classes))
    content = _read_content(info.path)
    try:
        runner, _ = open_runner(fields.form.kind, content, fields.form.output)
    except UserError as error:
        raise UserError(f"{info.path} cannot be used: {error}") from error
    network = ImportedNetwork(as_config(fields), info.classes, runner, content).eval()
    network.name = info.name
    return network


def as_config(fields: ImportedFields) -> ImportedConfig:
    """Return settings as the network takes them."""
    from napari_scsam.model.imported_network import ImportedConfig, ImportedForm

    form = ImportedForm(**fields.form.model_dump())
    return ImportedConfig(nm_per_pixel=fields.nm_per_pixel, tile=fields.tile, form=form)


def _read_content(path: Path) -> bytes:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)[NETWORK_TENSOR].tobytes()
    except (SafetensorError, ValueError, KeyError) as error:
        raise UserError(f"{path} is damaged; import the network again") from error
