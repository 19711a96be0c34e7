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
from napari_scsam.infer.stroke_classifier import StrokeClassifier, TaughtAnswer
from napari_scsam.infer.stroke_lessons import Lesson

if TYPE_CHECKING:
    from napari_scsam.infer.prepared_slice import Slice

Arrays = dict[str, NDArray[Any]]


def slice_name(slice_: Slice) -> str:
    """Return a short name of a slice, the same whenever its pixels are."""
    return hashlib.blake2b(repr(slice_.key).encode(), digest_size=8).hexdigest()


def encode_class(answer: TaughtAnswer, lessons: Mapping[str, Lesson]) -> str:
    """Write the fits and the lessons of a class as text (base64 of safetensors)."""
    arrays: Arrays = {}
    for number, fit in enumerate(answer.fits):
        arrays.update({f"fit/{number}/{key}": value for key, value in fit.to_arrays().items()})
    for name, lesson in lessons.items():
        arrays.update({f"lesson/{name}/{key}": v for key, v in lesson_arrays(lesson).items()})
    compact = {key: np.ascontiguousarray(value) for key, value in arrays.items()}
    return base64.b64encode(save(compact)).decode("ascii")


def decode_class(text: str) -> tuple[TaughtAnswer, dict[str, Lesson]]:
    """Read what `encode_class` wrote.

    Raises
    ------
    UserError
        When it is damaged.
    """
    try:
        arrays = load(base64.b64decode(text, validate=True))
        fits = [StrokeClassifier.from_arrays(each) for each in _groups(arrays, "fit").values()]
        lessons = {name: read_lesson_arrays(a) for name, a in _groups(arrays, "lesson").items()}
    except (ValueError, KeyError, SafetensorError) as error:
        raise UserError("what strokes taught is damaged; teach the class again") from error
    return TaughtAnswer(tuple(fits)), lessons


def _groups(arrays: Arrays, kind: str) -> dict[str, Arrays]:
    """Return the arrays named ``kind/NAME/KEY`` by name, in the order of the names."""
    groups: dict[str, Arrays] = {}
    for path in sorted(arrays):
        first, name, key = path.split("/", 2)
        if first == kind:
            groups.setdefault(name, {})[key] = arrays[path]
    return groups


def lesson_arrays(lesson: Lesson) -> Arrays:
    """Return a lesson as arrays; features in half precision."""
    return {
        "values": lesson.values.astype(np.float16),
        "context": lesson.context.astype(np.float16),
        "positive": lesson.positive.astype(np.uint8),
        "stroke": lesson.stroke.astype(np.int32),
        "worth": lesson.worth.astype(np.float32),
        "fine": np.array([lesson.fine], np.int32),
    }


def read_lesson_arrays(arrays: Arrays) -> Lesson:
    """Read what `lesson_arrays` returned."""
    return Lesson(
        arrays["values"].astype(np.float32),
        arrays["positive"].astype(bool),
        arrays["stroke"].astype(np.int64),
        arrays["worth"].astype(np.float64),
        arrays["context"].astype(np.float32),
        int(arrays["fine"][0]),
    )
