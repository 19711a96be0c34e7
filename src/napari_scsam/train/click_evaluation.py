"""How good clicks and boxes are on labelled objects, by the protocol of SAM (Kirillov et al. 2023)."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.infer.patch import Patch, agreement
from napari_scsam.infer.predictor import Predictor
from napari_scsam.infer.prompt_answer import PromptAnswer
from napari_scsam.io.contrast import measure_contrast
from napari_scsam.io.volumes import Volume
from napari_scsam.metrics import interval, resamples
from napari_scsam.steps import Progress
from napari_scsam.train.dataset import SMALLEST_OBJECT, lookup
from napari_scsam.train.evaluate import check_slices
from napari_scsam.train.scores import bracket, plain
from napari_scsam.train.simulated_user import Click, next_click, objects_of_slice


@dataclass(frozen=True, eq=False)
class ClickScores:
    """IoU of each object."""

    clicks: NDArray[np.float64]
    """objects×N, after 1..N clicks."""
    boxes: NDArray[np.float64]
    """objects, after a box alone."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values: means over objects and their 95 % bootstrap intervals."""
        means = np.column_stack([self.clicks, self.boxes])
        drawn = interval(resamples(len(means)) @ means / len(means)).T
        bounds = (
            drawn if len(means) > 1 else np.full_like(drawn, np.nan)
        ).tolist()  # one object says nothing of others
        *clicks, box = means.mean(0).tolist()
        result: dict[str, Any] = plain(
            {
                "clicks": {"objects": len(means), "iou": clicks, "iou_interval": bounds[:-1]},
                "box_iou": box,
                "box_iou_interval": bounds[-1],
            }
        )
        return result

    def __str__(self) -> str:
        """Draw a table: one line for each number of clicks, and one for the box."""
        data = self.to_dict()
        clicks = data["clicks"]
        names = [f"{n} click{'s' if n > 1 else ''}" for n in range(1, len(clicks["iou"]) + 1)] + [
            "box"
        ]
        intervals = [
            *(clicks["iou_interval"] or [None] * len(clicks["iou"])),
            data["box_iou_interval"],
        ]
        rows = zip(names, [*clicks["iou"], data["box_iou"]], intervals, strict=True)
        lines = [f"{name:24} {value:6.3f} {bracket(ends)}" for name, value, ends in rows]
        return "\n".join(
            [f"{'prompt':24} {'IoU':>6} [95 % interval]", *lines, f"{clicks['objects']} objects"]
        )


def evaluate_clicks(
    predictor: Predictor,
    image: Volume,
    labels: Volume,
    clicks: int,
    mapping: Mapping[int, ClassSpec] | None = None,
    *,
    slices: Sequence[int] | None = None,
    smallest: int = SMALLEST_OBJECT,
) -> Generator[Progress, None, ClickScores]:
    """Click on every connected object of every slice, and correct the answer click by click.

    Parameters
    ----------
    predictor
        Holds the checkpoint and the device.
    image, labels
        Of the same shape; labels are classes or instances, 0 is none.
    clicks
        N, how many on each object.
    mapping
        Values that are objects, those of one class joined; all above 0 when not given.
    slices
        Those to look at; all when not given.
    smallest
        Objects of fewer pixels are left out.

    Raises
    ------
    UserError
        When shapes differ, a slice is not there or there is no object.
    """
    if clicks < 1:
        raise UserError(f"{clicks} clicks measure nothing; give 1 or more")
    chosen = check_slices(image, labels, slices)
    contrast = measure_contrast(image.data)
    scores: list[tuple[list[float], float]] = []
    for done, z in enumerate(chosen):
        yield Progress(done, len(chosen), f"slice {z}")
        predictor.set_image(image.plane(z), image.voxel_size, contrast=contrast)
        values = labels.plane(z)
        objects = objects_of_slice(
            lookup(values, {v: c.id for v, c in mapping.items()}) if mapping else values, smallest
        )
        for number, target in enumerate(objects, start=1):
            scores.append((click_through(predictor, target, clicks), box_once(predictor, target)))
            yield Progress(done, len(chosen), f"slice {z}, object {number} of {len(objects)}")
    if not scores:
        raise UserError(
            f"the labels hold no object of {smallest} or more pixels; choose other slices or values"
        )
    yield Progress(len(chosen), len(chosen), "done")
    return ClickScores(np.array([c for c, _ in scores]), np.array([b for _, b in scores]))


def click_through(predictor: Predictor, target: Patch, clicks: int) -> list[float]:
    """Return the IoU after each of N clicks, each answer being refined by the next; a perfect answer is left alone."""
    asked: list[Click] = []
    answer: PromptAnswer | None = None
    shown = Patch(np.zeros_like(target.mask), target.y, target.x)
    scores = []
    for _ in range(clicks):
        if click := next_click(target, shown):
            asked.append(click)
            answer = predictor.predict_prompts(
                [(c.x, c.y) for c in asked], [int(c.inside) for c in asked], masks=answer
            )
            shown = shown_by(answer)
        scores.append(agreement(target, shown))
    return scores


def box_once(predictor: Predictor, target: Patch) -> float:
    """Return the IoU after a box round the object."""
    return agreement(target, shown_by(predictor.predict_prompts(boxes=target.box)))


def shown_by(answer: PromptAnswer) -> Patch:
    """Return the first mask of an answer, on the part of the slice that was looked at."""
    return Patch(answer.window[0] > 0, answer.part[0].start, answer.part[1].start)
