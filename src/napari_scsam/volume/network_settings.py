"""What tells the network of one run from that of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_scsam.infer.beside import networks_hash

if TYPE_CHECKING:
    from napari_scsam.model import ScSAM


def network_settings(model: ScSAM) -> dict[str, Any]:
    """Return what tells networks apart, as plain JSON values."""
    settings: dict[str, Any] = {
        "config": model.config.to_dict(),
        "weights": networks_hash(model),
    }
    if model.beside:
        settings["beside"] = [network.config.to_dict() for network in model.beside]
    return settings
