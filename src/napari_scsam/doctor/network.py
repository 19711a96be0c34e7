"""Whether the network runs: torch, its device, and the shipped checkpoint."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

from napari_scsam.doctor.finding import Finding, size_text
from napari_scsam.doctor.probes import ProbeAnswer
from napari_scsam.errors import INSTALL_LOCAL

PROBE = "napari_scsam.doctor.network_probe"


def findings_without_torch() -> tuple[Finding, Finding]:
    """Return what is said where torch is not installed, which is a choice and no fault."""
    text = f"none on this computer: a server runs networks, or {INSTALL_LOCAL}"
    facts = {"device": None}
    return Finding("device", text, facts), Finding("checkpoint", "needs no file on this computer")


def judge_network(answer: ProbeAnswer) -> tuple[Finding, Finding]:
    """Return what a probe says of the device and of the shipped checkpoint."""
    if answer.trouble:
        complaint = (
            f"torch does not run ({answer.trouble}); install torch again, as pytorch.org says "
            "for this system"
        )
        device = Finding("device", "unknown", {}, (complaint,))
        return device, Finding("checkpoint", "not verified, because torch does not run")
    facts = dict(answer.facts)
    trouble = str(facts.pop("checkpoint_trouble", ""))
    checkpoint = Finding("checkpoint", "the shipped one loads, all its weights are sound")
    if trouble:
        checkpoint = Finding("checkpoint", "the shipped one does not load", {}, (trouble,))
    return Finding("device", device_text(facts), facts, tuple(_slow(facts))), checkpoint


def device_text(facts: Mapping[str, Any]) -> str:
    """Return the device on one line."""
    half = "bfloat16" if facts["bfloat16"] else "no bfloat16"
    if facts["device"] == "cuda":
        memory = size_text(facts["gpu_bytes"])
        return f"cuda, {facts['gpu']}, {memory}, CUDA {facts['cuda_of_torch']}, {half}"
    return f"{facts['device']}, {facts['threads']} threads, {half}"


def _slow(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence when there is a GPU that torch does not use."""
    if facts["device"] != "cpu" or not has_nvidia_gpu():
        return
    why = "its driver does not suit"
    if not facts["cuda_of_torch"]:
        why = "this torch is built without CUDA"
    yield (
        f"this machine has an NVIDIA GPU, and torch does not use it, because {why}; "
        "install torch for CUDA, as pytorch.org says for this system"
    )


def has_nvidia_gpu() -> bool:
    """Whether NVIDIA's driver lists a GPU."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    try:
        listed = subprocess.run(  # noqa: S603 - NVIDIA's own tool
            [tool, "-L"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return listed.returncode == 0 and "GPU " in listed.stdout
