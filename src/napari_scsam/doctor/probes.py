"""Questions asked in a process of their own: what crashes or hangs there does no harm here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LIMIT = 120.0
"""Seconds that a probe may take; importing torch from a cold disk takes most of a minute."""


@dataclass(frozen=True)
class ProbeAnswer:
    """What a probe found."""

    facts: Mapping[str, Any] = field(default_factory=dict)
    trouble: str = ""
    """Why there are no facts, in a few words; empty when there are."""


def ask(module: str, limit: float = LIMIT) -> ProbeAnswer:
    """Run a module, which prints one line of JSON, and return what it found.

    Parameters
    ----------
    module
        Its dotted name.
    limit
        Seconds after which it is ended.
    """
    command = [sys.executable, "-m", module]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "PYTHONIOENCODING": "utf-8"}
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=environment,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return ProbeAnswer(trouble=f"no answer within {limit:.0f} seconds")
    if done.returncode:
        return ProbeAnswer(trouble=_last_words(done.stderr, done.returncode))
    try:
        return ProbeAnswer(json.loads(done.stdout.strip().splitlines()[-1]))
    except (ValueError, IndexError):
        return ProbeAnswer(trouble="an answer that cannot be read")


def _last_words(stderr: str, code: int) -> str:
    """Return the last line that a process wrote, and how it ended if a signal ended it."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    last = lines[-1] if lines else "no message"
    if code < 0:
        return f"ended by signal {-code} ({last})"
    return last
