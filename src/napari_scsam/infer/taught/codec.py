"""What strokes taught, as text: for the JSON of a project, and the card of a checkpoint."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from napari_scsam.config import UserError
from napari_scsam.infer.taught.answer import TaughtAnswer, refit
from napari_scsam.infer.taught.lessons import Lesson, join_lessons

if TYPE_CHECKING:
    from napari_scsam.infer.prepared_slice import Slice

LessonArrays = dict[str, NDArray[Any]]


def slice_name(slice_: Slice) -> str:
    """Return a short name of a slice, the same whenever its pixels are."""
    return hashlib.blake2b(repr(slice_.key).encode(), digest_size=8).hexdigest()


def sorted_by_name(lessons: Mapping[str, Lesson]) -> list[Lesson]:
    """Return lessons in the order of their names, so that the same ones give the same fit."""
    return [lessons[name] for name in sorted(lessons)]


def encode_class(
    answer: TaughtAnswer,
    lessons: Mapping[str, Lesson],
    doubts: Mapping[str, Mapping[str, float]],
) -> str:
    """Write the lessons of a class as text (base64 of safetensors).

    The fits are not written: the same lessons give the same fits.
    """
    arrays: LessonArrays = {
        "rounds": np.array(answer.rounds, np.int32),
        "shares": np.array(answer.shares, np.float64),
    }
    for here, shares in doubts.items():
        for name, share in shares.items():
            arrays[f"doubt/{here}/{name}"] = np.array([share], np.float64)
    for name, lesson in lessons.items():
        arrays.update({f"lesson/{name}/{key}": v for key, v in lesson.to_arrays().items()})
    compact = {key: np.ascontiguousarray(value) for key, value in arrays.items()}
    return base64.b64encode(save(compact)).decode("ascii")


def decode_class(
    text: str,
) -> tuple[TaughtAnswer, dict[str, Lesson], dict[str, dict[str, float]]]:
    """Read what `encode_class` wrote, and fit the class again.

    Returns the answer, the lessons by slice, and the doubts by slice and class.

    Raises
    ------
    UserError
        When it is damaged.
    """
    try:
        arrays = load(base64.b64decode(text, validate=True))
        lessons = {name: Lesson.from_arrays(each) for name, each in _lesson_arrays(arrays).items()}
        joined = join_lessons(sorted_by_name(lessons))
        answer = refit(joined, arrays["rounds"].tolist(), arrays["shares"].tolist())
    except (ValueError, KeyError, IndexError, SafetensorError) as error:
        raise UserError("what strokes taught is damaged; teach the class again") from error
    return answer, lessons, _doubts(arrays)


def _doubts(arrays: LessonArrays) -> dict[str, dict[str, float]]:
    """Return the arrays named ``doubt/SLICE/CLASS`` by slice and class."""
    doubts: dict[str, dict[str, float]] = {}
    for path, value in arrays.items():
        if path.startswith("doubt/") and path.count("/") > 1:
            _, here, name = path.split("/", 2)
            doubts.setdefault(here, {})[name] = float(value[0])
    return doubts


def _lesson_arrays(arrays: LessonArrays) -> dict[str, LessonArrays]:
    """Return the arrays named ``lesson/NAME/KEY`` by name, in the order they were written."""
    groups: dict[str, LessonArrays] = {}
    for path, value in arrays.items():
        if path.startswith("lesson/"):
            _, name, key = path.split("/", 2)
            groups.setdefault(name, {})[key] = value
    return groups
