"""A project with everything in it, and what must be true when one of its files is damaged.

The project must open, without an exception. Whatever was not damaged must be there. Slices that
cannot be read must be named, and be usable once they are given up.
"""

from __future__ import annotations

import traceback
from pathlib import Path

import numpy as np
from damages import DamageKind, copy_to, is_chunk

from napari_scsam.config import ClassSpec
from napari_scsam.project.damage import IMAGE_ARRAY, find_damage, give_up, known_damage
from napari_scsam.project.project import CLASSES, Project
from napari_scsam.project.start import ImageSource, open_project, start_project
from napari_scsam.project.strokes import StrokeKey
from napari_scsam.steps import drive

TABLE = (ClassSpec(1, "mitochondrion"), ClassSpec(2, "ER"))
PIXELS = np.random.default_rng(0).integers(0, 200, (3, 24, 30)).astype(np.uint8)
ARRAYS = ("classes", "reviewed", "predicted", "cells", "strokes/0")
"""The names of the arrays, and of the folders where their chunks are."""


def make(folder: Path) -> tuple[Path, dict[str, np.ndarray]]:
    """Create a project with everything in it; returns it and the values of its arrays."""
    path = folder / "mine.scsam.zarr"
    project = drive(start_project(path, ImageSource(PIXELS, None, (40.0, 8.0, 8.0)), TABLE))
    project.add_labels("cells", "uint16", ())
    project.strokes(StrokeKey.of("granule", 0))
    random = np.random.default_rng(1)
    values = {}
    for name in ARRAYS:
        values[name] = random.integers(1, 3, PIXELS.shape).astype(project.array(name).dtype)
        project.array(name)[...] = values[name]
    project.update(view={"layers": [], "camera": {"zoom": 2.0}})
    project.close()
    return path, values


def judge(path: Path, file: Path, kind: DamageKind, values: dict[str, np.ndarray]) -> str:
    """Damage a file of a project, open it, and return what is wrong; empty when nothing is."""
    kind.act(path / file)
    opened = drive(open_project(path))
    if opened.project is None:
        return f"it does not open: {opened.question}"
    project = opened.project
    try:
        return _look(project, opened.damage, file, values) or _give_up(project)
    finally:
        project.close()


def _look(project: Project, damage: tuple, file: Path, values: dict[str, np.ndarray]) -> str:
    lost = {part.name: set(part.slices) or set(range(len(PIXELS))) for part in damage}
    damaged = _slice_of(file)
    if damaged is not None and damaged not in [(n, z) for n in lost for z in lost[n]]:
        return f"the damage is not named; named is {lost}"
    if damaged is None and lost:
        return f"more is lost than was damaged: {lost}"
    if damaged is not None and sum(map(len, lost.values())) > 1:
        return f"more is lost than was damaged: {lost}"
    for name, expected in values.items():
        for z in set(range(len(PIXELS))) - lost.get(name, set()):
            if not np.array_equal(project.array(name)[z], expected[z]):
                return f"slice {z} of {name} has changed"
    if project.class_table() != TABLE:
        return "the class table has changed"
    return ""


def _give_up(project: Project) -> str:
    damage = [part for part in known_damage(project) if part.name != IMAGE_ARRAY]
    if not damage:
        return ""
    for part in damage:
        give_up(project, part)
    if drive(find_damage(project)):
        return "what was given up is still damaged"
    project.array(CLASSES)[...] = 2
    project.log("continued")
    project.flush()
    path = project.path
    project.close()
    again = Project(path)
    whole = bool((again.array(CLASSES)[...] == 2).all())
    continued = again.record.history[-1]["what"] == "continued"
    again.close()
    return "" if whole and continued else "what was painted afterwards is lost"


def _slice_of(file: Path) -> tuple[str, int] | None:
    """Return the array and the slice that a chunk holds; None for other files."""
    if not is_chunk(file):
        return None
    parts = file.parts
    z = int(parts[parts.index("c") + 1])
    if parts[0] == "image":
        return IMAGE_ARRAY, z
    if parts[0] == "strokes":
        return "strokes/0", z
    return parts[1], z


def try_case(
    origin: Path, place: Path, file: Path, kind: DamageKind, values: dict[str, np.ndarray]
) -> str:
    """Judge one case; an exception is wrong, too."""
    copy_to(origin, place)
    try:
        return judge(place, file, kind, values)
    except Exception as error:  # noqa: BLE001
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} at {where.filename}:{where.lineno}: {error}"
