"""The benchmark's two files: everything as JSON, and a table for people."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from benchmarks.accuracy.plan import EFFICIENCY, VARIANTS, Run, Scale, runs_of
from safetensors import safe_open

from napari_scsam.atomic import replacing
from napari_scsam.infer.device import has_bfloat16
from napari_scsam.train.recipe import Recipe

Results = dict[str, Any]


def machine() -> dict[str, Any]:
    """Return the machine that the benchmark ran on."""
    return {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "bfloat16": has_bfloat16(),
        "torch": torch.__version__,
        "threads_a_run": 1,
    }


def cpu_name() -> str:
    """Return the name of the processor; Linux has it in a file."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")),
        platform.processor(),
    )


def revision() -> str:
    """Return the commit, with ``-dirty`` if files differ from it; empty outside a clone."""
    git = shutil.which("git")
    command = [git or "git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    return (
        subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
        if git
        else ""
    )


def pretraining(recipe: Recipe) -> dict[str, Any]:
    """Return what pre-training ScSAM's first weights cost, as far as their files record it."""
    return {
        name: training_record(path)
        for name, path in (("sam", recipe.sam_weights), ("mae", recipe.mae_weights))
        if path
    }


def training_record(path: Path) -> dict[str, Any]:
    """Read from a weights file how it was trained, and from what; None if it is not recorded."""
    with safe_open(path, framework="np") as file:
        metadata = file.metadata() or {}
    record = (
        json.loads(metadata["training"])
        if "training" in metadata
        else json.loads(metadata.get("card", "{}")).get("training", {})
    )
    settings = record.get("training", record)
    known = {name: settings.get(name) for name in ("steps", "batch", "class_weight")}
    return {
        "file": path.name,
        "minutes": record.get("minutes"),
        "start": record.get("start"),
        **known,
    }


def write(results: Results, scale: Scale, out: Path) -> None:
    """Write both files, each in one step."""
    out.mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("results.json", json.dumps(results, indent=1)),
        ("table.md", tables(results, scale)),
    ):
        with replacing(out / name) as draft:
            draft.write_text(text + "\n", encoding="utf-8")


def tables(results: Results, scale: Scale) -> str:
    """Draw both tables, with a dash where a run has not finished."""
    runs = results["runs"]
    names = next((column_names(record) for record in runs.values()), [])
    main = [run for run in runs_of(scale) if run.slices == scale.training]
    head = [
        "",
        *(n.replace("_", " ") for n in names),
        "mean [95 % interval]",
        "steps",
        "CPU seconds a step",
    ]
    prices = results["prices"]["seconds"]
    first = markdown(
        head,
        (main_row(run, runs.get(run.name), len(names), prices.get(run.variant)) for run in main),
    )
    subsets = [*scale.subsets, scale.training]
    wide = ["mean Dice by training slices", *(str(len(s)) for s in subsets)]
    second = markdown(
        wide, (efficiency_row(key, subsets, scale.seeds[0], runs) for key in EFFICIENCY)
    )
    return "\n".join(
        ["# Accuracy at equal compute", "", introduction(results, scale), "", first, "", second]
    )


def introduction(results: Results, scale: Scale) -> str:
    """Return what the numbers mean, and what they leave out."""
    place = results["prices"]["machine"]
    before = "; ".join(
        pretraining_words(name.upper(), r) for name, r in results["pretraining"].items()
    )
    half = " and bfloat16" if place["bfloat16"] else ""
    return (
        f"Dice on {len(scale.evaluated)} slices of mouse hippocampus that no run learned from; intervals are bootstrapped over slices. "
        f"Unless its row says otherwise, a run trained for as many steps as {scale.minutes:g} CPU minutes buy on one thread of "
        f"{place['cpu']} with torch {place['torch']}{half}; what a step costs was measured side by side. All saw the same "
        f"{len(scale.training)} slices with the same crops and augmentation; the forest takes single pixels of these slices, drawn as the "
        "crops' centres are, for as many minutes, and has trees for steps. "
        f"Training spent earlier on the branches of ScSAM comes on top: {before}. It saw all training slices, also in the rows with fewer."
    )


def pretraining_words(name: str, record: Mapping[str, Any]) -> str:
    """Return a sentence on one branch's pre-training, as far as its file records it."""
    minutes = (
        "minutes not recorded" if record["minutes"] is None else f"{record['minutes']:.0f} minutes"
    )
    labels = (
        "no labels"
        if record["class_weight"] is None
        else "object masks" + (" and classes" if record["class_weight"] else "")
    )
    steps = f"{record['steps']} steps of {record['batch']} crops" + (
        ", after an earlier stage" if record["start"] else ""
    )
    return f"{name} branch, {labels}, {steps}, {minutes}"


def column_names(record: Mapping[str, Any]) -> list[str]:
    """Return the classes of a run's scores."""
    return [row["name"] for row in record["scores"]["classes"]]


def main_row(
    run: Run, record: Mapping[str, Any] | None, classes: int, price: float | None
) -> list[str]:
    """Return a run's cells."""
    title = f"({run.variant}) {VARIANTS[run.variant].title}, seed {run.seed}"
    if record is None:
        return [title, *["–"] * (classes + 3)]
    dice = [number(row["dice"]) for row in record["scores"]["classes"]]
    steps = record.get("steps", record.get("trees", 0))
    return [title, *dice, mean_words(record), str(steps), "–" if price is None else f"{price:.2f}"]


def efficiency_row(
    key: str, subsets: Sequence[tuple[int, ...]], seed: int, runs: Mapping[str, Any]
) -> list[str]:
    """Return one variant's cells, by the number of slices it learned from."""
    found = [runs.get(Run(key, seed, subset).name) for subset in subsets]
    return [
        f"({key}) {VARIANTS[key].title}",
        *("–" if record is None else mean_words(record) for record in found),
    ]


def mean_words(record: Mapping[str, Any]) -> str:
    """Return a mean Dice with its interval, as text."""
    ends = record["scores"].get("mean_dice_interval")
    return number(record["scores"]["mean_dice"]) + (
        f" [{number(ends[0])}, {number(ends[1])}]" if ends else ""
    )


def number(value: float | None) -> str:
    """Return a score as text."""
    return "–" if value is None else f"{value:.3f}"


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Draw a table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
