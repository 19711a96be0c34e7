"""Asking a server: a request that waits, is asked again after a cut, and can be cancelled."""

from __future__ import annotations

import time
from collections.abc import Callable
from queue import Empty
from typing import Any

from napari_scsam.errors import UserError
from napari_scsam.io.read_errors import DamagedPartError
from napari_scsam.remote.asked import Request
from napari_scsam.remote.connection import LOST, Connection, Waiter
from napari_scsam.remote.line import (
    Line,
    LineLostError,
    NeedFilesError,
    NeedPixelsError,
    ServerFaultError,
    StateLostError,
)
from napari_scsam.steps import Progress, Steps

PATIENCE = 60.0
"""Seconds for which a request waits for a line that was cut."""

LOOK = 0.25
"""Seconds after which whoever waits looks whether it was cancelled."""


def connected_steps(line: Connection, patience: float = PATIENCE) -> Steps[None]:
    """Wait until there is a line; say so while there is none.

    Raises
    ------
    UserError
        When the server refuses this client, or there is no line for too long.
    """
    until = time.monotonic() + patience
    line.start()
    while line.state.line is not Line.CONNECTED:
        state = line.state
        if state.line is Line.REFUSED or time.monotonic() > until:
            raise UserError(state.sentence or f"there is no line to {line.address}; connect again")
        yield Progress(0, 1, state.sentence)
        line.wait(LOOK)


def answer_steps(
    line: Connection, request: Request, take: Callable[[Any], object] | None = None
) -> Steps[Any]:
    """Ask once, and return the result; closing the generator cancels the request.

    Parameters
    ----------
    take
        Called with what comes before the result, other than progress.

    Raises
    ------
    UserError
        What the server says that the user can correct, or that it failed.
    LineLostError, NeedPixelsError, NeedFilesError, StateLostError
        When it must be asked again.
    """
    waiter = line.ask(request)
    try:
        return (yield from _wait(waiter, take))
    finally:
        line.drop(waiter)


def _wait(waiter: Waiter, take: Callable[[Any], object] | None) -> Steps[Any]:
    step = Progress(0, 1, "waiting for the server")
    while True:
        try:
            message = waiter.answers.get(timeout=LOOK)
        except Empty:
            yield step
            continue
        if message is LOST:
            raise LineLostError
        if message.type == "failed":
            raise error_of(message)
        if message.type == "progress":
            step = Progress(message.done, message.total, message.what)
            yield step
        elif message.type in ("file_part", "trained"):
            if take is not None:
                take(message)
            yield step
        else:
            return message


def error_of(failed: Any) -> Exception:
    """Return the error that a server sent."""
    if failed.kind == "need_pixels":
        return NeedPixelsError(failed.pixels)
    if failed.kind == "need_files":
        return NeedFilesError(failed.files)
    if failed.kind == "lost":
        return StateLostError(failed.sentence)
    if failed.kind == "damaged":
        return DamagedPartError(failed.sentence)
    if failed.kind == "fault":
        return ServerFaultError(failed.sentence)
    return UserError(failed.sentence)
