"""What fine-tuning gains on a new volume, and what it costs on old tissue.

    python -m benchmarks.finetune [brain stack medulla leaf] [--seeds 0 1] [--minutes 3] [--busy]

Each trial tunes the shipped model on a few slices of one volume with one
class labelled. It is scored on other slices of that volume, and all classes
on held-out slices of hippocampus, before and after; so are clicks. ``--busy``
counts the CPU time of the process, as a machine with two free cores would.
What is measured is written at once, so a run that was stopped goes on.

Settings were chosen on slices 3, 5, 7 and 9 of the brain and on even slices
of hippocampus/dev, which are not scored here. How labels are followed that leave
out a part was found on reviewed slices of the stack. No setting was chosen on
the other volumes.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from scipy import ndimage
from skimage.segmentation import find_boundaries

from napari_scsam.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from napari_scsam.checkpoints.find import checkpoint_info
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.volumes import Volume, open_labels, open_volume
from napari_scsam.model import ScSAM
from napari_scsam.train.finetune.data import CorrectedVolume
from napari_scsam.train.finetune.finetuning import FinetuneResult, finetune
from napari_scsam.train.finetune.settings import FinetuneSettings
from napari_scsam.train.scoring.click_evaluation import evaluate_clicks
from napari_scsam.train.scoring.evaluate import evaluate

T = TypeVar("T")

OLD = (1, 5, 9)
"""Slices of hippocampus/dev that are reported; the even ones were used to choose settings."""

CORES = 2
"""Of the machine for which ``--busy`` keeps the time."""

CLICKS = 2
"""Clicks on each object."""

NAMES = ("1 click", "2 clicks", "box")
"""Of the figures of clicks."""


@dataclass(frozen=True, eq=False)
class Trial:
    """A volume, what is labelled of it, and where the result is scored."""

    source: CorrectedVolume
    scored: Sequence[int]
    """Slices that were neither tuned on nor looked at when settings were chosen."""


def brain(data: Path) -> Trial:
    """Create the trial of the issue: mitochondria on eight slices of a brain."""
    folder = data / "brain_sbem"
    labels = binary(open_labels(folder / "mito.tif"))
    image = open_volume(folder / "raw.tif")
    source = CorrectedVolume(
        image, labels, {1: "mitochondrion"}, None, range(0, 16, 2), (40.0, 10.0, 10.0)
    )
    return Trial(source, (13, 16, 18))


def stack(data: Path) -> Trial:
    """Create a trial with mitochondria on eight slices of a stack with oblong pixels."""
    folder = data / "hippocampus_stack"
    labels = binary(open_labels(folder / "mito.tif"))
    image = open_volume(folder / "raw.tif")
    size = (5.0, 7.68, 10.24)
    source = CorrectedVolume(image, labels, {1: "mitochondrion"}, None, range(0, 96, 12), size)
    return Trial(source, range(6, 96, 18))


def medulla(data: Path) -> Trial:
    """Create a trial with membranes on eight slices of a fly's brain, drawn between neurons."""
    folder = data / "medulla_unlabelled"
    bodies = open_labels(folder / "training_sample2_bodies.tif")
    chosen = range(0, 240, 12)
    planes = [bodies.plane(z) for z in chosen]
    borders = [ndimage.binary_dilation(find_boundaries(plane, mode="inner")) for plane in planes]
    raw = open_volume(folder / "training_sample2.tif")
    image = np.stack([raw.plane(z) for z in chosen])
    labels = np.stack(borders).astype(np.uint8)
    size = (10.0, 10.0, 10.0)
    slices = (0, 2, 4, 8, 10, 12, 14, 18)
    source = CorrectedVolume(
        Volume("medulla", image), Volume("borders", labels), {1: "membrane"}, None, slices, size
    )
    return Trial(source, (1, 6, 11, 16))


def leaf(data: Path) -> Trial:
    """Create a trial with a class that the model lacks: chloroplasts on five slices of a leaf."""
    folder = data / "leaf"
    image = open_volume(folder / "more_raw.tif")
    labels = binary(open_labels(folder / "more_chloroplast_instances.tif"))
    source = CorrectedVolume(image, labels, {1: "chloroplast"}, None, range(5))
    return Trial(source, (6,))


TRIALS = {"brain": brain, "stack": stack, "medulla": medulla, "leaf": leaf}


def binary(labels: Volume) -> Volume:
    """Return labels of 1 for every value above 0."""
    planes = [(labels.plane(z) > 0).astype(np.uint8) for z in range(labels.depth)]
    return Volume(labels.name, np.stack(planes), labels.voxel_size)


