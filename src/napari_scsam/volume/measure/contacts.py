"""Contacts between objects, and how far each is from the nearest one of another class.

All distances are between the centres of voxels, so that voxels that share a face are one voxel
apart. A surface voxel is one that has a neighbour, also along a diagonal, which is not of its
object. For a pair of objects a and b that are at most `distance` apart:

- the area is the surface of those voxels of a that are at most `distance` from b;
- a site is a connected patch of these voxels (26 neighbours, 8 in a slice).

Both are given for a, and for b with the roles exchanged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import UserError
from napari_scsam.steps import Progress, Steps
from napari_scsam.volume.blocks import Block, BlockPlan
from napari_scsam.volume.instances.source import LabelSource
from napari_scsam.volume.measure.collect import read_part
from napari_scsam.volume.measure.columns import NM_PER_UM
from napari_scsam.volume.measure.fragments import (
    FragmentBoxes,
    FragmentFile,
    Fragments,
    NearestOfClass,
    find_fragments,
)
from napari_scsam.volume.measure.patches import components, neighbour_steps
from napari_scsam.volume.measure.spool import Spool
from napari_scsam.volume.measure.table import ObjectTable
from napari_scsam.volume.measure.touch import Near, find_near
from napari_scsam.volume.measure.window import find_objects, window_of
from napari_scsam.volume.workers import TaskError, Workers, run_tasks

PROGRESS_EVERY = 100
"""Objects between two steps of progress."""

DISTANCE_NM = 30.0
"""Objects that are at most so far apart are in contact, unless another distance is given."""


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """The label images whose objects are compared."""

    sources: tuple[LabelSource, ...]
    """One for each class."""
    names: tuple[str, ...]
    plan: BlockPlan
    size: tuple[float, ...]
    """Of a voxel in nm, along each axis of the plan."""
    distance: float
    """nm."""


@dataclass(frozen=True, eq=False)
class NearPart:
    """What was found in one block."""

    near: Near
    fragments: Fragments | None
    """None where there is but one class."""


@dataclass(frozen=True, eq=False)
class Contacts:
    """All contacts, and the distances between classes."""

    table: ObjectTable
    distances: Mapping[str, NDArray[np.float64]]
    """Columns for the table of objects: ``distance_to_CLASS_um``."""


def near_in_block(area: Neighbourhood, block: Block) -> NearPart:
    """Read a block and its surroundings, and find what is near what."""
    window, where = window_of(block, area.plan.shape, area.size, area.distance)
    classes = [find_objects(read_part(source, where), window) for source in area.sources]
    fragments = None
    if len(classes) > 1:
        fragments = find_fragments(classes, window)
    return NearPart(find_near(classes, window, area.distance), fragments)


def find_contacts(
    area: Neighbourhood, objects: ObjectTable, workers: Workers = None
) -> Steps[Contacts]:
    """Find all contacts between the objects of a table.

    Parameters
    ----------
    area
        The label images.
    objects
        The objects that count.
    workers
        As `run_tasks` takes it.

    Raises
    ------
    UserError
        When a block cannot be read.
    """
    with Spool() as spool:
        file = FragmentFile(spool, area.size)
        rows = ObjectRows(objects, area.names)
        parts: list[Near] = []
        total = len(area.plan) + len(objects)
        yield Progress(0, total, "contacts")
        results = run_tasks(partial(near_in_block, area), iter(area.plan), workers)
        with closing(results):
            for done, (_, part) in enumerate(results, start=1):
                if isinstance(part, TaskError):
                    raise UserError(part.reason)
                parts.append(part.near)
                if part.fragments is not None:
                    found = rows.find(part.fragments.classes, part.fragments.ids)
                    file.add(part.fragments, found >= 0)
                yield Progress(done, total, "contacts")
        pairs = merge_near(parts, area.plan.shape)
        ends = [rows.find(pairs.classes[:, side], pairs.ids[:, side]) for side in (0, 1)]
        near = pairs.select((ends[0] >= 0) & (ends[1] >= 0))
        distances = yield from _distances(near, area, rows, file)
        return Contacts(_table(near, area), distances)


class ObjectRows:
    """Finds the rows of objects in their table, which has one class after the other.

    Parameters
    ----------
    objects
        The table; ids ascend within a class.
    names
        Of the classes, by number.
    """

    def __init__(self, objects: ObjectTable, names: Sequence[str]) -> None:
        self._length = len(objects)
        self._rows = [np.flatnonzero(objects["class"] == name) for name in names]
        self._ids = [objects["id"][rows] for rows in self._rows]

    def __len__(self) -> int:
        return self._length

    def of_class(self, number: int) -> NDArray[np.intp]:
        """Return the rows of a class."""
        return self._rows[number]

    def find(self, classes: NDArray[Any], ids: NDArray[np.uint64]) -> NDArray[np.intp]:
        """Return the row of each object; -1 for those that are not in the table."""
        found = np.full(len(ids), -1, np.intp)
        for number, known in enumerate(self._ids):
            chosen = np.flatnonzero(classes == number)
            if not len(known) or not len(chosen):
                continue
            places = np.minimum(np.searchsorted(known, ids[chosen]), len(known) - 1)
            there = known[places] == ids[chosen]
            found[chosen[there]] = self._rows[number][places[there]]
        return found


@dataclass(frozen=True, eq=False)
class ContactPairs:
    """Ordered pairs of objects that are near each other, in the whole volume."""

    classes: NDArray[np.int32]
    """R×2."""
    ids: NDArray[np.uint64]
    """R×2."""
    area: NDArray[np.float64]
    distance: NDArray[np.float64]
    sites: NDArray[np.int64]

    def select(self, rows: NDArray[Any]) -> ContactPairs:
        """Return some of the pairs."""
        return ContactPairs(
            self.classes[rows],
            self.ids[rows],
            self.area[rows],
            self.distance[rows],
            self.sites[rows],
        )


def merge_near(parts: Sequence[Near], shape: Sequence[int]) -> ContactPairs:
    """Merge what was found in blocks; patches that touch across blocks are one.

    Parameters
    ----------
    parts
        Of all blocks, at least one.
    shape
        Of the volume.
    """
    classes = np.concatenate([part.classes for part in parts])
    ids = np.concatenate([part.ids for part in parts])
    keys = np.column_stack([classes.astype(np.uint64), ids])
    unique, rows = np.unique(keys, axis=0, return_inverse=True)
    rows = rows.reshape(-1)
    starts = np.cumsum([0, *(len(part.area) for part in parts)])
    patch_rows = [rows[part.patch_rows + at] for part, at in zip(parts, starts[:-1], strict=True)]
    distance = np.full(len(unique), np.inf)
    np.minimum.at(distance, rows, np.concatenate([part.distance for part in parts]))
    areas = np.concatenate([part.area for part in parts])
    return ContactPairs(
        classes=unique[:, :2].astype(np.int32),
        ids=unique[:, 2:],
        area=np.bincount(rows, areas, len(unique)).astype(np.float64),
        distance=distance,
        sites=_sites(parts, np.concatenate(patch_rows), len(unique), shape),
    )


def _sites(
    parts: Sequence[Near], rows: NDArray[np.intp], count: int, shape: Sequence[int]
) -> NDArray[np.int64]:
    """Return the number of patches of each pair; `rows` are the pairs of the blocks' patches."""
    starts = np.cumsum([0, *(len(part.patch_rows) for part in parts)])
    voxels = np.concatenate([part.edge_voxels for part in parts])
    patches = np.concatenate(
        [part.edge_patches + at for part, at in zip(parts, starts[:-1], strict=True)]
    )
    frame = [length + 2 for length in shape]
    flat = np.ravel_multi_index(tuple((voxels + 1).T), frame)
    places, ranks = np.unique(flat, return_inverse=True)
    keys = rows[patches] * len(places) + ranks
    order = np.argsort(keys, kind="stable")
    ones = [np.zeros(0, np.intp)]
    others = [np.zeros(0, np.intp)]
    for step in neighbour_steps(frame):
        beside = np.searchsorted(places, places + step)
        beside[beside == len(places)] = 0
        exists = places[beside] == places + step
        wanted = np.flatnonzero(exists[ranks])
        targets = rows[patches[wanted]] * len(places) + beside[ranks[wanted]]
        found = np.searchsorted(keys[order], targets)
        found[found == len(keys)] = 0
        linked = keys[order[found]] == targets
        ones.append(patches[wanted[linked]])
        others.append(patches[order[found[linked]]])
    sites = components(len(rows), np.concatenate(ones), np.concatenate(others))
    first = np.unique(sites, return_index=True)[1]
    return np.bincount(rows[first], minlength=count)


