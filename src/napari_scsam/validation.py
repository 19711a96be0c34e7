"""Turn the first error of a pydantic model into one sentence: what was wrong, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

LONGEST = 40
"""Characters of a value that a sentence repeats."""

_ADVICE: Mapping[str, str] = {
    "bool": "write true or false",
    "int": "give a whole number",
    "float": "give a number",
    "finite_number": "give a finite number",
    "string": "give a text in quotes",
    "list": "give a list",
    "tuple": "give a list",
    "dict": "give a table of settings",
    "mapping": "give a table of settings",
    "model": "give a table of settings",
    "dataclass": "give a table of settings",
    "path": "give a path in quotes",
    "greater_than_equal": "give {ge} or more",
    "greater_than": "give more than {gt}",
    "less_than_equal": "give {le} or less",
    "less_than": "give less than {lt}",
    "multiple_of": "give a multiple of {multiple_of}",
    "literal_error": "give {expected}",
    "enum": "give {expected}",
    "too_short": "give at least {min_length}",
    "too_long": "give at most {max_length}",
}
"""What to do, by the first part of pydantic's error type; names in braces come from its context."""


def first_problem(error: ValidationError) -> str:
    """Return the first error as one sentence, e.g. ``steps = 'many' is not usable; give a number``.

    A `UserError` (or other `ValueError`) that one of our validators raised is returned as it is.

    Parameters
    ----------
    error
        What ``Model.model_validate`` raised.
    """
    return describe_problem(error.errors(include_url=False)[0])


def describe_problem(problem: ErrorDetails) -> str:
    """Return one entry of ``ValidationError.errors()`` as a sentence."""
    kind = problem["type"]
    context: dict[str, Any] = problem.get("ctx", {})
    name = field_name(problem["loc"])
    if kind in ("value_error", "assertion_error"):
        return str(context["error"])
    if kind == "missing":
        return f"{name} is missing; add it"
    if kind == "extra_forbidden":
        return f"{name} is unknown; remove it or check its spelling"
    return f"{name} = {_short(problem['input'])} is not usable; {_advice(problem, context)}"


def field_name(location: tuple[int | str, ...]) -> str:
    """Return where an error is, e.g. ``training.steps`` or ``data[0].image``."""
    name = ""
    for part in location:
        if isinstance(part, int):
            name += f"[{part}]"
        elif name:
            name += f".{part}"
        else:
            name = part
    return name or "the record"


def _advice(problem: ErrorDetails, context: Mapping[str, Any]) -> str:
    kind = problem["type"]
    for known in (kind, kind.rsplit("_", 1)[0], kind.split("_", 1)[0]):
        if known in _ADVICE:
            return _ADVICE[known].format(**context)
    message = problem["msg"]
    return message[:1].lower() + message[1:]


def _short(value: Any) -> str:
    text = repr(value)
    if len(text) <= LONGEST:
        return text
    return text[: LONGEST - 1] + "…"
