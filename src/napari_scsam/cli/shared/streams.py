"""The streams that a command prints to, and the signals that end it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Any

ENDING = ("SIGTERM", "SIGHUP")
"""Signals of a batch system, of a container and of a terminal that was closed."""

BROKEN_PIPE = 141
"""Exit code when nobody reads what is printed any more, as shells have it (128 + SIGPIPE)."""


class OutputGoneError(Exception):
    """Nobody reads what is printed any more. The work itself is done."""


class EndedError(KeyboardInterrupt):
    """A signal that ends the command, such as that of a batch system.

    Parameters
    ----------
    number
        Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number


@contextmanager
def ending_signals() -> Iterator[None]:
    """Make signals that end the command end it as Ctrl-C does, so that drafts are removed."""
    before = {}
    for name in ENDING:
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is None or signal.getsignal(number) is not signal.SIG_DFL:
            continue  # nohup ignores it
        try:
            before[number] = signal.signal(number, _end)
        except ValueError:  # not the main thread
            break
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, _frame: Any) -> None:
    raise EndedError(number)


def prepare_streams() -> None:
    """Make every name printable, also those that the encoding of the terminal lacks.

    A daemon may have closed its streams; what is printed then goes nowhere.
    """
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=_errors_of(stream))
    if sys.stdout is sys.__stdout__ and isinstance(sys.stdout, TextIOWrapper):
        # With PYTHONUNBUFFERED, a full disk would show as an error of any file.
        sys.stdout.reconfigure(write_through=False)


def _errors_of(stream: TextIOWrapper) -> str:
    """Return what becomes of letters that cannot be encoded.

    Names of files need not be text; a path is printed as the bytes that it is.
    """
    if stream is sys.stdout and stream.encoding.lower().replace("-", "") == "utf8":
        return "surrogateescape"
    return "backslashreplace"


def flush_output() -> None:
    """Write what was printed, so that a full disk shows before the exit code is decided.

    Raises
    ------
    OutputGoneError
        When nobody reads it any more, as behind ``| head -1``.
    OSError
        When it cannot be written.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError as error:
        _drop_output()
        raise OutputGoneError from error
    except OSError as error:
        _drop_output()
        raise OSError(error.errno, error.strerror, "the standard output") from error


def _drop_output() -> None:
    """Send what is still to be printed nowhere: at its end, Python would try again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def printable(text: str) -> str:
    """Return a message in one line, without letters that control a terminal."""
    line = " ".join(text.split())
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line
    )
