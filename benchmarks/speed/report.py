"""The benchmark's files: what each part measured as JSON, and one table for people."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from benchmarks.speed.clock import Figure

from napari_scsam.atomic import replacing
from napari_scsam.infer.device import choose_device, has_bfloat16


def machine() -> dict[str, Any]:
    """Return the machine that the benchmark ran on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    cpu = next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")),
        platform.processor(),
    )
    device = choose_device()
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "bfloat16": has_bfloat16(),
        "device": gpu,
        "torch": torch.__version__,
        "load": [round(n, 1) for n in os.getloadavg()] if hasattr(os, "getloadavg") else [],
    }


def write(folder: Path, part: str, figures: Sequence[Figure], seconds: float) -> None:
    """Write a part's JSON, in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    record = {
        "machine": machine(),
        "seconds": round(seconds, 1),
        "figures": [figure.to_dict() for figure in figures],
    }
    replace(folder / f"{part}.json", json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def table(folder: Path, parts: Sequence[str]) -> str:
    """Return all results as markdown, and write it next to them."""
    records = {
        part: json.loads(file.read_text(encoding="utf-8"))
        for part in parts
        if (file := folder / f"{part}.json").is_file()
    }
    lines = ["| what | measured | target |", "|---|---:|---:|"]
    for record in records.values():
        lines += [
            f"| {f['what']} | {rounded(f['value'])} {f['unit']} | {f['target']} |"
            for f in record["figures"]
        ]
    for said in dict.fromkeys(describe(record["machine"]) for record in records.values()):
        lines += ["", said]
    text = "\n".join(lines) + "\n"
    replace(folder / "table.md", text)
    return text


def describe(on: dict[str, Any]) -> str:
    """Return a sentence on a machine."""
    half = "with" if on["bfloat16"] else "without"
    return (
        f"Measured on {on['cpu']}, {on['cores']} cores, {on['threads']} threads, "
        f"{half} bfloat16, torch {on['torch']}, on {on['device']}."
    )


def rounded(value: float) -> str:
    """Return a number with three digits, without a power of ten."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def replace(file: Path, text: str) -> None:
    """Write a file in one step."""
    with replacing(file) as draft:
        draft.write_text(text, encoding="utf-8")
