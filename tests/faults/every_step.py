"""Stop each command that writes labels or projects at every operation on files.

    python tests/faults/every_step.py [COMMAND ...] [--every 1]

Each command is played in a child process that is killed before its first operation on files, then
before its second, and so on; and again with a disk that is full from that operation on. After each,
the old or the new labels must open, and nothing else may have changed. One JSON line a command:
steps, and those after which something was lost.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "helpers"))

from file_steps import ENDED, FAILED, halve_drafts, play

from napari_scsam import atomic
from napari_scsam.atomic import finish_replacing
from napari_scsam.config import ClassSpec
from napari_scsam.gui.layers import files
from napari_scsam.io.labels import write_labels
from napari_scsam.io.volumes import open_labels, open_volume
from napari_scsam.project.copy_project import copy_project
from napari_scsam.project.damage import find_damage, give_up, restore
from napari_scsam.project.damage_sources import find_sources
from napari_scsam.project.image import copy_image
from napari_scsam.project.image_labels import write_into_image
from napari_scsam.project.project import CLASSES, Project
from napari_scsam.project.reviewed_classes import number_of_classes
from napari_scsam.project.start import ImageSource, start_project
from napari_scsam.project.strokes import StrokeKey
from napari_scsam.project.training_set import export_training_set, is_training_set
from napari_scsam.steps import drive

TABLE = (ClassSpec(1, "mitochondrion"), ClassSpec(2, "ER"))
SHAPE = (3, 24, 30)
IMAGE = np.random.default_rng(0).integers(0, 200, SHAPE).astype(np.uint8)
SIZE = (40.0, 8.0, 8.0)
OLD, NEW = 1, 2
"""Labels before and after."""

Check = Callable[[Path], str]
"""Returns what is wrong in a folder; empty when nothing is."""


@dataclass(frozen=True)
class Command:
    """A command that writes, and what must be true whenever it was stopped."""

    prepare: Callable[[Path], None]
    work: Callable[[Path], object]
    check: Check


@dataclass
class Result:
    """What became of a command."""

    name: str
    how: str
    steps: int = 0
    stopped: int = 0
    lost: list[str] = field(default_factory=list)


def labels(value: int) -> np.ndarray:
    """Return labels of one value."""
    return np.full(SHAPE, value, np.uint8)


def values_in(path: Path) -> set[int]:
    """Return the values of labels on disk."""
    return set(np.unique(open_labels(path).data[...]).tolist())


def holds(path: Path, *allowed: set[int]) -> str:
    """Return what is wrong with labels that must hold one of these sets of values."""
    try:
        found = values_in(path)
    except Exception as error:  # noqa: BLE001
        return f"{path.name} does not open: {type(error).__name__}: {error}"
    if found in allowed:
        return ""
    return f"{path.name} holds {found}"


def make_image(folder: Path) -> Path:
    """Write the image."""
    list(copy_image(folder / "cell.zarr", IMAGE, SIZE, (0.0, 0.0, 0.0)))
    return folder / "cell.zarr"


def make_project(folder: Path, value: int = OLD) -> Path:
    """Write a project with its image beside it, all slices labelled and reviewed."""
    image = make_image(folder)
    path = folder / "mine.scsam.zarr"
    project = drive(start_project(path, ImageSource(IMAGE, str(image), SIZE), TABLE))
    project.array(CLASSES)[...] = value
    project.predicted[...] = value
    project.reviewed[...] = 1
    project.log("prepared")
    project.close()
    return path


def project_opens(path: Path, *allowed: set[int]) -> str:
    """Return what is wrong with a project that must hold one of these sets of values."""
    try:
        project = Project(path)
    except Exception as error:  # noqa: BLE001
        return f"{path.name} does not open: {type(error).__name__}: {error}"
    found = set(np.unique(project.array(CLASSES)[...]).tolist())
    damage = drive(find_damage(project))
    what = [entry["what"] for entry in project.record.history]
    project.close()
    if damage:
        return damage[0].sentence
    if "created" not in what:
        return "the history is lost"
    if found in allowed:
        return ""
    return f"{path.name} holds {found}"


def image_is_whole(folder: Path) -> str:
    """Return what is wrong with the image."""
    try:
        same = np.array_equal(open_volume(folder / "cell.zarr").data[...], IMAGE)
    except Exception as error:  # noqa: BLE001
        return f"the image does not open: {error}"
    return "" if same else "the image has changed"


def save_zarr(folder: Path) -> None:
    """Save a labels layer as OME-Zarr."""
    write_labels(folder / "a.zarr", labels(NEW), SIZE, TABLE)


def save_tiff(folder: Path) -> None:
    """Save a labels layer as TIFF."""
    write_labels(folder / "a.tif", labels(NEW), SIZE, TABLE)


def save_layer(folder: Path) -> None:
    """Save a labels layer that is larger than memory."""
    files.IN_MEMORY = 0
    attributes = {"scale": (1.0,) * 3, "translate": (0.0,) * 3, "metadata": {}}
    files.write_labels_layer(str(folder / "a.zarr"), labels(NEW), attributes)


def save_beside(folder: Path) -> None:
    """Save other labels into an OME-Zarr that has labels."""
    write_labels(folder / "a.zarr", labels(NEW), SIZE, TABLE, name="other")


def old_labels(suffix: str) -> Callable[[Path], None]:
    """Write the labels that will be replaced."""
    return lambda folder: write_labels(folder / f"a{suffix}", labels(OLD), SIZE, TABLE)


def new_or_nothing(name: str) -> Check:
    """Allow that the labels are not there yet."""
    return lambda folder: holds(folder / name, {NEW}) if (folder / name).exists() else ""


def export(layout: str, value: int = NEW) -> Callable[[Path], None]:
    """Export a project over a training set."""

    def work(folder: Path) -> None:
        project = Project(folder / "mine.scsam.zarr")
        project.array(CLASSES)[...] = value
        out = folder / "Dataset001_set"
        drive(export_training_set(project, out, layout, replace=True))
        project.close()

    return work


def prepare_export(layout: str) -> Callable[[Path], None]:
    """Write a project and a training set of it."""

    def prepare(folder: Path) -> None:
        make_project(folder)
        export(layout, OLD)(folder)

    return prepare


FILES = {
    "ome-zarr": "labels.zarr/labels/classes",
    "tiff": "labels.tif",
    "nnunet": "labelsTr/set.tif",
}


def check_export(layout: str) -> Check:
    """Check that a training set is there, the old or the new, and the project is whole."""

    def check(folder: Path) -> str:
        out = folder / "Dataset001_set"
        finish_replacing(out)
        if not is_training_set(out):
            return "the training set is gone"
        return (
            holds(out / FILES[layout], {OLD}, {NEW})
            or project_opens(folder / "mine.scsam.zarr", {OLD}, {NEW}, {OLD, NEW})
            or image_is_whole(folder)
        )

    return check


def into_image(folder: Path, value: int = NEW) -> None:
    """Write the labels of a project into its image."""
    project = Project(folder / "mine.scsam.zarr")
    project.array(CLASSES)[...] = value
    drive(write_into_image(project, replace=True))
    project.close()


def prepare_image_labels(folder: Path) -> None:
    """Write a project, and its labels into its image."""
    make_project(folder)
    into_image(folder, OLD)


def check_image_labels(folder: Path) -> str:
    """Check the labels in an image, the image and the project."""
    return (
        holds(folder / "cell.zarr" / "labels" / "organelles", {OLD}, {NEW})
        or image_is_whole(folder)
        or project_opens(folder / "mine.scsam.zarr", {OLD}, {NEW}, {OLD, NEW})
    )


def create(folder: Path) -> None:
    """Create a project with an image in it."""
    drive(start_project(folder / "new.scsam.zarr", ImageSource(IMAGE, None, SIZE), TABLE)).close()


def new_project_or_nothing(folder: Path) -> str:
    """Check a project that may not be there yet."""
    path = folder / "new.scsam.zarr"
    return project_opens(path, {0}) if path.exists() else ""


def copy(folder: Path) -> None:
    """Copy a project, continue in the copy, and change it."""
    project = Project(folder / "mine.scsam.zarr")
    place = drive(copy_project(project, folder / "sub" / "copy.scsam.zarr"))
    project.move_to(place)
    project.array(CLASSES)[0] = NEW
    project.close()


def check_copy(folder: Path) -> str:
    """Check the original, and the copy if it is there."""
    wrong = project_opens(folder / "mine.scsam.zarr", {OLD})
    place = folder / "sub" / "copy.scsam.zarr"
    if not wrong and place.exists():
        wrong = project_opens(place, {OLD}, {OLD, NEW})
    return wrong


def rename(folder: Path) -> None:
    """Rename the folder of a project that is open, follow it, and change it."""
    project = Project(folder / "mine.scsam.zarr")
    project.path.rename(folder / "renamed.scsam.zarr")
    project.array(CLASSES)[0] = NEW
    project.follow(folder / "renamed.scsam.zarr")
    project.log("renamed")
    project.close()


def check_rename(folder: Path) -> str:
    """Check the project under the one name or the other, and that there is but one."""
    paths = list(folder.glob("*.scsam.zarr"))
    if len(paths) != 1:
        return f"there are {len(paths)} projects"
    return project_opens(paths[0], {OLD}, {OLD, NEW})


def work_on(folder: Path) -> None:
    """Import labels, review, change the record and the classes, draw strokes, add labels."""
    project = Project(folder / "mine.scsam.zarr")
    project.array(CLASSES)[...] = labels(NEW)
    project.reviewed[1] = number_of_classes(project, (1,))
    project.update(view={"camera": [1, 2]})
    project.show_classes(CLASSES, (*TABLE, ClassSpec(3, "granule")))
    project.strokes(StrokeKey.of("granule", 0))[1, :5] = 1
    project.add_labels("cells", "uint16", ())[0] = 7
    project.close()


def damage_a_chunk(folder: Path) -> None:
    """Write a project, and damage one chunk of its labels."""
    path = make_project(folder)
    file = next(f for f in (path / "labels/classes/0/c").rglob("*") if f.is_file())
    file.write_bytes(b"damaged")


def give_up_damage(folder: Path) -> None:
    """Give up what is damaged."""
    project = Project(folder / "mine.scsam.zarr")
    for part in drive(find_damage(project)):
        give_up(project, part)
    project.close()


def restore_damage(folder: Path) -> None:
    """Restore what is damaged from the model's answers."""
    project = Project(folder / "mine.scsam.zarr")
    for part in drive(find_damage(project)):
        restore(project, part, find_sources(project, part)[0])
    project.close()


