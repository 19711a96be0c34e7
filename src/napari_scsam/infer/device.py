"""Which device to run on, and in which precision."""

from __future__ import annotations

import contextlib

import torch

from napari_scsam.config import UserError


def choose_device(name: str = "auto") -> torch.device:
    """Turn ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"`` into a device that is there.

    Raises
    ------
    UserError
        When the device asked for is not there; ``"auto"`` always finds one.
    """
    cuda = torch.cuda.is_available()
    mps = torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"no device is called {name!r}; choose auto, cpu, cuda or mps") from error
    there = {"cpu": 1, "cuda": torch.cuda.device_count() if cuda else 0, "mps": int(mps)}
    if (device.index or 0) >= there.get(device.type, 0):
        raise UserError(f"this machine has no {name!r} device; choose auto or cpu")
    return device


def precision(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Half precision where the hardware is made for it: CUDA, and CPUs with bfloat16 instructions."""
    if device.type == "cuda":
        half = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
        return torch.autocast("cuda", half)
    if device.type == "cpu" and has_bfloat16():
        return torch.autocast("cpu", torch.bfloat16)
    return contextlib.nullcontext()


def has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware (AVX-512 BF16, AMX); elsewhere it would be slower than float32."""
    able: dict[str, object] = getattr(
        torch.cpu, "get_capabilities", dict
    )()  # older versions of torch cannot tell
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
