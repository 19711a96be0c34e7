"""How well a few strokes teach a class: ``python -m benchmarks.teach --data FOLDER``.

Two and five strokes are drawn by rule on a class and as many beside it, on one
slice or two; the class is then looked for on another slice, by
`Predictor.teach` and `Predictor.segment`. A random forest on scikit-image's
filters and a logistic regression on the network's features learn from the same
strokes in the same run. Then four rounds of strokes correct what is wrong on
the taught slice.

Classes are taught under a new name. Those that the network knows are then
taught under their own name too, and corrected from the network's own answer on.

Fly profiles and the brain are tissue that no encoder was trained on. The SAM
branch has seen the leaf, and both have seen the hippocampus: those rows are
an upper bound.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.teach.baselines import Plane, baselines, dice, read_plane
from benchmarks.teach.cases import CASES, Case
from benchmarks.teach.strokes import Drawn, Mask, correct, draw
from benchmarks.teach.summary import Results, summarise, table

from napari_scsam import Predictor, load_checkpoint
from napari_scsam.atomic import replacing
from napari_scsam.infer.disk_cache import DiskCache

ROOT = Path(__file__).resolve().parents[2]

NAME = "taught"

ROUNDS = 4
"""Of correcting strokes."""

CACHE_BYTES = 4 << 30
"""Most bytes of embeddings."""

WORTH = 500
"""Pixels of another class on a slice, so that its Dice means something."""


def show(predictor: Predictor, case: Case, plane: Plane, drawn: Drawn, name: str = NAME) -> float:
    """Teach the strokes of one slice; return the seconds until the answer there.

    The slice was segmented before, as whoever draws on it has seen. The seconds are those of this
    process, as on an idle machine.
    """
    predictor.set_image(plane.grey, case.voxel_size)
    predictor.segment()
    sides = [np.zeros(plane.mask.shape, bool) for _ in range(2)]
    for positive, mask in drawn:
        sides[not positive] |= mask
    began = time.process_time()
    predictor.teach(name, *sides)
    predictor.segment([name])
    return time.process_time() - began


def answer(predictor: Predictor, case: Case, plane: Plane, name: str = NAME) -> Mask:
    """Look for a class on a slice."""
    predictor.set_image(plane.grey, case.voxel_size)
    ids = [spec.id for spec in predictor.classes if spec.name == name]
    found: Mask = predictor.segment([name]) == ids[0]
    return found


def others(predictor: Predictor, case: Case, data: Path, plane: Plane) -> dict[str, float]:
    """Compute the Dice of the other labelled classes, beside all that was taught."""
    predictor.set_image(plane.grey, case.voxel_size)
    labels = predictor.segment()
    ids = {spec.name: spec.id for spec in predictor.classes}
    truths = {name: read(data, case.slices[2])[1] for name, read in (case.others or {}).items()}
    return {
        name: dice(labels == ids[name], truth)
        for name, truth in truths.items()
        if truth.sum() >= WORTH
    }


def largest_loss(before: Mapping[str, float], after: Mapping[str, float]) -> float:
    """Return the most that one class lost, in Dice."""
    return max((before[name] - after[name] for name in before), default=0.0)


def teach_once(
    predictor: Predictor,
    case: Case,
    data: Path,
    planes: Sequence[Plane],
    count: int,
    seed: int,
    known: Mapping[str, float] | None,
) -> dict[str, float]:
    """Teach on all slices but the last, and look on the last, by each method.

    What the baselines reach may be known already.
    """
    *shown, test = planes
    drawn = [
        draw(plane.mask, count, np.random.default_rng([seed, number]))
        for number, plane in enumerate(shown)
    ]
    predictor.restore_taught([])
    before = others(predictor, case, data, test)
    taken = [
        show(predictor, case, plane, strokes) for plane, strokes in zip(shown, drawn, strict=True)
    ]
    found = answer(predictor, case, test)
    scores = {"seconds": max(taken), "taught": dice(found, test.mask)}
    if before:
        scores["others_lose"] = largest_loss(before, others(predictor, case, data, test))
    return {**scores, **(known or baselines(shown, drawn, test))}


def teach_in_rounds(
    predictor: Predictor,
    case: Case,
    data: Path,
    planes: Sequence[Plane],
    seed: int,
) -> dict[str, Any]:
    """Correct the answer on the first slice again and again; Dice on the last after each round."""
    chance = np.random.default_rng(seed)
    predictor.restore_taught([])
    before = others(predictor, case, data, planes[-1])
    drawn = draw(planes[0].mask, 2, chance)
    scores = []
    for _ in range(ROUNDS + 1):
        show(predictor, case, planes[0], drawn)
        scores.append(dice(answer(predictor, case, planes[-1]), planes[-1].mask))
        drawn = correct(planes[0].mask, answer(predictor, case, planes[0]), chance)
    record: dict[str, Any] = {"dice": scores, "largest_fall": largest_fall(scores)}
    if before:
        after = others(predictor, case, data, planes[-1])
        record["others_lose"] = largest_loss(before, after)
    return record


def sharpen(predictor: Predictor, case: Case, planes: Sequence[Plane], seed: int) -> dict[str, Any]:
    """Teach a class that the network knows under its own name.

    Returns
    -------
    record
        The network's own Dice on the last slice; that after five strokes drawn anywhere on the
        first slice; and those after each round of corrections from the network's answer on.
    """
    chance = np.random.default_rng(seed)
    predictor.restore_taught([])
    alone = dice(answer(predictor, case, planes[-1], case.known), planes[-1].mask)
    show(predictor, case, planes[0], draw(planes[0].mask, 5, chance), case.known)
    anywhere = dice(answer(predictor, case, planes[-1], case.known), planes[-1].mask)
    predictor.restore_taught([])
    scores = [alone]
    for _ in range(ROUNDS):
        found = answer(predictor, case, planes[0], case.known)
        show(predictor, case, planes[0], correct(planes[0].mask, found, chance), case.known)
        scores.append(dice(answer(predictor, case, planes[-1], case.known), planes[-1].mask))
    return {
        "network": alone,
        "five_strokes": anywhere,
        "dice": scores,
        "largest_fall": largest_fall(scores),
    }


def largest_fall(scores: Sequence[float]) -> float:
    """Return how far scores fell below their best so far, at most."""
    return float(np.max(np.maximum.accumulate(scores) - scores))


def run_case(
    predictor: Predictor, name: str, data: Path, seeds: Sequence[int], earlier: Results
) -> dict[str, Any]:
    """Teach one class in all ways, and print a line for each."""
    case = CASES[name]
    plain = bool(earlier)
    planes = [read_plane(predictor, case, data, index, plain=plain) for index in case.slices]
    results: dict[str, Any] = {}
    for slices, count in ((1, 2), (1, 5), (2, 2), (2, 5)):
        used = [*planes[:slices], planes[2]]
        title = f"{name}, {slices} slices, {count} strokes"
        known = [{key: each[key] for key in BASELINES} for each in earlier.get(title, ())]
        found = [
            teach_once(predictor, case, data, used, count, seed, known[number] if known else None)
            for number, seed in enumerate(seeds)
        ]
        results[title] = found
        means = [f"{np.mean([each[key] for each in found]):.3f}" for key in KEYS]
        print(f"| {name} | {slices} | {count} | {' | '.join(means)} |", flush=True)
    rounds = [teach_in_rounds(predictor, case, data, planes, seed) for seed in seeds]
    results[f"{name}, rounds"] = rounds
    print_rounds(f"{name}, rounds", rounds)
    if case.known:
        sharpened = [sharpen(predictor, case, planes, seed) for seed in seeds]
        results[f"{name}, known"] = sharpened
        print_rounds(f"{name}, known", sharpened)
    return results


BASELINES = ("forest", "regression")
KEYS = ("taught", *BASELINES, "seconds")


def print_rounds(title: str, records: Sequence[Mapping[str, Any]]) -> None:
    """Print the Dice after each round, and the largest fall."""
    for record in records:
        scores = " ".join(f"{score:.2f}" for score in record["dice"])
        print(f"{title}: {scores} (largest fall {record['largest_fall']:.3f})", flush=True)


def main() -> None:
    """Print the table, and keep every figure in JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--checkpoint", default="default")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--classes", default="", help="those whose name holds this")
    parser.add_argument("--out", type=Path, default=Path("teach.json"))
    parser.add_argument(
        "--cache", type=Path, help="folder where embeddings are kept, so that a slice costs once"
    )
    parser.add_argument(
        "--baselines",
        type=Path,
        help="results of the same seeds, from which the baselines' figures are read",
    )
    parser.add_argument(
        "--summary",
        action="store_true",
        help="read OUT: print its table, and which aims it reaches",
    )
    given = parser.parse_args()
    if given.summary:
        results = json.loads(given.out.read_text(encoding="utf-8"))
        print("\n".join((*table(results), "", *summarise(results))))
        return
    torch.set_num_threads(1)
    disk = None if given.cache is None else DiskCache(given.cache, CACHE_BYTES)
    predictor = Predictor(load_checkpoint(given.checkpoint), "auto", disk)
    earlier: Results = {}
    if given.baselines is not None:
        earlier = json.loads(given.baselines.read_text(encoding="utf-8"))
    results = {}
    print(f"| class | slices | strokes | {' | '.join(KEYS)} |\n" + "|---" * 7 + "|")
    for name in CASES:
        if given.classes in name:
            results.update(run_case(predictor, name, given.data, given.seeds, earlier))
            with replacing(given.out) as draft:
                draft.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print("\n".join(summarise(results)))


if __name__ == "__main__":
    main()