def _table(pairs: ContactPairs, area: Neighbourhood) -> ObjectTable:
    """Return one row for two objects: the first by class and id is a."""
    ndim = len(area.size)
    keys = np.column_stack([pairs.classes.astype(np.uint64), pairs.ids])
    exchanged = keys[:, [1, 0, 3, 2]]
    first = (keys[:, 0] < keys[:, 1]) | ((keys[:, 0] == keys[:, 1]) & (keys[:, 2] < keys[:, 3]))
    # Pairs come in the order of their keys; so do the exchanged ones once they are sorted.
    ones = np.flatnonzero(first)
    others = np.flatnonzero(~first)
    others = others[np.lexsort(exchanged[others].T[::-1])]
    names = np.array(area.names, np.str_)
    unit = NM_PER_UM ** (ndim - 1)
    extent = {2: "length", 3: "area"}[ndim]
    power = {2: "um", 3: "um2"}[ndim]
    return ObjectTable(
        {
            "class_a": names[pairs.classes[ones, 0]],
            "id_a": pairs.ids[ones, 0],
            "class_b": names[pairs.classes[ones, 1]],
            "id_b": pairs.ids[ones, 1],
            f"{extent}_{power}": pairs.area[ones] / unit,
            "sites": pairs.sites[ones],
            f"{extent}_b_{power}": pairs.area[others] / unit,
            "sites_b": pairs.sites[others],
            "distance_um": pairs.distance[ones] / NM_PER_UM,
        }
    )


