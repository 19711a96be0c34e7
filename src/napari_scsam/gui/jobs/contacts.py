"""Contacts between the objects of a layer, on the worker thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.gui.jobs.objects import MeasureRequest
from napari_scsam.steps import Steps
from napari_scsam.volume.measure.table import ObjectTable


@dataclass(frozen=True)
class ContactRequest:
    """The objects whose contacts are measured."""

    objects: MeasureRequest
    table: ObjectTable
    """Of all objects, as they were measured."""
    distance: float
    """How near objects in contact are, in nm."""


class ClassView:
    """The objects of one class in an array of all objects; voxels of others are 0.

    Parameters
    ----------
    labels
        The array.
    ids
        Sorted labels of the class.
    """

    def __init__(self, labels: Any, ids: NDArray[np.int64]) -> None:
        self._labels = labels
        self._ids = ids
        self.shape = tuple(labels.shape)
        self.dtype = np.dtype(labels.dtype)
        self.ndim = len(self.shape)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        values = np.asarray(self._labels[key])
        places = np.minimum(np.searchsorted(self._ids, values), len(self._ids) - 1)
        return np.where(self._ids[places] == values, values, np.zeros_like(values))


def contact_steps(request: ContactRequest) -> Steps[Mapping[str, NDArray[Any]]]:
    """Measure the contacts of all objects.

    Returns
    -------
    dict
        Columns for the table: contacts with each class, and distances to each other class.

    Raises
    ------
    UserError
        When the voxel size is unknown, or the distance is less than that of two voxels.
    """
    from napari_scsam.io.lazy import LazyArray
    from napari_scsam.io.volumes import Volume
    from napari_scsam.volume.blocks import plan_blocks
    from napari_scsam.volume.instances.source import LabelSource
    from napari_scsam.volume.measure.contact_columns import contact_columns
    from napari_scsam.volume.measure.contacts import Neighbourhood, find_contacts
    from napari_scsam.volume.measure.objects import check_near

    labels = request.objects.labels
    size = request.objects.place.voxel_size
    table = request.table
    names = sorted(set(table["class"].tolist()))
    volumes = []
    for name in names:
        view = ClassView(labels, table["id"][table["class"] == name].astype(np.int64))
        lazy = LazyArray(view, (None,) * view.ndim, name)
        volumes.append(Volume("the objects", lazy, size))
    check_near(request.distance, volumes[0])
    assert size is not None  # noqa: S101  # just checked
    shape = tuple(labels.shape)
    if len(shape) == 3 and shape[0] == 1:
        shape = shape[1:]
    sources = tuple(map(LabelSource, volumes))
    area = Neighbourhood(
        sources, tuple(names), plan_blocks(shape), size[-len(shape) :], request.distance
    )
    found = yield from find_contacts(area, table)
    return {**contact_columns(table, found.table), **found.distances}
