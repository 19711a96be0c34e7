"""What a fine-tuning yields and returns."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass

from napari_scsam.model import ScSAM
from napari_scsam.train.finetune.report import FinetuneReport
from napari_scsam.train.finetune.validation import Validation


@dataclass(frozen=True)
class FinetuneStep:
    """One step of work, for a progress bar, a log or a live plot."""

    phase: str
    """``"embedding"``, ``"learning"`` or ``"comparing"``."""
    step: int
    total: int
    seconds: float
    """Spent so far."""
    seconds_left: float
    """At most, by the time that was given."""
    losses: Mapping[str, float]
    """By name; ``"loss"`` is the one that is minimised. Empty but while learning."""
    validation: Validation | None = None
    """Of the model as it is, when the step ended with one."""


@dataclass(frozen=True, eq=False)
class FinetuneResult:
    """The better model of the two, and what was found."""

    model: ScSAM
    """The tuned model if it is offered, else the parent."""
    report: FinetuneReport


FinetuneSteps = Generator[FinetuneStep, None, FinetuneResult]
