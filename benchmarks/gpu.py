"""Spend the minutes on a graphics card: train the shipped model, test, measure, write a report.

Training comes first and takes most of the time; its number of steps follows from the time of the
first ones. Then the CUDA tests run, and the tables of times. All goes into one folder.

    python -m benchmarks.gpu [--minutes 18] [--out gpu_output]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from napari_scsam.config import UserError
from napari_scsam.infer.device import choose_device
from napari_scsam.train.drawing import spare_processes
from napari_scsam.train.recipe import Recipe, read_recipe
from napari_scsam.train.run_folder import environment
from napari_scsam.train.training import train

ROOT = Path(__file__).resolve().parents[1]
RECIPE = ROOT / "weights" / "recipes" / "sources.toml"
SHIPPED = ROOT / "weights" / "scsam_tiny.safetensors"

WARM_UP = 5
"""Steps before the time of a step is measured."""

MEASURED = 10
"""Steps by which it is measured."""

NEVER = 1_000_000

AFTER: dict[str, list[str]] = {
    "CUDA tests": ["-m", "pytest", "tests", "-n0", "-q", "-k", "on_a_card or cuda"],
    "bigger encoders": ["-m", "benchmarks.card"],
    "speed": ["-m", "benchmarks.speed", "--only", "encoder", "tile"],
}
"""What runs after the training, as arguments of Python."""


@dataclass(frozen=True)
class Plan:
    """What is asked for."""

    recipe: Path
    minutes: float
    """Of training alone."""
    batch: int
    crop: int
    device: str
    out: Path


def usable_recipe(plan: Plan) -> tuple[Recipe, list[str]]:
    """Read the recipe, without what this machine lacks; return also sentences on what that is."""
    recipe = read_recipe(plan.recipe)
    notes = []
    kept = []
    for source in recipe.sources:
        if source.image.exists() and source.labels.exists():
            kept.append(source)
        else:
            notes.append(f"{source.labels.name} or its image is missing and was left out")
    if recipe.start is not None and not recipe.start.exists():
        notes.append(f"{recipe.start.name} is missing; training started from {SHIPPED.name}")
        recipe = replace(recipe, start=SHIPPED)
    training = replace(recipe.training, batch=plan.batch, crop=plan.crop)
    return replace(recipe, sources=tuple(kept), training=training), notes


def seconds_a_step(
    recipe: Recipe, plan: Plan, clock: Callable[[], float] = time.monotonic
) -> float:
    """Train for a few steps, and return how long one takes; nothing is kept."""
    probe = replace(recipe, training=replace(recipe.training, steps=NEVER, save_every=NEVER))
    out = plan.out / "probe.safetensors"
    processes = spare_processes(choose_device(plan.device))
    run = train(probe, out, plan.device, processes, on_restart=lambda _: None)
    for _ in range(WARM_UP):
        next(run)
    began = clock()
    for _ in range(MEASURED):
        next(run)
    took = (clock() - began) / MEASURED
    run.close()  # type: ignore[attr-defined]
    return took


def train_for(plan: Plan) -> list[str]:
    """Train as many steps as fit into the minutes, and return the lines of the report."""
    recipe, lines = usable_recipe(plan)
    each = seconds_a_step(recipe, plan)
    steps = max(1, int(60 * plan.minutes / each))
    training = replace(recipe.training, steps=steps, save_every=max(1, steps // 10))
    out = plan.out / "scsam.safetensors"
    processes = spare_processes(choose_device(plan.device))
    began = time.monotonic()
    for step in train(
        replace(recipe, training=training), out, plan.device, processes, lambda _: None
    ):
        if step.step % max(1, steps // 20) == 0:
            print(f"step {step.step}/{steps} loss {step.losses['loss']:.3f}", flush=True)
    took = (time.monotonic() - began) / 60
    lines.append(f"a step took {each:.2f} s; {steps} steps took {took:.1f} minutes")
    lines.append(f"the checkpoint is {out.name}, its record {out.stem}.run")
    return lines


def run_after(arguments: Sequence[str], root: Path = ROOT) -> str:
    """Run Python in the project's root, and return the end of what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=root, capture_output=True, text=True, check=False
    )
    printed = (done.stdout + done.stderr).strip().splitlines()
    return "\n".join([*printed[-30:], f"exit code {done.returncode}"])


def report(plan: Plan, lines: Sequence[str], outputs: dict[str, str]) -> str:
    """Write down what was done, in Markdown."""
    machine = json.dumps(environment(choose_device(plan.device)), indent=1)
    parts = [f"# {plan.recipe.name}, {plan.minutes:g} minutes", *(f"- {line}" for line in lines)]
    for title, printed in {"Machine": machine, **outputs}.items():
        parts += [f"\n## {title}\n", "```", printed, "```"]
    return "\n".join(parts) + "\n"


def parse(arguments: Sequence[str] | None) -> tuple[Plan, bool]:
    """Read the command line: the plan, and whether training is all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--minutes", type=float, default=18.0, help="of training alone")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--crop", type=int, default=384)
    parser.add_argument("--device", default="cuda", help="cpu tries it without a card")
    parser.add_argument("--out", type=Path, default=Path("gpu_output"))
    parser.add_argument("--train-only", action="store_true", help="run no tests and no tables")
    given = parser.parse_args(arguments)
    plan = Plan(given.recipe, given.minutes, given.batch, given.crop, given.device, given.out)
    return plan, given.train_only


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, test, measure, and write ``report.md``."""
    plan, train_only = parse(arguments)
    try:
        choose_device(plan.device)
        plan.out.mkdir(parents=True, exist_ok=True)
        lines = train_for(plan)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    outputs = {}
    if not train_only:
        torch.cuda.empty_cache()
        outputs = {title: run_after(command) for title, command in AFTER.items()}
    text = report(plan, lines, outputs)
    (plan.out / "report.md").write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
