"""One line of the report: facts, how they read, and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Finding:
    """What was found about one topic."""

    topic: str
    """One word, such as ``"device"``."""
    text: str
    """The facts on one line."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """The facts as JSON values."""
    complaints: tuple[str, ...] = ()
    """What is wrong and what to do, one sentence each."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"text": self.text, "facts": dict(self.facts), "complaints": list(self.complaints)}


def without_home(text: str) -> str:
    """Return a text in which the user's home folder is ``~``, so that it can be published."""
    try:
        home = str(Path.home())
    except RuntimeError:  # a container without a home folder
        return text
    if len(home) < 2:  # the home of some containers is the root of the disk
        return text
    in_json = home.replace("\\", "\\\\")
    return re.sub(f"({re.escape(in_json)}|{re.escape(home)})(?![\\w-])", "~", text)


def size_text(number: float) -> str:
    """Return a number of bytes in the unit that suits it."""
    for unit in ("bytes", "kB", "MB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.1f} GB"
