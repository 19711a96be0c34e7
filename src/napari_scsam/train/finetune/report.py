"""Before and after: each class on held-out regions, and whether the result is worth having."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

LEAST_GAIN = 0.005
"""Mean Dice that the labelled classes must gain for a result to be offered."""

LEAST_SURE = 0.5
"""Standard errors that a gain must be: seven of ten such results are better than the parent."""

MOST_LOSS = 0.01
"""Dice that a labelled class may lose while others gain."""

LEAST_ALIKE = 0.85
"""Mean agreement with the parent, over its classes, that a result must keep to be offered."""

FEW_STEPS = 40
"""Fewer steps than this teach next to nothing."""

UNSEEN = "On regions it did not learn from"
"""Where the Dice of a verdict was measured."""

KEPT = "The checkpoint before is kept."
"""The end of a verdict on a result that is not offered."""


@dataclass(frozen=True)
class FinetuneReport:
    """What fine-tuning has come to."""

    before: Mapping[str, float]
    """Dice of each labelled class on held-out regions, by the parent; 0 of a class it lacks."""
    after: Mapping[str, float]
    """The same by the tuned model. Its levels were chosen without the region that is scored."""
    agreement: Mapping[str, float]
    """Dice with the parent's answer on synthetic cells, for each other class of the parent."""
    offered: bool
    """Whether the tuned model is better; the parent is kept otherwise."""
    reason: str
    """One sentence that says why."""
    steps: int
    seconds: float
    parent_share: float
    """Share of the parent in the weights (Wortsman et al. 2022, arXiv 2109.01903)."""
    held_out: tuple[int, ...]
    """Slices that hold the regions."""
    gain_error: float = math.inf
    """Standard error of the gain in mean Dice, by regions; infinite where one alone was held out."""
    left_out: tuple[str, ...] = ()
    """Parts of labelled classes that the labels leave out, so that the parent answers them."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        error = self.gain_error if math.isfinite(self.gain_error) else None
        lists = {"held_out": list(self.held_out), "left_out": list(self.left_out)}
        return {**asdict(self), **lists, "gain_error": error, "note": self.note}

    @property
    def note(self) -> str:
        """One sentence on what the labels leave out; empty where they leave out nothing."""
        if not self.left_out:
            return ""
        parts = " and ".join(self.left_out)
        return f"The labels leave out some of {parts}, which stays as it was."

    def __str__(self) -> str:
        """Draw a table: one line for each labelled class, and the decision."""
        lines = [f"{'class':24} {'before':>7} {'after':>7}"]
        for name, dice in self.after.items():
            lines.append(f"{name:24} {self.before[name]:7.3f} {dice:7.3f}")
        notes = [self.note] if self.note else []
        return "\n".join([*lines, *notes, self.reason])


def decide(
    before: Mapping[str, float],
    after: Mapping[str, float],
    agreement: Mapping[str, float] | None = None,
    error: float = math.inf,
) -> tuple[bool, str]:
    """Compare the labelled classes, and say in one sentence whether the result is offered.

    A result that differs from its parent where nothing was corrected is not offered. Nor is one
    whose gain is below half of its standard error, where that is known.
    """
    if not after:
        return False, f"The regions kept for judging show no labelled class; review more. {KEPT}"
    gains = {name: after[name] - before[name] for name in after}
    gain = float(np.mean(list(gains.values())))
    worst = min(gains, key=lambda name: gains[name])
    if gains[worst] < -MOST_LOSS:
        return False, f"{UNSEEN}, {worst} lost {-gains[worst]:.3f} Dice. {KEPT}"
    if gain < LEAST_GAIN:
        return False, f"{UNSEEN}, Dice changed by {gain:+.3f} only. {KEPT}"
    if math.isfinite(error) and gain < error * LEAST_SURE:
        return False, f"{UNSEEN}, Dice rose by {told(gain, error)}, which may be chance. {KEPT}"
    alike = float(np.mean(list(agreement.values()))) if agreement else 1.0
    if alike < LEAST_ALIKE:
        reason = f"It changes classes that nobody corrected ({alike:.2f} alike)."
        return False, f"{reason} {KEPT}"
    return True, f"{UNSEEN}, Dice rose by {told(gain, error)}."


def told(gain: float, error: float) -> str:
    """Return a gain with its standard error, if it has one."""
    return f"{gain:.3f} ± {error:.3f}" if math.isfinite(error) else f"{gain:.3f}"


def add_hint(offered: bool, reason: str, steps: int) -> str:
    """Add to a verdict that there was too little time, if there was."""
    if offered or steps >= FEW_STEPS:
        return reason
    return f"{reason} There was time for {steps} steps only; allow more minutes."
