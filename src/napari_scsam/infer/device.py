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
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
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
    """Half precision where the hardware is made for it; CPUs keep float32, which is as fast for the small convolutions here."""
    if device.type == "cuda":
        half = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
        return torch.autocast("cuda", half)
    return contextlib.nullcontext()
