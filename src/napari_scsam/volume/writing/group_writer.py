"""Write the labels of slices, those that share a file together, and record them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.io.zarr_access import ZarrArray
from napari_scsam.volume.answer import Answer
from napari_scsam.volume.probabilities import open_probabilities, write_probabilities
from napari_scsam.volume.run_plan import RunPlan
from napari_scsam.volume.writing.ledger import FinishedSlice
from napari_scsam.volume.writing.written_slices import group_of, write_slices


class GroupWriter:
    """Writes the slices of a run in their order, a file at a time.

    Parameters
    ----------
    level
        Level 0 of the labels.
    plan
        Of the run.
    """

    def __init__(self, level: ZarrArray, plan: RunPlan) -> None:
        self._level = level
        self._plan = plan
        self._image = open_probabilities(level) if plan.probabilities else None
        self._group = range(0)
        self._labels: NDArray[Any] = np.empty((0, 0, 0), level.dtype)
        self._probabilities: NDArray[np.uint8] | None = None
        self._answers: list[Answer] = []

    def add(self, answer: Answer) -> list[FinishedSlice]:
        """Compute the labels of a slice, and write it when all others of its file are there.

        Returns
        -------
        list of FinishedSlice
            What is on disk now.
        """
        finished = []
        if answer.z not in self._group:
            finished = self.flush()
            self._begin(answer.z)
        place = answer.z - self._group.start
        self._labels[place] = answer.labels()
        if self._probabilities is not None:
            self._probabilities[:, place] = answer.probabilities()
        self._answers.append(answer)
        if answer.z == self._group[-1]:
            finished = [*finished, *self.flush()]
        return finished

    def flush(self) -> list[FinishedSlice]:
        """Write what was added since, and return it."""
        if not self._answers:
            return []
        first = self._group.start
        if self._image is not None and self._probabilities is not None:
            write_probabilities(self._image, first, self._probabilities, self._plan.window)
        names = write_slices(self._level, first, self._labels, self._plan.window)
        finished = [FinishedSlice(answer.z, answer.pixels, names) for answer in self._answers]
        self._answers = []
        return finished

    def _begin(self, z: int) -> None:
        """Make room for the slices that share a file with this one."""
        self._group = group_of(self._level, z)
        rows, columns = self._plan.window
        shape = (len(self._group), rows.stop - rows.start, columns.stop - columns.start)
        self._labels = np.zeros(shape, self._level.dtype)
        if self._image is not None:
            self._probabilities = np.zeros((self._image.shape[0], *shape), np.uint8)