def check_damaged(folder: Path) -> str:
    """Check that undamaged slices are whole, and no slice without labels counts as reviewed."""
    project = Project(folder / "mine.scsam.zarr")
    damaged = {z for part in drive(find_damage(project)) for z in part.slices}
    wrong = ""
    for z in range(SHAPE[0]):
        if z in damaged:
            continue
        found = set(np.unique(project.array(CLASSES)[z]).tolist())
        if found != {OLD} and project.reviewed[z].any():
            wrong = f"slice {z} is reviewed and holds {found}"
    whole = sum(
        set(np.unique(project.array(CLASSES)[z]).tolist()) == {OLD}
        for z in range(SHAPE[0])
        if z not in damaged
    )
    project.close()
    return wrong or ("" if whole >= SHAPE[0] - 1 else f"{whole} slices are left")


def without_exchange(work: Callable[[Path], object]) -> Callable[[Path], None]:
    """Do some work on a system that cannot exchange two folders in one step."""

    def working(folder: Path) -> None:
        atomic._exchange = lambda *_: False
        work(folder)

    return working


def path_of(name: str) -> Check:
    """Check labels that are the old or the new ones."""
    return lambda folder: holds(folder / name, {OLD}, {NEW})


def check_project(folder: Path) -> str:
    """Check a project that is being changed."""
    return project_opens(folder / "mine.scsam.zarr", {OLD}, {NEW}, {OLD, NEW})


