"""The variants that are compared, and the runs that this takes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any


@dataclass(frozen=True)
class Variant:
    """One way to segment: a row of the table."""

    title: str
    kind: str = "scsam"
    """``"scsam"``, ``"unet"``, ``"forest"``, or ``"calibrated"``, which learns nothing but takes another variant's checkpoint."""
    model: Mapping[str, Any] = field(default_factory=dict)
    """What differs from the model of ``recipe.toml``."""
    unfreeze: tuple[str, ...] = ("mae",)
    """Encoders of a ScSAM that learn."""
    share: float = 1.0
    """Minutes of compute, in those of the others."""
    base: str | None = None
    """Variant whose checkpoint is taken."""


VARIANTS: Mapping[str, Variant] = {
    "a": Variant("U-Net from scratch", kind="unet"),
    "a+": Variant("U-Net from scratch, three times the minutes", kind="unet", share=3.0),
    "b": Variant("SAM branch only", model={"branches": "sam"}, unfreeze=("sam",)),
    "c": Variant("MAE branch only", model={"branches": "mae"}),
    "d": Variant("both branches, summed without gates", model={"fusion": "sum"}),
    "e": Variant("raw dot product for cosine similarity", model={"similarity": "dot"}),
    "e+": Variant(
        "raw dot product for cosine similarity, three times the minutes",
        model={"similarity": "dot"},
        share=3.0,
    ),
    "f": Variant("full ScSAM"),
    "f+": Variant("full ScSAM, three times the minutes", share=3.0),
    "g": Variant(
        "full ScSAM, thresholds calibrated per class", kind="calibrated", share=0.0, base="f"
    ),
    "h": Variant("random forest on classical filters", kind="forest"),
    "i": Variant("full ScSAM without the detail path", model={"detail": False}),
    "j": Variant("full ScSAM without the scale of the cosine", model={"similarity": "unscaled"}),
}


@dataclass(frozen=True)
class Scale:
    """The sizes of a benchmark, the same for all variants."""

    minutes: float
    """Of CPU time for training."""
    training: tuple[int, ...]
    """Slices to learn from."""
    held_out: tuple[int, ...]
    """Training slices that nobody learns from, to calibrate on."""
    subsets: tuple[tuple[int, ...], ...]
    """Fewer training slices, for the efficiency table."""
    evaluated: tuple[int, ...]
    """Slices of the other volume to score."""
    side: int | None = None
    """Look at that many pixels along each axis when scoring; at whole slices when None."""
    seeds: tuple[int, ...] = (0, 1)
    crop: int = 224
    batch: int = 4
    tile: int = 448
    probe: int = 6
    """Steps that measure what a step costs."""
    points: int = 300_000
    """Pixels that the forest learns from."""
    trees: int = 150
    """The forest grows until its minutes are over, or up to that many."""


SEEDED = ("a", "a+", "e", "f", "f+", "j")
"""Variants that run with every seed; the others with the first."""

EFFICIENCY = ("a", "f")
"""Variants that also learn from fewer slices."""

CALIBRATION = (8, 9, 24, 35)
"""Some with myelin and some without."""

TOO_NEAR = (23, 25)
"""5 nm from a slice to calibrate on, and nearly the same picture; without them nothing learned lies within 20 nm of those."""

FULL = Scale(
    minutes=8.0,
    training=tuple(z for z in range(36) if z not in CALIBRATION + TOO_NEAR),
    held_out=CALIBRATION,
    # Every subset has all six classes: myelin is in slices 0 to 9 alone.
    subsets=((4,), (4, 17, 30), (1, 4, 7, 12, 16, 19, 22, 27, 30, 33)),
    evaluated=tuple(range(12)),
)

QUICK = Scale(
    minutes=0.02,
    training=(4, 14),
    held_out=(8,),
    subsets=((4,),),
    evaluated=(0, 5),
    side=256,
    seeds=(0,),
    crop=64,
    batch=2,
    tile=192,
    probe=1,
    points=2000,
    trees=10,
)


@dataclass(frozen=True)
class Run:
    """A variant with its seed and its slices."""

    variant: str
    seed: int
    slices: tuple[int, ...]

    @property
    def name(self) -> str:
        """Return its name in files."""
        return f"{self.variant}-seed{self.seed}-{len(self.slices)}slices"

    @property
    def base(self) -> Run | None:
        """The run whose checkpoint this one takes."""
        base = VARIANTS[self.variant].base
        return None if base is None else Run(base, self.seed, self.slices)


def runs_of(scale: Scale) -> list[Run]:
    """List every run, in the order of the tables."""
    main = [
        Run(key, seed, scale.training)
        for key in VARIANTS
        for seed in (scale.seeds if key in SEEDED else scale.seeds[:1])
    ]
    return main + [
        Run(key, scale.seeds[0], subset) for key in EFFICIENCY for subset in scale.subsets
    ]


def pending(
    runs: Sequence[Run], done: Collection[str], checkpoints: Collection[str]
) -> list[list[Run]]:
    """Return the runs left, in waves: first independent ones, then those that need a checkpoint.

    Parameters
    ----------
    runs
        All that are wanted.
    done
        Names of runs with a result for the same settings.
    checkpoints
        Names of runs whose checkpoint is there.
    """
    left = {run for run in runs if run.name not in done}
    left |= {
        run.base
        for run in left
        if run.base is not None and not {run.base.name} <= set(done) & set(checkpoints)
    }
    left |= {run for run in runs if run.base in left}  # an older answer was of another checkpoint
    ordered = [run for run in dict.fromkeys(chain(runs, left)) if run in left]
    # The longest first, so that none is left alone at the end.
    alone = sorted(
        (run for run in ordered if run.base is None), key=lambda run: -VARIANTS[run.variant].share
    )
    return [wave for wave in (alone, [run for run in ordered if run.base is not None]) if wave]
