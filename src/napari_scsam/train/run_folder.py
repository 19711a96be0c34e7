"""The folder of a run: what was run, on which data, how it went, and what the model predicts.

A run into ``mine.safetensors`` has ``mine.run/`` next to it, with ``run.json``, ``curves.csv``,
``curves.png`` and ``predictions.png``.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import platform
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.optim import Optimizer

from napari_scsam.atomic import replacing
from napari_scsam.config import UserError
from napari_scsam.infer.device import precision
from napari_scsam.io.locations import file_of, is_address, parse_location
from napari_scsam.json_files import replace_json
from napari_scsam.train.curves import draw_curves
from napari_scsam.train.schedule import TrainStep
from napari_scsam.version import __version__

RECORDS = ("run.json", "curves.csv", "curves.png", "predictions.png")
"""What a run writes into its folder."""

PACKAGE = Path(__file__).parents[1] / "__init__.py"
"""A file at the root of this package."""


def run_folder(out: Path) -> Path:
    """Return the folder of the record of a run into `out`."""
    return out.with_suffix(".run")


def check_run_folder(out: Path) -> None:
    """Check that the folder of a run holds nothing but the record of an earlier one.

    Raises
    ------
    UserError
        When somebody else's files are there; none of them is written over.
    """
    folder = run_folder(out)
    names = _names_in(folder)
    if names & set(RECORDS) and "run.json" not in names:
        raise UserError(
            f"{folder} holds files that no run of napari-scsam wrote; "
            "move them away, or choose another name"
        )


class TrainingFolder:
    """Keeps the record of a run; a resumed run continues it.

    Parameters
    ----------
    out
        The checkpoint that the run writes.
    settings
        Of the run: plain JSON values.
    files
        What the run reads; their hashes are recorded.
    device
        What it runs on.
    first
        The step it resumes from; later ones in the folder were lost with the stopped run. At 0 the
        folder starts from the beginning.
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
        self.before = 0.0
        """Seconds before this start."""
        if self.rows:
            self.before = self.rows[-1]["seconds"]
        starts: list[Any] = []
        if first:
            starts = read_starts(self.path / "run.json")
        starts.append({"step": first, **environment(device), "files": fingerprints(files)})
        self.record = {"settings": dict(settings), "starts": starts}
        self.write_record(first, self.before)  # before all else: it says whose folder this is
        replace_file(self.path / "curves.csv", csv_of(self.rows).encode())

    def add(self, step: TrainStep, optimiser: Optimizer) -> None:
        """Append a step to the curves, with its learning rates."""
        rates = {group.get("name", "rate"): group["lr"] for group in optimiser.param_groups}
        values = {**step.losses, **rates, "seconds": self.before + step.seconds}
        rounded = {name: float(f"{value:.6g}") for name, value in values.items()}
        self.rows.append({"step": step.step, **rounded})
        with (self.path / "curves.csv").open("a", encoding="utf-8", newline="") as file:
            file.write(csv_of(self.rows[-1:], head=len(self.rows) == 1))

    def save(self, step: TrainStep, predictions: NDArray[np.uint8]) -> None:
        """Write record and pictures up to a step, the last one added."""
        self.write_record(step.step, self.before + step.seconds)
        steps = [row["step"] for row in self.rows]
        losses = {name: [row[name] for row in self.rows] for name in step.losses}
        replace_file(self.path / "curves.png", png(draw_curves(steps, losses)))
        replace_file(self.path / "predictions.png", png(Image.fromarray(predictions)))

    def write_record(self, steps: int, seconds: float) -> None:
        """Write ``run.json``."""
        record = {**self.record, "steps_done": steps, "seconds": round(seconds, 1)}
        replace_json(self.path / "run.json", record)


def read_starts(path: Path) -> list[Any]:
    """Return the starts in an earlier ``run.json``; none when it cannot be read."""
    try:
        return list(json.loads(path.read_text(encoding="utf-8"))["starts"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
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


def csv_of(rows: list[dict[str, Any]], head: bool = True) -> str:
    """Return rows as CSV; an empty text for none."""
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, rows[0], lineterminator="\n")
        if head:
            writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()


def environment(device: torch.device) -> dict[str, Any]:
    """Return when, by which code and on what a run starts."""
    with precision(device):
        one = torch.ones(1, 1, device=device)
        dtype = str((one @ one).dtype).removeprefix("torch.")
    libraries = {library.__name__: str(library.__version__) for library in (torch, timm, np)}
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "napari_scsam": __version__,
        "git": git_revision(),
        "python": platform.python_version(),
        **libraries,
        "device": device_name(device),
        "precision": dtype,
    }


def device_name(device: torch.device) -> str:
    """Return the name of a graphics card, or of the kind of device."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return str(device)


def git_revision() -> dict[str, Any] | None:
    """Return the commit of the checkout that this package runs from, and whether its code differs.

    None when it does not run from a checkout.
    """

    def git(*arguments: str) -> str:
        command = ["git", "--no-optional-locks", "-C", str(PACKAGE.parent), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - fixed words
        return done.stdout.strip()

    try:
        # A package that is installed inside another repository is not its checkout.
        git("ls-files", "--error-unmatch", PACKAGE.name)
        changed = git("status", "--porcelain", "--", ".")
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(changed)}
    except (OSError, subprocess.CalledProcessError):
        return None


def fingerprints(files: Iterable[Path]) -> list[dict[str, str]]:
    """Hash each file once.

    Paths are cut to the end, which means something on other machines too.
    """
    return [
        {"file": "/".join(path.parts[-2:]), **file_fingerprint(path)}
        for path in dict.fromkeys(files)
    ]


def file_fingerprint(path: Path) -> dict[str, str]:
    """Hash a file, or the names and sizes in a folder (zarr, slices).

    The voxels of a folder may be too many to read.
    """
    if is_address(str(path)):
        return {"address": str(parse_location(str(path)))}
    file = file_of(str(path))
    if file.is_file():
        with file.open("rb") as opened:
            return {"sha256": hashlib.file_digest(opened, "sha256").hexdigest()}
    listing = "\n".join(sorted(listed_sizes(file)))
    return {"sha256_of_names_and_sizes": hashlib.sha256(listing.encode()).hexdigest()}


def listed_sizes(folder: Path) -> Iterator[str]:
    """Yield the name and the size of every file in a folder."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield f"{path.relative_to(folder).as_posix()} {path.stat().st_size}"


def png(image: Image.Image) -> bytes:
    """Encode a picture."""
    file = io.BytesIO()
    image.save(file, format="PNG")
    return file.getvalue()


def replace_file(path: Path, content: bytes) -> None:
    """Write a file in one step."""
    with replacing(path) as draft:
        draft.write_bytes(content)


def _names_in(folder: Path) -> set[str]:
    """Return the names in the folder of a run, which need not exist."""
    try:
        return {path.name for path in folder.iterdir()}
    except FileNotFoundError:
        return set()
    except NotADirectoryError as error:
        raise UserError(
            f"{folder} is a file, and the record of the run needs this name; move it away"
        ) from error