def _distances(
    pairs: ContactPairs, area: Neighbourhood, rows: ObjectRows, file: FragmentFile
) -> Steps[Mapping[str, NDArray[np.float64]]]:
    """Return columns of the distance of each object to the nearest one of each other class.

    What is in contact is known from the pairs; for the others, fragments are compared.
    """
    if len(area.names) < 2:
        return {}
    found = np.full((len(rows), len(area.names)), np.inf)
    places = rows.find(pairs.classes[:, 0], pairs.ids[:, 0])
    np.minimum.at(found, (places, pairs.classes[:, 1]), pairs.distance)
    boxes = file.arrange()
    searches = [NearestOfClass(file, boxes, number) for number in range(len(area.names))]
    total = len(area.plan) + len(rows)
    for done, fragments in enumerate(_by_object(boxes), start=len(area.plan)):
        own = int(boxes.classes[fragments[0]])
        (place,) = rows.find(boxes.classes[fragments[:1]], boxes.ids[fragments[:1]])
        for number, search in enumerate(searches):
            if number != own and found[place, number] == np.inf:
                found[place, number] = search.distance(fragments)
        if done % PROGRESS_EVERY == 0:
            yield Progress(done, total, "distances")
    yield Progress(total, total, "distances")
    found[~np.isfinite(found)] = np.nan
    for number in range(len(area.names)):
        found[rows.of_class(number), number] = np.nan
    return {
        f"distance_to_{name}_um": found[:, number] / NM_PER_UM
        for number, name in enumerate(area.names)
    }


def _by_object(boxes: FragmentBoxes) -> Iterator[NDArray[np.intp]]:
    """Yield the fragments of each object."""
    order = np.lexsort((boxes.ids, boxes.classes))
    classes = boxes.classes[order]
    ids = boxes.ids[order]
    begins = np.flatnonzero((np.diff(classes, prepend=-1) != 0) | (ids != np.roll(ids, 1)))
    for fragments in np.split(order, begins[1:]):
        if len(fragments):
            yield fragments
