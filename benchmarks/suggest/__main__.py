"""Which order of slices teaches most: ``python -m benchmarks.suggest``.

Slices are reviewed in an order, and what is reviewed teaches a classifier. The Dice on slices that
are never reviewed is compared between orders. Each seed draws a part of the slices, and the one
that comes first. Orders were chosen by the first two sets, not by the others. A dash stands where
more slices bring less than 0.01 of Dice in any order.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from benchmarks.accuracy.report import machine, markdown, revision
from benchmarks.suggest.features import SETS, cached_maps
from benchmarks.suggest.learner import Example, example, learned_dice, standardise
from benchmarks.suggest.orders import ORDERS, Order, Seen, seen
from numpy.typing import NDArray

from napari_scsam import Predictor, load_checkpoint
from napari_scsam.atomic import replacing

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

DRAWN = 0.7
"""Share of the slices that a seed draws."""

LARGEST = 8
"""Most slices that are reviewed."""

FOLDS = 4
"""Every fourth slice is held out, where a set has no slices of its own for that."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Trial:
    """A set on which orders are compared."""

    name: str
    held_out: str = ""
    """The set that Dice is measured on; when empty, every fourth slice of this one."""


TRIALS = (
    Trial("sbem"),
    Trial("hip", "dev"),
    Trial("stack"),
    Trial("leaf", "leaftest"),
)

WORTH = 0.01
"""Dice that more slices must bring at random for an order to matter."""


@dataclass(frozen=True, eq=False)
class Material:
    """The slices of a trial."""

    slices: Sequence[Seen]
    examples: Sequence[Example]
    held_out: Sequence[Example]


def material(trial: Trial, predictor: Predictor, data: Path, cache: Path) -> Material:
    """Read the slices of a trial."""
    classes = SETS[trial.name].classes
    pairs = [
        (seen(maps, z), example(maps, classes))
        for z, maps in cached_maps(predictor, trial.name, data, cache)
    ]
    if trial.held_out:
        maps_of = cached_maps(predictor, trial.held_out, data, cache)
        held = [example(maps, classes) for _, maps in maps_of]
    else:
        held = [each for _, each in pairs[FOLDS // 2 :: FOLDS]]
        pairs = [pair for i, pair in enumerate(pairs) if i % FOLDS != FOLDS // 2]
    examples = [each for _, each in pairs]
    standardise([*examples, *held])
    return Material([each for each, _ in pairs], examples, held)


def curves(found: Material, seeds: int) -> dict[str, Floats]:
    """Return the mean Dice after 1, 2, … reviewed slices, by order."""
    return {
        name: np.mean([curve(found, order, seed) for seed in range(seeds)], axis=0)
        for name, order in ORDERS.items()
    }


def curve(found: Material, order: Order, seed: int) -> Floats:
    """Return the Dice after 1, 2, … reviewed slices, for the slices that a seed draws."""
    chance = np.random.default_rng(seed)
    count = round(DRAWN * len(found.slices))
    drawn = sorted(chance.choice(len(found.slices), count, replace=False).tolist())
    ordered = order([found.slices[i] for i in drawn], int(chance.integers(count)), chance)
    reviewed = [found.examples[drawn[i]] for i in ordered[:LARGEST]]
    scores = [learned_dice(reviewed[:n], found.held_out) for n in range(1, len(reviewed) + 1)]
    return np.array(scores)


def share_needed(ours: Floats, random: Floats) -> float | None:
    """Return the slices that reach the Dice of random ones, as a share of these, on average.

    Only numbers of random slices count that reach more than fewer did. What is never reached
    takes one slice more than there are. None where more slices bring next to nothing.
    """
    best = np.maximum.accumulate(random)
    if best[-1] - random[0] < WORTH:
        return None
    counts = [n for n in range(2, len(best) + 1) if best[n - 1] > best[n - 2]]
    reached = np.maximum.accumulate(ours)
    return float(np.mean([slices_until(reached, best[n - 1]) / n for n in counts]))


def slices_until(best: Floats, target: float) -> float:
    """Return after how many slices a rising curve reaches a Dice, interpolated."""
    if best[-1] < target:
        return len(best) + 1.0
    after = int(np.argmax(best >= target))
    if after == 0:
        return 1.0
    return after + float((target - best[after - 1]) / (best[after] - best[after - 1]))


def table(results: Mapping[str, Mapping[str, Floats]]) -> str:
    """Draw the table of the slices that each order needs."""
    head = ["order", *results, "mean"]
    rows = []
    for name in ORDERS:
        shares = [share_needed(each[name], each["random"]) for each in results.values()]
        known = [share for share in shares if share is not None]
        mean = None
        if known:
            mean = float(np.mean(known))
        rows.append([name, *(percent(share) for share in [*shares, mean])])
    title = "# Slices to review for the Dice of a random order, as a share of the random slices"
    return "\n".join(
        [title, "", " ".join((__doc__ or "").split("\n\n")[1].split()), "", markdown(head, rows)]
    )


def percent(share: float | None) -> str:
    """Return a share as text; a dash when there is none."""
    if share is None:
        return "–"
    return f"{100 * share:.0f} %"


def write(results: Mapping[str, Mapping[str, Floats]], seeds: int, out: Path) -> None:
    """Write both files, each in one step."""
    plain = {
        trial: {name: values.round(4).tolist() for name, values in each.items()}
        for trial, each in results.items()
    }
    record = {"revision": revision(), "machine": machine(), "seeds": seeds, "dice": plain}
    out.mkdir(parents=True, exist_ok=True)
    for name, text in (("results.json", json.dumps(record)), ("table.md", table(results))):
        with replacing(out / name) as draft:
            draft.write_text(text + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare the orders on each set, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.suggest", description=__doc__)
    parser.add_argument("--checkpoint", default="default", metavar="C")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--cache", type=Path, default=HERE / "runs", help="folder of features")
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--out", type=Path, default=HERE)
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    predictor = Predictor(load_checkpoint(given.checkpoint), "cpu")
    results: dict[str, dict[str, Floats]] = {}
    for trial in TRIALS:
        found = material(trial, predictor, given.data, given.cache)
        results[trial.name] = curves(found, given.seeds)
        write(results, given.seeds, given.out)
        print(f"{trial.name} done", flush=True)
    print(given.out / "table.md")


if __name__ == "__main__":
    main()
