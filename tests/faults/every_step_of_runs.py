"""Stop each command that works on a whole volume at every operation on files, and continue it.

    python tests/faults/every_step_of_runs.py [COMMAND ...] [--every 1]

Each command is played in a child process that is killed before its first operation on files, then
before its second, and so on; and again with a disk that is full from that operation on. Drafts are
then cut in half, as a power cut may leave them. Labels that were there before must still open, and
the command that continues must give what an undisturbed one gives, byte for byte. One JSON line a
command: steps, and those after which something was lost.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "helpers"))

from every_step import Result, chosen_steps
from file_steps import ENDED, FAILED, halve_drafts, play

from napari_scsam.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from napari_scsam.config import ClassSpec, UserError
from napari_scsam.infer.disk_cache import DiskCache
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.labels import write_labels
from napari_scsam.io.volumes import as_volume, open_labels, open_volume
from napari_scsam.model import ScSAM, ScSAMConfig
from napari_scsam.steps import drive
from napari_scsam.train import resume
from napari_scsam.train.recipe import read_recipe
from napari_scsam.train.training import train
from napari_scsam.volume.embed import embed_volume
from napari_scsam.volume.run import segment_volume
from napari_scsam.volume.writing.ledger import LEDGER

CLASSES = (ClassSpec(1, "mitochondrion"), ClassSpec(2, "membrane"))
SIZE = (8.0, 8.0, 8.0)
IMAGE = np.random.default_rng(0).integers(0, 200, (2, 600, 72)).astype(np.uint8)
"""Higher than the coarsest level, so that levels are built; its tiles are few."""
SMALL = IMAGE[:, :96, :64]
OLD = 9
"""Labels before."""


@cache
def make_model() -> ScSAM:
    """Create a small network with random weights."""
    torch.manual_seed(0)
    model = ScSAM(ScSAMConfig(nm_per_pixel=16.0, tile=320, detail=False), CLASSES)
    return model.eval()


@dataclass(frozen=True)
class Command:
    """A command that can be stopped and continued."""

    prepare: Callable[[Path], None]
    work: Callable[[Path, bool], object]
    """Does it in a folder; the second argument says whether an earlier one is continued."""
    check: Callable[[Path], str]
    """Returns what is wrong in a folder where it was stopped; empty when nothing is."""
    result: Callable[[Path], Any]
    """Returns what it has made, to be compared."""


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file in a folder, by its path."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def segment(folder: Path, again: bool, **settings: Any) -> None:
    """Segment the image, or continue."""
    out = folder / "out.zarr"
    predictor = Predictor(make_model(), "cpu")
    image = as_volume(IMAGE, SIZE)
    if again:
        try:
            drive(segment_volume(image, predictor, out, resume=True))
            return
        except UserError as error:
            if "already exists" not in str(error):
                raise  # the old labels are all that there is, so it has to begin
    drive(segment_volume(image, predictor, out, **settings))


def overwrite(folder: Path, again: bool) -> None:
    """Segment over finished labels, or continue."""
    segment(folder, again, overwrite=True)


def segment_tiff(folder: Path, again: bool) -> None:
    """Segment into a TIFF over an older one."""
    predictor = Predictor(make_model(), "cpu")
    drive(segment_volume(as_volume(SMALL, SIZE), predictor, folder / "out.tif", overwrite=True))


def old_labels(folder: Path) -> None:
    """Write labels that will be replaced, and others beside them."""
    old = np.full(IMAGE.shape, OLD, np.uint8)
    table = (ClassSpec(OLD, "drawn"),)
    write_labels(folder / "out.zarr", old, SIZE, table)
    write_labels(folder / "out.zarr", old, SIZE, table, name="others")
    write_labels(folder / "out.tif", old[:, :96, :64], SIZE, table)


def old_ones_open(name: str) -> Callable[[Path], str]:
    """Check that labels are all old or all new."""

    def check(folder: Path) -> str:
        try:
            labels = open_labels(folder / name).data[...]
        except UserError as error:
            return f"{name} does not open: {error}"
        mixed = (labels == OLD).any() and (labels != OLD).any()
        return f"{name} is mixed" if mixed else ""

    return check


def both_old_ones_open(folder: Path) -> str:
    """Check the labels that are replaced, and those beside them."""
    beside = old_ones_open("out.zarr/labels/others")(folder)
    return old_ones_open("out.zarr/labels/classes")(folder) or beside


def unfinished_is_told(folder: Path) -> str:
    """Check that new labels are absent, whole, or marked as unfinished."""
    out = folder / "out.zarr"
    if not out.exists() or (out / LEDGER).is_file():
        return ""
    labels = open_labels(out).data[...]
    if all(plane.any() for plane in labels):
        return ""
    return "unfinished labels look finished"


def embed(folder: Path, again: bool) -> None:
    """Cache the embeddings of the image."""
    cache = DiskCache(folder / "cache", 10**9)
    drive(embed_volume(as_volume(SMALL, SIZE), make_model(), cache, "cpu"))


def cached(folder: Path) -> dict[str, bytes]:
    """Return what is cached, without the lock."""
    files = tree(folder / "cache")
    return {name: data for name, data in files.items() if not name.endswith((".lock", ".partial"))}


def prepare_training(folder: Path) -> None:
    """Write a recipe, its data, and the checkpoint to start from."""
    save_checkpoint(
        folder / "start.safetensors", make_model(), summary="Random.", licence="MIT", training={}
    )
    tifffile.imwrite(folder / "em.tif", SMALL, imagej=True, metadata={"axes": "ZYX"})
    labels = (SMALL > 150).astype(np.uint8)
    tifffile.imwrite(folder / "labels.tif", labels, imagej=True, metadata={"axes": "ZYX"})
    (folder / "recipe.toml").write_text(
        '[model]\nstart = "start.safetensors"\n[[data]]\nimage = "em.tif"\nlabels = "labels.tif"\n'
        "voxel_size = [8.0, 8.0, 8.0]\n[training]\nsteps = 2\nbatch = 1\ncrop = 64\npool = 2\n"
    )


def train_by_recipe(folder: Path, again: bool) -> None:
    """Train for two steps, and keep the state after each."""
    resume.SAVE_SECONDS = -1.0
    out = folder / "new.safetensors"
    if not out.exists():
        drive(train(read_recipe(folder / "recipe.toml"), out, "cpu"))


def weights(folder: Path) -> dict[str, bytes]:
    """Return the weights of the checkpoint that was trained."""
    state = load_checkpoint(folder / "new.safetensors").state_dict()
    return {name: value.numpy().tobytes() for name, value in state.items()}


def checkpoint_is_whole(folder: Path) -> str:
    """Check that the new checkpoint is whole or absent, and the data are."""
    try:
        open_volume(folder / "em.tif").plane(1)
        load_checkpoint(folder / "start.safetensors")
        if (folder / "new.safetensors").exists():
            load_checkpoint(folder / "new.safetensors")
    except UserError as error:
        return str(error)
    return ""


def nothing(_folder: Path) -> None:
    """Prepare nothing."""


def labels_of(name: str) -> Callable[[Path], Any]:
    """Return a function that reads all files of labels."""
    return lambda folder: tree(folder / name)


COMMANDS = {
    "segment": Command(nothing, segment, unfinished_is_told, labels_of("out.zarr")),
    "segment --overwrite": Command(
        old_labels, overwrite, both_old_ones_open, labels_of("out.zarr")
    ),
    "segment into .tif": Command(
        old_labels, segment_tiff, old_ones_open("out.tif"), lambda f: (f / "out.tif").read_bytes()
    ),
    "embed": Command(nothing, embed, lambda _: "", cached),
    "train": Command(prepare_training, train_by_recipe, checkpoint_is_whole, weights),
}


def campaign(
    name: str,
    folder: Path,
    how: str = "kill",
    every: int = 1,
    most: int = 10**6,
    commands: Mapping[str, Command] = COMMANDS,
) -> Result:
    """Stop a command at its operations on files, and continue it each time.

    Parameters are those of `every_step.campaign`; `name` is one of `commands`.
    """
    make_model()  # once, before the children
    command = commands[name]
    start = folder / "start"
    start.mkdir()
    asked(lambda: command.prepare(start))
    found = Result(name, how)
    place = begin(start, folder)
    _, found.steps = play(lambda: command.work(place, False), folder)
    expected = command.result(place)
    for step in chosen_steps(found.steps, every, most):
        place = begin(start, folder)
        status, _ = play(lambda place=place: command.work(place, False), folder, step, how)
        found.stopped += status != 0
        if status not in (0, FAILED, ENDED):
            found.lost.append(f"step {step}: exit status {status}")
        halve_drafts(place)
        wrong = asked(lambda place=place: command.check(place))
        wrong = wrong or continue_it(command, place, expected)
        if wrong:
            found.lost.append(f"step {step}: {wrong}")
    return found


def asked(work: Callable[[], str | None]) -> str:
    """Do something in a child process, and return what it says.

    tensorstore, which reads some labels, ends a process that forks after it was loaded.
    """
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder, "answer")
        status, _ = play(lambda: answer.write_text(work() or "", encoding="utf-8"), Path(folder))
        if status != 0:
            return f"it cannot be looked at (exit status {status})"
        return answer.read_text(encoding="utf-8")


def continue_it(command: Command, place: Path, expected: Any) -> str:
    """Continue a command that was stopped, and return what is wrong with its result."""
    status, _ = play(lambda: command.work(place, True), place)
    if status != 0:
        return f"it cannot be continued (exit status {status})"
    try:
        found = command.result(place)
    except (UserError, OSError) as error:
        return f"it says that it is done, but {error}"
    if found == expected:
        return ""
    if isinstance(found, dict):
        return f"these differ: {sorted(differing(found, expected))[:5]}"
    return "the result differs"


def differing(found: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of what differs in two results; a folder in them is a mapping itself."""
    for name in {*found, *expected}:
        one, other = found.get(name), expected.get(name)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from (f"{name}/{inner}" for inner in differing(one, other))
        elif one != other:
            yield name


def begin(start: Path, folder: Path) -> Path:
    """Return a fresh copy of what a command starts from, always at the same place."""
    place = folder / "play"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(start, place)
    return place


def main(commands: Mapping[str, Command] = COMMANDS) -> int:
    """Play the commands that are asked for, and return how many lost something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commands", nargs="*", default=list(commands), metavar="COMMAND")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--how", nargs="+", default=["kill", "stay full"])
    options = parser.parse_args()
    torch.set_num_threads(1)
    failed = 0
    for name in options.commands:
        for how in options.how:
            with tempfile.TemporaryDirectory() as folder:
                result = campaign(name, Path(folder), how, options.every, commands=commands)
            failed += bool(result.lost)
            sys.stdout.write(json.dumps(vars(result)) + "\n")
            sys.stdout.flush()
    return failed


if __name__ == "__main__":
    sys.exit(main())
