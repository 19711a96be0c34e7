"""The text that goes with an exported network."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_scsam.checkpoints.card import CheckpointInfo
    from napari_scsam.model import ScSAM

TEXT = """\
# {name}

{summary}

It was written by napari-scsam from the checkpoint `{name}`. Licence: {licence}.

## Input

Grey values of electron microscopy, 1×1×H×W. {size} Percentiles 0.5 and 99.5 of the whole volume become 0 and 1.

## Output

Logits of the classes, 1×K×H×W. The background has the logit 0. Subtract the threshold of each class.
A pixel is of the class with the highest value, where one is above 0. A softmax over 0 and the logits gives probabilities.

| channel | class | id | threshold |
|---|---|---|---|
{rows}

## Validation

The figures of the checkpoint are in its card, under `config`. On an image of your own, compare a few slices with labels that you trust.
Clicks, boxes, strokes and the rules on sizes of objects are in napari-scsam alone. Neighbouring tiles should share 64 pixels.
"""


def readme(model: ScSAM, info: CheckpointInfo) -> str:
    """Return the documentation of an exported network, as Markdown."""
    size = "The pixel size of its training is unknown."
    if model.config.nm_per_pixel:
        size = f"Pixels of {model.config.nm_per_pixel:g} nm: resample other images."
    rows = [
        f"| {row} | {spec.name} | {spec.id} | {float(model.thresholds[row]):.4f} |"
        for row, spec in enumerate(model.classes)
    ]
    return TEXT.format(
        name=info.name,
        summary=info.summary,
        licence=info.licence,
        size=size,
        rows="\n".join(rows),
    )
