"""What fixes a fine-tuning, beside its data; chosen by measurement (``benchmarks/finetune``)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from napari_scsam.train.augment import Augmentation


@dataclass(frozen=True)
class FinetuneSettings:
    """Settings of the loop."""

    crops: int = 130
    """Crops of reviewed slices, where there is time for so many."""
    replayed: int = 12
    """Crops of synthetic cells."""
    validated: int = 20
    """Held-out crops at most; each is as large as a tile when a slice is segmented."""
    batch: int = 4
    """Crops of the corrected volume in a step."""
    replay_batch: int = 1
    """Crops of synthetic cells in a step."""
    most_steps: int = 600
    """The run ends after so many, however much time is left."""
    rate: float = 1e-3
    """Peak learning rate."""
    decay: float = 1e-3
    """Weight decay."""
    hold: float = 2.0
    """Weight of the parent's shares of a class and its parts, inside what is labelled."""
    replay: float = 4.0
    """Weight of the parent's answer on synthetic cells."""
    validations: int = 2
    """While learning."""
    seed: int = 0
    look: Augmentation = field(
        default_factory=lambda: Augmentation(
            zoom=1.3,
            stretch=1.15,
            contrast=0.25,
            brightness=0.1,
            gamma=0.25,
            blur=1.0,
            tone=0.2,
            coarse=1.5,
            noise=0.06,
        )
    )
    """Milder than that of training: the other slices are of one volume, with one look."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def is_due(done: int, total: int, times: int) -> bool:
    """Whether one of `times` evenly spaced validations is due after this step.

    None is due on the last step, which has one of its own.
    """
    every = max(1, total // (times + 1))
    return done % every == 0 and done < total - every // 2
