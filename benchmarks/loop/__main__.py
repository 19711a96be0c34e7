"""Effort to label from zero, with and without the network: ``python -m benchmarks.loop``."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch
from benchmarks.accuracy.pixels import PixelPredictor
from benchmarks.finetune import own_seconds
from benchmarks.loop.cases import CASES, Case, Picture, read_case
from benchmarks.loop.finetuning import MINUTES, Finetuning, Retraining, Tuned
from benchmarks.loop.prices import Prices
from benchmarks.loop.report import Records, Slices, joined, read_records, seconds_a_slice, write
from benchmarks.loop.tools import ByHand, ByNetwork, ByUNet, Tool
from benchmarks.loop.unet import STEPS, ready_unet, unet_of_finished, unet_recipe
from benchmarks.loop.work import WAYS, Next, Shift, Way, as_they_come, work_through

from napari_scsam import Predictor, load_checkpoint
from napari_scsam.infer.disk_cache import DiskCache
from napari_scsam.infer.suggest import next_slices
from napari_scsam.model import ScSAM

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

CACHE_BYTES = 4 << 30
"""Most bytes of embeddings."""


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loop", description=__doc__)
    parser.add_argument("--checkpoint", default="default", metavar="C")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data")
    parser.add_argument(
        "--cache",
        type=Path,
        default=HERE / "runs",
        help="folder of embeddings, and of the U-Net that is trained once",
    )
    parser.add_argument("--only", nargs="+", default=[way.key for way in WAYS], metavar="WAY")
    parser.add_argument("--sets", nargs="+", default=[case.name for case in CASES], metavar="SET")
    parser.add_argument(
        "--minutes", type=float, default=MINUTES, help="of two cores, for each fine-tuning"
    )
    parser.add_argument(
        "--unet-steps",
        type=int,
        default=STEPS,
        help=f"of the U-Net's training ({STEPS}, eight CPU minutes)",
    )
    parser.add_argument("--hand", type=float, default=1.0, help="how much faster the hand draws")
    parser.add_argument(
        "--out",
        type=Path,
        default=HERE,
        help="folder of the table and the results; what is in them is not measured again",
    )
    parser.add_argument(
        "--busy",
        action="store_true",
        help="fine-tune for minutes of own CPU time, as if two cores were free",
    )
    parser.add_argument("--overwrite", action="store_true", help="measure everything again")
    return parser.parse_args(arguments)


class Bench:
    """What all ways of working share.

    Parameters
    ----------
    given
        The command line. Its cache holds embeddings, so that each slice is embedded once.
    """

    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self._disk = DiskCache(given.cache / "embeddings", CACHE_BYTES)
        self._tuned: dict[str, Tuned] = {}
        """By the title of the case."""
        self.prices = Prices().with_hand(given.hand)
        self._unet: PixelPredictor | None = None

    def unet(self) -> PixelPredictor:
        """Return the U-Net, trained when it is first needed."""
        if self._unet is None:
            steps = self.given.unet_steps
            weights = self.given.cache / f"unet_{steps}.safetensors"
            self._unet = ready_unet(weights, self.given.data, steps)
        return self._unet

    def unet_finds(self, class_name: str) -> bool:
        """Whether the U-Net was trained on a class; else everything is painted by hand."""
        return class_name in {c.name for c in unet_recipe(self.given.data).classes}

    def model(self) -> ScSAM:
        """Load the network."""
        return load_checkpoint(self.given.checkpoint)

    def predictor(self, model: ScSAM | None = None) -> Predictor:
        """Return a predictor that was taught nothing."""
        return Predictor(model or self.model(), "cpu", self._disk)

    def tool(self, way: Way, case: Case) -> Tool:
        """Return what the annotator works with."""
        if way.tool == "hand":
            return ByHand()
        predictor = self.predictor()
        if way.tool == "unet" and not self.unet_finds(case.class_name) and not way.finetunes:
            return ByHand()
        if way.tool == "unet":
            nm_per_pixel = predictor.model.config.nm_per_pixel or 1.0
            return ByUNet(self.unet(), case.class_name, nm_per_pixel)
        return ByNetwork(predictor, case.class_name)

    def work(self, way: Way, case: Case, pictures: Sequence[Picture]) -> Slices:
        """Label a case, and return what each slice took."""
        tool = self.tool(way, case)
        shift = Shift(tool, self.prices, case.target, teaches=way.teaches)
        steps = work_through(pictures, shift, order_of(way), self.training(way, case, tool))
        return [finished.to_dict() for finished in steps]

    def training(self, way: Way, case: Case, tool: Tool) -> Callable[[Sequence[Picture]], None]:
        """Return what trains the tool on finished slices."""
        if way.finetunes and isinstance(tool, ByNetwork):
            known = self._tuned.setdefault(case.title, {})
            clock = own_seconds if self.given.busy else time.monotonic
            minutes = self.given.minutes
            return Finetuning(tool, self.model, self.predictor, known, minutes, clock).after
        if way.finetunes and isinstance(tool, ByUNet):
            return Retraining(tool, partial(unet_of_finished, data=self.given.data)).after
        return nothing


def order_of(way: Way) -> Next:
    """Return what chooses the next slice."""
    if way.suggested:
        return suggested
    return as_they_come


def suggested(pictures: Sequence[Picture], done: Sequence[int]) -> int:
    """Choose the slice that ``scsam suggest`` names first."""
    places = [picture.z for picture in pictures]
    reviewed = [places.index(z) for z in done]
    best, _ = next(next_slices(len(places), reviewed))
    return places[best]


def nothing(finished: Sequence[Picture]) -> None:
    """Learn nothing."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all ways on all cases, save after each, and return the exit code."""
    torch.set_num_threads(1)
    given = parse(arguments)
    ways = [way for way in WAYS if way.key in given.only]
    run(Bench(given), ways)
    print(given.out / "table.md")
    return 0


def run(bench: Bench, ways: Sequence[Way]) -> None:
    """Run some ways on all cases, and save after each; what was measured before is kept."""
    given = bench.given
    cases = [case for case in CASES if case.name in given.sets]
    measured: Records = {}
    before = {} if given.overwrite else read_records(given.out, asdict(bench.prices))
    for case in cases:
        pictures = read_case(case, given.data)
        for way in ways:
            if way.key in before.get(case.title, {}):
                continue
            slices = bench.work(way, case, pictures)
            measured.setdefault(case.title, {})[way.key] = slices
            # Another run may have written something in the meantime.
            records = joined(read_records(given.out, asdict(bench.prices)), measured)
            write(records, CASES, asdict(bench.prices), given.out)
            seconds = seconds_a_slice(slices, case.target)
            print(f"{case.title}, ({way.key}) {way.title}: {seconds:.1f} s a slice", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
