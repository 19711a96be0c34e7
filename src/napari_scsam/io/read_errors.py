"""What readers raise for damaged files, as sentences that name the file."""

from __future__ import annotations

import lzma
import struct
import tokenize
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_scsam.config import UserError

READ_ERRORS = (
    OSError,
    ValueError,
    RuntimeError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    BufferError,
    EOFError,
    MemoryError,
    SyntaxError,  # of XML and PNG
    tokenize.TokenError,  # of NumPy
    SystemError,  # of compiled libraries
    struct.error,
    zlib.error,
    lzma.LZMAError,
)
"""What the readers' libraries raise for bytes that make no sense."""


LONGEST = 200
"""Letters of a library's own message that a sentence repeats."""


class DamagedPartError(UserError):
    """A part of a file, such as one slice, that cannot be read; the others may be whole."""


def cannot_open(path: str | Path, error: BaseException) -> UserError:
    """Return the error for a file that its reader does not understand."""
    return UserError(
        f"{path} cannot be opened: it is damaged, incomplete or not what its name says "
        f"({describe_error(error)})"
    )


def describe_error(error: BaseException) -> str:
    """Return what a library says of an error, on one line and not too long."""
    text = " ".join(str(error).split()) or type(error).__name__
    if len(text) > LONGEST:
        return f"{text[: LONGEST - 1]}…"
    return text


@contextmanager
def explaining(path: str | Path) -> Iterator[None]:
    """Turn what a library raises for a damaged file into a sentence that names the file.

    Raises
    ------
    UserError
        In place of any of `READ_ERRORS`.
    """
    try:
        yield
    except UserError:
        raise
    except READ_ERRORS as error:
        raise cannot_open(path, error) from error


def empty_file(path: Path) -> UserError:
    """Return the error for an empty file."""
    return UserError(f"{path} is an empty file; copy or download it again")
