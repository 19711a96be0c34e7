"""What every task of finding instances needs to know; it travels to workers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_scsam.volume.blocks import BlockPlan
from napari_scsam.volume.instances.kinds import ObjectKind
from napari_scsam.volume.instances.source import LabelSource

BLOCKS_A_FOLDER = 1000
"""Records of blocks in one folder."""


@dataclass(frozen=True)
class InstanceJob:
    """Where the labels are, what is found in them, and where it is kept until it is finished."""

    source: LabelSource
    plan: BlockPlan
    kinds: tuple[ObjectKind, ...]
    folder: Path
    """For provisional labels and records of blocks."""
    fill_holes: bool = False
    watershed: bool = False
    whole: Path | None = None
    """Instances before they are split, in which basins are found; None: basins are found in the
    labels themselves."""
    sampling: tuple[float, ...] = ()
    """Size of a voxel along each axis, in nm or relative to each other, for the watershed."""

    def provisional(self, kind: int) -> Path:
        """Return where the provisional labels of a kind are."""
        return self.folder / "provisional" / str(kind)

    def record(self, number: int) -> Path:
        """Return the file with what was found in a block."""
        return self.folder / "blocks" / str(number // BLOCKS_A_FOLDER) / f"{number}.npz"

    def pairs(self, number: int) -> Path:
        """Return the file with the labels of a block that touch those of blocks before it."""
        return self.folder / "pairs" / str(number // BLOCKS_A_FOLDER) / f"{number}.npz"

    def offsets(self) -> Path:
        """Return the file with the number of labels before each block, kinds × blocks."""
        return self.folder / "offsets.npy"

    def table(self, kind: int) -> Path:
        """Return the file with the id of each provisional label."""
        return self.folder / f"table_{kind}.npy"

    def counts(self) -> Path:
        """Return the file with the number of objects of each kind."""
        return self.folder / "counts.json"