COMMANDS = {
    "save over .zarr": Command(old_labels(".zarr"), save_zarr, path_of("a.zarr")),
    "save a large layer over .zarr": Command(old_labels(".zarr"), save_layer, path_of("a.zarr")),
    "save over .tif": Command(old_labels(".tif"), save_tiff, path_of("a.tif")),
    "save a new .zarr": Command(lambda _: None, save_zarr, new_or_nothing("a.zarr")),
    "save a new large .zarr": Command(lambda _: None, save_layer, new_or_nothing("a.zarr")),
    "save a new .tif": Command(lambda _: None, save_tiff, new_or_nothing("a.tif")),
    "save beside other labels": Command(
        old_labels(".zarr"), save_beside, lambda f: holds(f / "a.zarr/labels/classes", {OLD})
    ),
    "save over .zarr in two steps": Command(
        old_labels(".zarr"), without_exchange(save_zarr), path_of("a.zarr")
    ),
    "labels of an image in two steps": Command(
        prepare_image_labels, without_exchange(into_image), check_image_labels
    ),
    **{
        f"export {layout}": Command(prepare_export(layout), export(layout), check_export(layout))
        for layout in FILES
    },
    "labels of an image": Command(prepare_image_labels, into_image, check_image_labels),
    "create a project": Command(lambda _: None, create, new_project_or_nothing),
    "copy a project": Command(make_project, copy, check_copy),
    "rename a project": Command(make_project, rename, check_rename),
    "work on a project": Command(make_project, work_on, check_project),
    "give up damage": Command(damage_a_chunk, give_up_damage, check_damaged),
    "restore damage": Command(damage_a_chunk, restore_damage, check_damaged),
}


