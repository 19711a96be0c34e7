"""Which device to run on, and in which precision."""

from __future__ import annotations

import contextlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from napari_scsam.config import UserError


def choose_device(name: str = "auto") -> torch.device:
    """Turn ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"`` into an available device.

    Raises
    ------
    UserError
        When the device is not available; ``"auto"`` always finds one.
    """
    counts = _device_counts()
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if counts[kind]))
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"no device is called {name!r}; choose auto, cpu, cuda or mps") from error
    if (device.index or 0) >= counts.get(device.type, 0):
        raise UserError(f"this machine has no {name!r} device; choose auto or cpu")
    return device


def _device_counts() -> dict[str, int]:
    """Return the number of available devices of each kind."""
    cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return {"cuda": cuda, "mps": int(torch.backends.mps.is_available()), "cpu": 1}


def precision(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Compute in half precision where the hardware is made for it.

    That is CUDA, and CPUs with bfloat16 instructions.
    """
    if device.type == "cuda":
        half = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
        return torch.autocast("cuda", half)
    if device.type == "cpu" and has_bfloat16():
        return torch.autocast("cpu", torch.bfloat16)
    return contextlib.nullcontext()


def has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware (AVX-512 BF16, AMX).

    Elsewhere it would be slower than float32.
    """
    # Older versions of torch lack the function.
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def to_host(logits: Tensor, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Resize B×K×h×w logits to B×K×Y×X, and copy them to the computer's memory."""
    if logits.shape[2:] != shape:
        logits = F.interpolate(logits, shape, mode="bilinear", align_corners=False)
    full: NDArray[np.float32] = logits.float().cpu().numpy()
    return full
