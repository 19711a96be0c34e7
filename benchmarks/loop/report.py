"""The benchmark's two files: every figure as JSON, and a table for people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.accuracy.report import machine, markdown, revision
from benchmarks.loop.cases import Case
from benchmarks.loop.work import TARGETS, WAYS

from napari_scsam.atomic import replacing

Slices = list[dict[str, Any]]
"""What each slice of a case took."""

Records = dict[str, dict[str, Slices]]
"""What each slice took, by the title of the case and the key of the way."""


def read_records(out: Path, prices: Mapping[str, float]) -> Records:
    """Read what was measured before at the same prices; nothing when there is none."""
    path = out / "results.json"
    if not path.is_file():
        return {}
    results = json.loads(path.read_text(encoding="utf-8"))
    if results["prices"] != dict(prices):
        return {}
    cases: Records = results["cases"]
    return cases


def joined(old: Records, new: Records) -> Records:
    """Return both; where a way was measured twice, the new record."""
    return {title: {**old.get(title, {}), **new.get(title, {})} for title in {**old, **new}}


def write(records: Records, cases: Sequence[Case], prices: Mapping[str, float], out: Path) -> None:
    """Write both files, each in one step."""
    out.mkdir(parents=True, exist_ok=True)
    results = {
        "revision": revision(),
        "machine": machine(),
        "prices": dict(prices),
        "cases": records,
    }
    texts = {"results.json": json.dumps(results, indent=1), "table.md": tables(records, cases)}
    for name, text in texts.items():
        with replacing(out / name) as draft:
            draft.write_text(text + "\n", encoding="utf-8")


def tables(records: Records, cases: Sequence[Case]) -> str:
    """Draw the tables."""
    sets = list(dict.fromkeys(case.name for case in cases))
    head = [
        "",
        *(f"{case.title}, to {case.target:g}" for case in cases),
        *(f"{name}: of (b)" for name in sets),
    ]
    parts = ["# Effort to label from zero", "", INTRODUCTION, ""]
    parts.append(markdown(head, [main_row(way.key, records, cases, sets) for way in WAYS]))
    for case in cases:
        parts += ["", f"Seconds a slice, {case.title}, by Dice", ""]
        wide = ["", *(f"{target:g}" for target in TARGETS), "Dice at first sight"]
        parts.append(
            markdown(wide, [case_row(way.key, records.get(case.title, {})) for way in WAYS])
        )
    return "\n".join(parts)


INTRODUCTION = (
    "Seconds a slice until a Dice is reached, of a simulated annotator who always does what mends "
    "most a second. The Dice is 0.9, or what two people agree by (vesicles). "
    "What an act costs is in `benchmarks/loop/prices.py`. The last columns are shares of the "
    "effort of correcting the U-Net (b), added up over the classes of a set."
)


def title_of(key: str) -> str:
    """Return the title of a way."""
    return next(f"({way.key}) {way.title}" for way in WAYS if way.key == key)


def seconds_a_slice(slices: Slices, target: float) -> float:
    """Return the mean effort of some slices."""
    return float(np.mean([each["seconds"][f"{target:g}"] for each in slices]))


def main_row(key: str, records: Records, cases: Sequence[Case], sets: Sequence[str]) -> list[str]:
    """Return the cells of a way: seconds of each class, and shares of (b) for each set."""
    cells = [title_of(key)]
    for case in cases:
        slices = records.get(case.title, {}).get(key)
        cells.append("–" if slices is None else f"{seconds_a_slice(slices, case.target):.1f}")
    return [*cells, *(share_of_unet(key, records, cases, name) for name in sets)]


def share_of_unet(key: str, records: Records, cases: Sequence[Case], name: str) -> str:
    """Return the effort on a set as a share of correcting the U-Net."""
    chosen = [case for case in cases if case.name == name]
    if not all({key, "b"} <= set(records.get(case.title, {})) for case in chosen):
        return "–"
    ours = sum(seconds_a_slice(records[case.title][key], case.target) for case in chosen)
    theirs = sum(seconds_a_slice(records[case.title]["b"], case.target) for case in chosen)
    return f"{100 * ours / theirs:.0f} %"


def case_row(key: str, record: Mapping[str, Slices]) -> list[str]:
    """Return the cells of a way: seconds by target, and the Dice at first sight."""
    slices = record.get(key)
    if slices is None:
        return [title_of(key), *["–"] * (len(TARGETS) + 1)]
    efforts = [f"{seconds_a_slice(slices, target):.1f}" for target in TARGETS]
    first = np.mean([each["first_dice"] for each in slices])
    return [title_of(key), *efforts, f"{first:.2f}"]
