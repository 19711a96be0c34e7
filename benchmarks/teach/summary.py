"""Which aims of teaching hold, by the figures of a run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

GAIN = 0.03
"""Dice above the better baseline, on average."""

LOSS = 0.05
"""Dice below the better baseline in one case, at most."""

SECONDS = 1.0
"""For teaching and answering, after the embedding."""

FALL = 0.03
"""Dice below the best so far in four rounds of corrections, at most."""

OTHERS = 0.02
"""Dice that another class loses, at most."""

Results = Mapping[str, Sequence[Mapping[str, Any]]]


HEAD = (
    "| class | taught | random forest, 20 filters | logistic regression, network's features "
    "| gain | fall | others lose |"
)


def table(results: Results) -> Iterator[str]:
    """Return the lines of a table with a row for each class, as ``docs/accuracy.md`` has it.

    Cells of several figures have them by slices and strokes; the fall has one for each seed.
    """
    yield from (HEAD, "|" + "---|" * 7)
    for name in dict.fromkeys(map(class_of, results)):
        own = {title: each for title, each in results.items() if class_of(title) == name}
        yield row(name, own)


def class_of(title: str) -> str:
    """Return the class that the title of some records begins with."""
    return re.sub(r", (\d+ slices, \d+ strokes|rounds|known)$", "", title)


def row(name: str, own: Results) -> str:
    """Return the row of one class, given its records."""
    cases = [records for title, records in own.items() if title.endswith("strokes")]
    cells = [name]
    for key in ("taught", "forest", "regression"):
        means = (float(np.mean([each[key] for each in records])) for records in cases)
        cells.append("; ".join(f"{mean:.2f}" for mean in means))
    gains = [gain_of(records) for records in cases]
    cells.append(f"{np.mean(gains):+.2f}, {min(gains):+.2f}")
    rounds = own[f"{name}, rounds"]
    cells.append(", ".join(f"{each['largest_fall']:.3f}" for each in rounds))
    lost = [
        each["others_lose"] for records in own.values() for each in records if "others_lose" in each
    ]
    cells.append(f"{max(0.0, *lost):.3f}" if lost else "–")
    return f"| {' | '.join(cells)} |"


def summarise(results: Results) -> Iterator[str]:
    """Return a line for each aim: what was found, and whether the aim is reached.

    A case is a class with a number of slices and strokes; its figures are means over the seeds.
    """
    cases = [records for records in results.values() if "taught" in records[0]]
    gains = [gain_of(records) for records in cases]
    mean = float(np.mean(gains))
    yield line("mean gain over the better baseline", mean, reached=mean >= GAIN)
    yield line("gain in the worst case", min(gains), reached=min(gains) >= -LOSS)
    worst = min(record["taught"] - better(record) for each in cases for record in each)
    yield line("gain of the worst seed", worst, reached=worst >= -LOSS)
    seconds = max(record["seconds"] for each in cases for record in each)
    yield line("longest time in seconds", seconds, reached=seconds <= SECONDS)
    every = [record for records in results.values() for record in records]
    falls = [record["largest_fall"] for record in every if "dice" in record]
    high = sum(fall > FALL for fall in falls)
    what = f"largest fall in four rounds, {high} of {len(falls)} above {FALL:g}"
    yield line(what, max(falls), reached=not high)
    losses = [record["others_lose"] for record in every if "others_lose" in record]
    high = sum(loss > OTHERS for loss in losses)
    what = f"most that another class lost, {high} of {len(losses)} above {OTHERS:g}"
    yield line(what, max(losses), reached=not high)


def gain_of(records: Sequence[Mapping[str, Any]]) -> float:
    """Return the mean Dice of the seeds above that of the better baseline."""
    return float(
        np.mean([each["taught"] for each in records])
        - max(np.mean([each[name] for each in records]) for name in ("forest", "regression"))
    )


def better(record: Mapping[str, Any]) -> float:
    """Return the Dice of the better baseline."""
    return max(record["forest"], record["regression"])


def line(what: str, found: float, *, reached: bool) -> str:
    """Return a line about one aim."""
    return f"{what}: {found:+.3f}, {'reached' if reached else 'not reached'}"
