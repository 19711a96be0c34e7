"""Train and score every variant with equal data and compute: ``python -m benchmarks.accuracy``."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

from benchmarks.accuracy.plan import FULL, QUICK, Run, pending, runs_of
from benchmarks.accuracy.report import Results, machine, pretraining, revision, write
from benchmarks.accuracy.work import Bench, perform, prices_of, settings_of

from napari_scsam.config import UserError
from napari_scsam.train.recipe import read_recipe

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.add_argument(
        "--minutes", type=float, help=f"CPU minutes of training a run ({FULL.minutes:g})"
    )
    parser.add_argument("--jobs", type=int, default=2, help="runs at once, each on one thread (2)")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="seconds a run, to see that all of it works; needs --out",
    )
    parser.add_argument("--fresh", action="store_true", help="repeat what is done")
    parser.add_argument(
        "--only", nargs="+", metavar="VARIANT", help="run these variants only, e.g. a f"
    )
    parser.add_argument(
        "--out", type=Path, help="folder for results.json, table.md and runs/ (benchmarks/accuracy)"
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=ROOT.parent / "shared/data/hippocampus",
        help="folder with the labelled volumes",
    )
    weights = ROOT / "weights"
    parser.add_argument(
        "--sam-weights",
        type=Path,
        default=weights / "branches/sam_tiny.safetensors",
        help="start of the SAM branch",
    )
    parser.add_argument(
        "--mae-weights",
        type=Path,
        default=weights / "mae_hybrid.safetensors",
        help="start of the MAE branch",
    )
    given = parser.parse_args(arguments)
    if given.quick and given.out is None:
        parser.error("--quick needs --out, so that its figures never replace real ones")
    return given


def bench_of(given: argparse.Namespace) -> Bench:
    """Return what all runs share.

    Raises
    ------
    UserError
        When data or weights are missing.
    """
    for path in (given.data / "train_raw.tif", given.sam_weights, given.mae_weights):
        if not path.is_file():
            raise UserError(
                f"{path} is not there; name another with --data, --sam-weights or --mae-weights"
            )
    scale = QUICK if given.quick else FULL
    recipe = replace(
        read_recipe(HERE / "recipe.toml"),
        sam_weights=given.sam_weights,
        mae_weights=given.mae_weights,
    )
    return Bench(
        replace(scale, minutes=given.minutes or scale.minutes),
        recipe,
        given.data,
        (given.out or HERE).resolve(),
    )


def earlier_results(bench: Bench, fresh: bool) -> Results:
    """Read the results of an earlier benchmark, or return empty ones."""
    path = bench.out / "results.json"
    known = {} if fresh or not path.is_file() else json.loads(path.read_text(encoding="utf-8"))
    return {
        "minutes": bench.scale.minutes,
        "pretraining": pretraining(bench.recipe),
        "prices": known.get("prices", {}),
        "runs": known.get("runs", {}),
    }


def with_prices(bench: Bench, results: Results) -> Bench:
    """Measure the cost of a step of each variant, unless it was measured before, on any machine."""
    if not results["prices"]:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            seconds = pool.submit(prices_of, bench, runs_of(bench.scale)).result()
        results["prices"] = {"machine": machine(), "seconds": seconds}
        write(results, bench.scale, bench.out)
    return replace(bench, prices=results["prices"]["seconds"])


def waves_left(bench: Bench, results: Results, only: list[str] | None) -> list[list[Run]]:
    """Find the runs that have no result for these settings."""
    wanted = [run for run in runs_of(bench.scale) if only is None or run.variant in only]
    every = [*wanted, *(run.base for run in wanted if run.base is not None)]
    done = {
        run.name
        for run in every
        if results["runs"].get(run.name, {}).get("settings") == settings_of(bench, run)
    }
    return pending(wanted, done, {run.name for run in every if bench.checkpoint(run).is_file()})


def run_wave(bench: Bench, wave: list[Run], results: Results, jobs: int) -> bool:
    """Run in parallel processes, and save each result at once; return whether all succeeded."""
    well = True
    # A quick run would spend most of its time on starting a process.
    tasks = None if bench.scale.side else 1
    with ProcessPoolExecutor(
        jobs, multiprocessing.get_context("spawn"), max_tasks_per_child=tasks
    ) as pool:
        futures = {pool.submit(perform, bench, run): run for run in wave}
        for future in as_completed(futures):
            run = futures[future]
            if error := future.exception():
                print(f"{run.name} failed: {error!r}", file=sys.stderr)
                well = False
                continue
            record = future.result()
            results["runs"][run.name] = {
                "settings": settings_of(bench, run),
                "revision": revision(),
                "machine": machine(),
                **record,
            }
            write(results, bench.scale, bench.out)
            print(
                f"{run.name}: mean Dice {record['scores']['mean_dice']:.3f} after {record['cpu_seconds'] / 60:.1f} CPU minutes",
                flush=True,
            )
    return well


def main(arguments: list[str] | None = None) -> int:
    """Run what is left, and return the exit code."""
    given = parse(arguments)
    os.environ.update(
        OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1"
    )  # for the processes to come
    try:
        bench = bench_of(given)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    results = earlier_results(bench, given.fresh)
    bench = with_prices(bench, results)
    went_well = [
        run_wave(bench, wave, results, given.jobs)
        for wave in waves_left(bench, results, given.only)
    ]
    write(results, bench.scale, bench.out)
    print(bench.out / "table.md")
    return 0 if all(went_well) else 1


if __name__ == "__main__":
    raise SystemExit(main())
