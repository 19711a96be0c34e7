"""How good clicks and boxes are on labelled objects, by SAM's protocol (Kirillov et al. 2023)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
from napari_scsam.steps import Progress, Steps
from napari_scsam.train.dataset import MIN_OBJECT_PIXELS
from napari_scsam.train.labelled_volume import lookup
from napari_scsam.train.scoring.evaluate import check_map, check_slices
from napari_scsam.train.scoring.score_text import bracket, counted, nan_to_none
from napari_scsam.train.scoring.simulated_user import Click, next_click, objects_of_slice


@dataclass(frozen=True, eq=False)
class ClickScores:
    """IoU of each object."""

    clicks: NDArray[np.float64]
    """objects×N, after 1..N clicks."""
    boxes: NDArray[np.float64]
    """objects, after a box alone."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values: means over objects and their 95 % bootstrap intervals."""
        scores = np.column_stack([self.clicks, self.boxes])
        *clicks, box = scores.mean(0).tolist()
        *click_ends, box_ends = self._intervals(scores).tolist()
        objects = {"objects": len(scores), "iou": clicks, "iou_interval": click_ends}
        result: dict[str, Any] = nan_to_none(
            {"clicks": objects, "box_iou": box, "box_iou_interval": box_ends}
        )
        return result

    @staticmethod
    def _intervals(scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the interval of each column; NaN for one object, which shows no spread."""
        ends = interval(resamples(len(scores)) @ scores / len(scores)).T
        if len(scores) == 1:
            return np.full_like(ends, np.nan)
        return ends

    def __str__(self) -> str:
        """Return a table: one line for each number of clicks, and one for the box."""
        data = self.to_dict()
        objects = data["clicks"]["objects"]
        lines = [f"{'prompt':24} {'IoU':>6} [95 % interval]"]
        lines += [
            f"{name:24} {value:6.3f} {bracket(ends)}" for name, value, ends in iter_click_rows(data)
        ]
        return "\n".join([*lines, f"{objects} objects"])


def iter_click_rows(data: Mapping[str, Any]) -> Iterator[tuple[str, float, list[float] | None]]:
    """Yield the name, IoU and interval of each number of clicks, and of the box."""
    clicks = data["clicks"]
    ends = clicks["iou_interval"] or [None] * len(clicks["iou"])
    for number, (value, interval_) in enumerate(zip(clicks["iou"], ends, strict=True), 1):
        yield counted(number, "click"), value, interval_
    yield "box", data["box_iou"], data["box_iou_interval"]


def evaluate_clicks(
    predictor: Predictor,
    image: Volume,
    labels: Volume,
    clicks: int,
    mapping: Mapping[int, ClassSpec] | None = None,
    *,
    slices: Sequence[int] | None = None,
    smallest: int = MIN_OBJECT_PIXELS,
) -> Steps[ClickScores]:
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
        Those to score; all when not given.
    smallest
        Objects of fewer pixels are left out.

    Raises
    ------
    UserError
        When shapes differ, a slice does not exist or there is no object.
    """
    if clicks < 1:
        raise UserError(f"{clicks} clicks measure nothing; give 1 or more")
    chosen = check_slices(image, labels, slices)
    if mapping:
        check_map(labels, mapping, chosen)
    contrast = measure_contrast(image.data)
    by_clicks: list[list[float]] = []
    by_box: list[float] = []
    for done, z in enumerate(chosen):
        yield Progress(done, len(chosen), f"slice {z}")
        predictor.set_image(image.plane(z), image.pixel_size, contrast=contrast)
        objects = objects_of_slice(mapped_values(labels.plane(z), mapping), smallest)
        for number, target in enumerate(objects, start=1):
            by_clicks.append(click_through(predictor, target, clicks))
            by_box.append(box_once(predictor, target))
            yield Progress(done, len(chosen), f"slice {z}, object {number} of {len(objects)}")
    if not by_box:
        raise UserError(
            f"the labels hold no object of {smallest} or more pixels; choose other slices or values"
        )
    yield Progress(len(chosen), len(chosen), "done")
    return ClickScores(np.array(by_clicks), np.array(by_box))


def mapped_values(values: NDArray[Any], mapping: Mapping[int, ClassSpec] | None) -> NDArray[Any]:
    """Replace label values by the ids of their classes, if a mapping is given."""
    if not mapping:
        return values
    return lookup(values, {value: spec.id for value, spec in mapping.items()})


def click_through(predictor: Predictor, target: Patch, clicks: int) -> list[float]:
    """Return the IoU after each of N clicks, each of which corrects the last answer.

    A perfect answer is left alone.
    """
    asked: list[Click] = []
    answer: PromptAnswer | None = None
    shown = Patch(np.zeros_like(target.mask), target.y, target.x)
    scores = []
    for _ in range(clicks):
        click = next_click(target, shown)
        if click is not None:
            asked.append(click)
            points = [(c.x, c.y) for c in asked]
            inside = [int(c.inside) for c in asked]
            answer = predictor.predict_prompts(points, inside, masks=answer)
            shown = shown_by(answer)
        scores.append(agreement(target, shown))
    return scores


def box_once(predictor: Predictor, target: Patch) -> float:
    """Return the IoU after a box around the object."""
    return agreement(target, shown_by(predictor.predict_prompts(boxes=target.box)))


def shown_by(answer: PromptAnswer) -> Patch:
    """Return the first mask of an answer, on its part of the slice."""
    rows, columns = answer.part
    return Patch(answer.window[0] > 0, rows.start, columns.start)