def campaign(
    name: str, folder: Path, how: str = "kill", every: int = 1, most: int = 10**6
) -> Result:
    """Play a command, stopped at each of its operations on files (or each `every`-th).

    Parameters
    ----------
    name
        One of `COMMANDS`.
    folder
        An empty folder to play in.
    how
        As in `Steps`.
    every
        Stops at each step of this many.
    most
        Stops at most this often, evenly spread.
    """
    command = COMMANDS[name]
    start = folder / "start"
    start.mkdir()
    command.prepare(start)
    result = Result(name, how)
    place = begin(start, folder)
    _, result.steps = play(lambda: command.work(place), folder)
    for step in chosen_steps(result.steps, every, most):
        place = begin(start, folder)
        status, _ = play(lambda place=place: command.work(place), folder, step, how)
        if status not in (0, FAILED, ENDED):
            result.lost.append(f"step {step}: exit status {status}")
        result.stopped += status != 0
        halve_drafts(place)
        wrong = command.check(place)
        if wrong:
            result.lost.append(f"step {step}: {wrong}")
    return result


def chosen_steps(steps: int, every: int, most: int) -> Iterator[int]:
    """Return the steps to stop at."""
    all_of_them = range(1, steps + 1, every)
    yield from all_of_them[:: -(-len(all_of_them) // most)]


def begin(start: Path, folder: Path) -> Path:
    """Return a fresh copy of what a command starts from, always at the same place."""
    place = folder / "play"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(start, place)
    for record in place.rglob("zarr.json"):  # projects refer to the image in their folder
        text = record.read_text(encoding="utf-8")
        record.write_text(text.replace(str(start), str(place)), encoding="utf-8")
    return place


def main(arguments: Any = None) -> int:
    """Play the commands that are asked for, and return how many lost something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commands", nargs="*", default=list(COMMANDS), metavar="COMMAND")
    parser.add_argument("--every", type=int, default=1)
    options = parser.parse_args(arguments)
    failed = 0
    for name in options.commands:
        for how in ("kill", "stay full"):
            with tempfile.TemporaryDirectory() as folder:
                result = campaign(name, Path(folder), how, options.every)
            failed += bool(result.lost)
            sys.stdout.write(json.dumps(vars(result)) + "\n")
            sys.stdout.flush()
    return failed


if __name__ == "__main__":
    sys.exit(main())