def end_of(steps: Generator[Any, None, T]) -> T:
    """Run a generator to its end and return its result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


def new_classes(model: ScSAM, trial: Trial, _data: Path) -> dict[str, float]:
    """Return the Dice of the labelled class on new slices; nothing if the model lacks it."""
    classes = {spec.name: spec for spec in model.classes}
    named = trial.source.classes.items()
    meaning = {value: classes[name] for value, name in named if name in classes}
    if not meaning:
        return {}
    image, labels = sized(trial.source), trial.source.labels
    return dice_of(end_of(evaluate(Predictor(model), image, labels, meaning, slices=trial.scored)))


def old_classes(model: ScSAM, _trial: Trial, data: Path) -> dict[str, float]:
    """Return the Dice of each class on old tissue."""
    raw, truth = old_tissue(data)
    known = {spec.id: spec for spec in model.classes}  # the labels hold myelin, too
    return dice_of(end_of(evaluate(Predictor(model), raw, truth, known, slices=OLD)))


def new_clicks(model: ScSAM, trial: Trial, _data: Path) -> list[float]:
    """Return the IoU after each click, and of a box, on a new slice."""
    image, labels = sized(trial.source), trial.source.labels
    steps = evaluate_clicks(Predictor(model), image, labels, CLICKS, slices=trial.scored[:1])
    return ious(end_of(steps))


def old_clicks(model: ScSAM, _trial: Trial, data: Path) -> list[float]:
    """Return the IoU after each click, and of a box, on mitochondria of old tissue."""
    raw, truth = old_tissue(data)
    whole = next(spec for spec in model.classes if spec.name == "mitochondrion")
    meaning = {1: whole, 2: whole}
    steps = evaluate_clicks(Predictor(model), raw, truth, CLICKS, meaning, slices=OLD[:2])
    return ious(end_of(steps))


PARTS = {
    "new": new_classes,
    "old": old_classes,
    "new clicks": new_clicks,
    "old clicks": old_clicks,
}
"""What is measured of a model, in this order."""


def old_tissue(data: Path) -> tuple[Volume, Volume]:
    """Open image and labels of hippocampus/dev."""
    folder = data / "hippocampus"
    raw = open_volume(folder / "dev_raw.tif", (5.0, 5.0, 5.0))
    return raw, open_labels(folder / "dev_labels.tif")


def sized(source: CorrectedVolume) -> Volume:
    """Return the image of a source with its voxel size."""
    return Volume(source.image.name, source.image.data, source.size)


def dice_of(scores: Any) -> dict[str, float]:
    """Return the Dice of each class."""
    rows = scores.to_dict()["classes"]
    return {row["name"]: row["dice"] for row in rows if row["dice"] is not None}


def ious(scores: Any) -> list[float]:
    """Return the mean IoU after each click, and after a box."""
    return [*scores.clicks.mean(0).tolist(), float(scores.boxes.mean())]


def own_seconds() -> float:
    """Return the seconds that this process would have taken with two cores to itself."""
    return time.process_time() / CORES


def tune(
    trial: Trial, seed: int, minutes: float, clock: Callable[[], float]
) -> tuple[ScSAM, dict[str, Any]]:
    """Fine-tune the shipped model; return the better model, what it cost, and the report."""
    wall = time.monotonic()
    cpu = time.process_time()
    settings = FinetuneSettings(seed=seed)
    steps = finetune(
        trial.source, load_checkpoint(), minutes=minutes, clock=clock, settings=settings
    )
    result: FinetuneResult = end_of(steps)
    cost = {
        "wall_s": time.monotonic() - wall,
        "cpu_s": time.process_time() - cpu,
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2,
    }
    print(result.report, cost, sep="\n", flush=True)
    return result.model, {"minutes": minutes, "cost": cost, "report": result.report.to_dict()}


def tuned(
    path: Path, trial: Trial, seed: int, minutes: float, clock: Callable[[], float]
) -> tuple[ScSAM, dict[str, Any]]:
    """Return the model that is kept in a file, and how it was tuned; tune it if there is none."""
    if path.is_file():
        return load_checkpoint(path), dict(checkpoint_info(path).training)
    model, how = tune(trial, seed, minutes, clock)
    save_checkpoint(path, model, summary="", licence="", training=how)
    return model, how


def table(name: str, before: dict[str, Any], after: dict[str, Any]) -> str:
    """Draw one line for each figure, before and after."""
    lines = [f"{name:32} {'before':>7} {'after':>7} {'change':>7}"]
    for part, found in after.items():
        rows = found if isinstance(found, dict) else dict(zip(NAMES, found, strict=True))
        were = (
            before[part] if isinstance(found, dict) else dict(zip(NAMES, before[part], strict=True))
        )
        for row, value in rows.items():
            was = were.get(row, 0.0)
            lines.append(f"{part + ' ' + row:32} {was:7.3f} {value:7.3f} {value - was:+7.3f}")
    return "\n".join(lines)


def main() -> None:
    """Run the trials that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trials", nargs="*", default=list(TRIALS), metavar="TRIAL")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument(
        "--busy", action="store_true", help="count own CPU time, as if two cores were free"
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument(
        "--json",
        type=Path,
        help="other trials and seeds in it are kept, and what it says of the shipped model",
    )
    parser.add_argument(
        "--keep",
        type=Path,
        default=Path("runs/finetune"),
        help="folder of the tuned models; one that is there is not tuned again",
    )
    arguments = parser.parse_args()
    clock = own_seconds if arguments.busy else time.monotonic
    results: dict[str, Any] = {}
    if arguments.json is not None and arguments.json.is_file():
        results = json.loads(arguments.json.read_text())
    for name in arguments.trials:
        trial = TRIALS[name](arguments.data)
        kept = results.setdefault(name, {"before": {}, "seeds": {}})
        for seed in arguments.seeds:
            path = arguments.keep / f"{name}_{seed}.safetensors"
            model, how = tuned(path, trial, seed, arguments.minutes, clock)
            after = kept["seeds"].setdefault(str(seed), {"after": {}, **how})["after"]
            for part, measure in PARTS.items():
                for each, found in ((model, after), (load_checkpoint(), kept["before"])):
                    if part not in found:
                        found[part] = measure(each, trial, arguments.data)
                        write(results, arguments.json)
                print(table(f"{name}, seed {seed}", kept["before"], after), flush=True)


def write(results: dict[str, Any], path: Path | None) -> None:
    """Write all results, if they are to be kept."""
    if path is not None:
        path.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
