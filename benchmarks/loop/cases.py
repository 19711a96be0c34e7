"""The volumes that the simulated annotator labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from benchmarks.loop.regions import Mask
from numpy.typing import NDArray

from napari_scsam.io.contrast import Contrast, measure_contrast
from napari_scsam.io.volumes import open_labels, open_volume

VoxelSize = tuple[float, float, float]


@dataclass(frozen=True)
class Case:
    """One class of one volume, on crops of a few slices."""

    name: str
    """Of the set; effort is added up over its classes."""
    class_name: str
    image: str
    labels: str
    """Files, below the folder of the data."""
    values: tuple[int, ...]
    """Of the class in the labels; every value above 0 when empty."""
    slices: tuple[int, ...]
    rows: tuple[int, int]
    columns: tuple[int, int]
    voxel_size: VoxelSize | None
    target: float = 0.9
    """The Dice that is wanted."""

    @property
    def title(self) -> str:
        """Its name in tables."""
        return f"{self.class_name}, {self.name}"


@dataclass(frozen=True, eq=False)
class Picture:
    """One slice of a case."""

    z: int
    grey: NDArray[np.generic]
    """Y×X as in the file."""
    truth: Mask
    """Y×X, where the class is."""
    contrast: Contrast
    """Of the volume."""
    voxel_size: VoxelSize | None


HIPPOCAMPUS = ("hippocampus/dev_raw.tif", "hippocampus/dev_labels.tif")

CASES = (
    # The mitochondrion includes its boundary, as people draw it.
    Case(
        *("hippocampus", "mitochondrion", *HIPPOCAMPUS, (1, 2)),
        slices=(0, 1, 3, 5, 8, 10),
        rows=(128, 640),
        columns=(256, 768),
        voxel_size=(5.0, 5.0, 5.0),
    ),
    Case(
        *("hippocampus", "vesicle", *HIPPOCAMPUS, (3,)),
        slices=(0, 1, 3, 5, 8, 10),
        rows=(128, 640),
        columns=(256, 768),
        voxel_size=(5.0, 5.0, 5.0),
        # Two people who labelled these sections agree by an IoU of 0.56.
        target=0.72,
    ),
    Case(
        *("brain_sbem", "mitochondrion", "brain_sbem/raw.tif", "brain_sbem/mito.tif", ()),
        slices=(0, 3, 6, 9, 12, 15),
        rows=(100, 484),
        columns=(300, 684),
        voxel_size=(40.0, 10.0, 10.0),
    ),
    Case(
        *("leaf", "chloroplast", "leaf/more_raw.tif", "leaf/more_chloroplast_instances.tif", ()),
        slices=(0, 1, 2, 3, 4, 5),
        rows=(600, 1368),
        columns=(1000, 1768),
        voxel_size=None,
    ),
)


def read_case(case: Case, data: Path) -> Sequence[Picture]:
    """Read the slices of a case from the folder of the data."""
    image = open_volume(data / case.image, case.voxel_size)
    labels = open_labels(data / case.labels)
    contrast = measure_contrast(image.data)
    part = (slice(*case.rows), slice(*case.columns))
    pictures = []
    for z in case.slices:
        values = labels.plane(z)[part]
        truth = values > 0
        if case.values:
            truth = np.isin(values, case.values)
        pictures.append(Picture(z, image.plane(z)[part], truth, contrast, case.voxel_size))
    return pictures
