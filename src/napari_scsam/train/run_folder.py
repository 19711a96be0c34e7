"""The folder of a run: what was run, on which data, how it went, and what the model makes of it.

A run into ``mine.safetensors`` has ``mine.run/`` beside it, with ``run.json``,
``curves.csv``, ``curves.png`` and ``predictions.png``.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import platform
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.optim import Optimizer

import napari_scsam
from napari_scsam.atomic import replacing
from napari_scsam.infer.device import precision
from napari_scsam.io.hdf5 import split_hdf5_path
from napari_scsam.train.curves import draw_curves
from napari_scsam.train.schedule import TrainStep


def run_folder(out: Path) -> Path:
    """Where the record of a run into `out` lies."""
    return out.with_suffix(".run")


class RunFolder:
    """Keeps the record of a run; a resumed run goes on in it.

    Parameters
    ----------
    out
        The checkpoint that the run writes.
    settings
        Of the run: plain JSON values.
    files
        What the run reads, to be known again by its hash.
    device
        What it runs on.
    first
        The step it goes on from; later ones in the folder were lost with the run that was stopped. At 0 the folder begins anew.
    """

    def __init__(
        self,
        out: Path,
        settings: Mapping[str, Any],
        files: Iterable[Path],
        device: torch.device,
        first: int,
    ) -> None:
        self.path = run_folder(out)
        self.path.mkdir(exist_ok=True)
        self.rows = read_curves(self.path / "curves.csv", first)
        self.before = self.rows[-1]["seconds"] if self.rows else 0.0
        earlier = read_starts(self.path / "run.json") if first else []
        start = {"step": first, **circumstances(device), "files": fingerprints(files)}
        self.record = {"settings": dict(settings), "starts": [*earlier, start]}
        replace_file(self.path / "curves.csv", table_of(self.rows).encode())
        self.write_record(first, self.before)

    def add(self, step: TrainStep, optimiser: Optimizer) -> None:
        """Append a step to the curves, with the learning rates that made it."""
        rates = {group.get("name", "rate"): group["lr"] for group in optimiser.param_groups}
        values = {**step.losses, **rates, "seconds": self.before + step.seconds}
        self.rows.append(
            {"step": step.step, **{name: float(f"{value:.6g}") for name, value in values.items()}}
        )
        with (self.path / "curves.csv").open("a", encoding="utf-8", newline="") as file:
            file.write(table_of(self.rows[-1:], head=len(self.rows) == 1))

    def save(self, step: TrainStep, predictions: NDArray[np.uint8]) -> None:
        """Bring record and pictures to that step, the last one added."""
        self.write_record(step.step, self.before + step.seconds)
        losses = {name: [row[name] for row in self.rows] for name in step.losses}
        replace_file(
            self.path / "curves.png", png(draw_curves([row["step"] for row in self.rows], losses))
        )
        replace_file(self.path / "predictions.png", png(Image.fromarray(predictions)))

    def write_record(self, steps: int, seconds: float) -> None:
        """Write ``run.json``."""
        record = {**self.record, "steps_done": steps, "seconds": round(seconds, 1)}
        replace_file(self.path / "run.json", (json.dumps(record, indent=2) + "\n").encode())


def read_starts(path: Path) -> list[Any]:
    """Return what an earlier ``run.json`` says of the run's starts; nothing when it cannot be read."""
    try:
        return list(json.loads(path.read_text(encoding="utf-8"))["starts"])
    except (OSError, ValueError, KeyError, TypeError):
        return []


def read_curves(path: Path, last: int) -> list[dict[str, Any]]:
    """Read the rows up to a step; what cannot be read is left out."""
    if not last or not path.is_file():
        return []
    rows = []
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            try:
                values = {name: float(value) for name, value in row.items()}
                rows.append({**values, "step": int(values["step"])})
            except (TypeError, ValueError, KeyError):  # cut off in the middle of a line
                break
    return [row for row in rows if row["step"] <= last]


def table_of(rows: list[dict[str, Any]], head: bool = True) -> str:
    """Return rows as CSV; nothing for none."""
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, rows[0], lineterminator="\n")
        if head:
            writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()


def circumstances(device: torch.device) -> dict[str, Any]:
    """Say when, by which code and on what a run starts."""
    with precision(device):
        one = torch.ones(1, 1, device=device)
        half = str((one @ one).dtype).removeprefix("torch.")
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "napari_scsam": napari_scsam.__version__,
        "git": git_revision(),
        "python": platform.python_version(),
        **{library.__name__: str(library.__version__) for library in (torch, timm, np)},
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "precision": half,
    }


def git_revision() -> dict[str, Any] | None:
    """Return the commit of the checkout that this package runs from, and whether its code differs; `None` when there is none."""
    source = Path(napari_scsam.__file__)

    def git(*arguments: str) -> str:
        command = ["git", "--no-optional-locks", "-C", str(source.parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 - fixed words

    try:
        git(
            "ls-files", "--error-unmatch", source.name
        )  # a package installed inside somebody else's repository is no checkout
        return {
            "commit": git("rev-parse", "HEAD"),
            "dirty": bool(git("status", "--porcelain", "--", ".")),
        }
    except (OSError, subprocess.CalledProcessError):
        return None


def fingerprints(files: Iterable[Path]) -> list[dict[str, str]]:
    """Hash each file once; of its path only the end, which means something on other machines too."""
    return [
        {"file": "/".join(path.parts[-2:]), **fingerprint(path)} for path in dict.fromkeys(files)
    ]


def fingerprint(path: Path) -> dict[str, str]:
    """Hash a file, or of a folder (zarr, slices) the names and sizes, for its voxels may be too many to read."""
    hdf5 = split_hdf5_path(str(path))
    file = hdf5[0] if hdf5 else path
    if file.is_file():
        with file.open("rb") as opened:
            return {"sha256": hashlib.file_digest(opened, "sha256").hexdigest()}
    listing = sorted(
        f"{p.relative_to(file).as_posix()} {p.stat().st_size}"
        for p in file.rglob("*")
        if p.is_file()
    )
    return {"sha256_of_names_and_sizes": hashlib.sha256("\n".join(listing).encode()).hexdigest()}


def png(image: Image.Image) -> bytes:
    """Encode a picture."""
    file = io.BytesIO()
    image.save(file, format="PNG")
    return file.getvalue()


def replace_file(path: Path, content: bytes) -> None:
    """Write a file in one step."""
    with replacing(path) as draft:
        draft.write_bytes(content)
