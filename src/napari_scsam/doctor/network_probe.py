"""Print the device, its speed and the state of the shipped checkpoint as JSON.

Run as ``python -m napari_scsam.doctor.network_probe``.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def probe_network() -> dict[str, Any]:
    """Return what torch can use here, and what is wrong with the shipped checkpoint."""
    import torch

    from napari_scsam.checkpoints.checkpoint import verify_checkpoint
    from napari_scsam.errors import UserError
    from napari_scsam.infer.device import choose_device, has_bfloat16

    device = choose_device("auto")
    facts: dict[str, Any] = {
        "device": device.type,
        "threads": torch.get_num_threads(),
        "bfloat16": has_bfloat16(),
        "cuda_of_torch": torch.version.cuda,
        "checkpoint_trouble": "",
    }
    if device.type == "cuda":
        facts |= cuda_facts()
    try:
        verify_checkpoint()
    except UserError as error:
        facts["checkpoint_trouble"] = str(error)
    return facts


def cuda_facts() -> dict[str, Any]:
    """Return name, memory and precision of the first GPU."""
    import torch

    properties = torch.cuda.get_device_properties(0)
    return {
        "gpu": properties.name,
        "gpu_bytes": properties.total_memory,
        "gpus": torch.cuda.device_count(),
        "bfloat16": torch.cuda.is_bf16_supported(),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(probe_network()) + "\n")
