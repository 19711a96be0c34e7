"""What readers raise for damaged files, as sentences that name the file."""

from __future__ import annotations

import lzma
import struct
import tokenize
import zlib
from collections.abc import Iterator, Mapping
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


CONTENTS: Mapping[bytes, tuple[str, ...]] = {
    b"\x89PNG": (".png",),
    b"\xff\xd8\xff": (".jpg", ".jpeg"),
    b"\x89HDF\r\n\x1a\n": (".h5", ".hdf5", ".hdf", ".emd", ".ims", ".hspy", ".nxs", ".nc"),
    **dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), (".tif", ".tiff", ".btf", ".tf8")),
    b"NRRD000": (".nrrd", ".nhdr"),
    b"\x93NUMPY": (".npy",),
    b"PK\x03\x04": (".zip", ".ozx"),
    b"\x1f\x8b": (".gz",),
}
"""Suffixes of files by their first bytes."""

MOST_SIGNATURE = 8
"""Bytes of the longest of them."""


def cannot_open(path: str | Path, error: BaseException) -> UserError:
    """Return the error for a file that its reader does not understand."""
    suffix = _suffix_by_content(Path(path))
    if suffix is not None:
        better = Path(path).stem + suffix
        return UserError(f"{path} has {suffix} data in spite of its name; rename it to {better}")
    return UserError(
        f"{path} cannot be opened: it is damaged, incomplete or not what its name says "
        f"({describe_error(error)})"
    )


def _suffix_by_content(file: Path) -> str | None:
    """Return the suffix that a file should have; None where its own is right, or unknown."""
    try:
        with file.open("rb") as opened:
            start = opened.read(MOST_SIGNATURE)
    except (OSError, ValueError):
        return None
    for signature, suffixes in CONTENTS.items():
        if start.startswith(signature) and file.suffix.lower() not in suffixes:
            return suffixes[0]
    return None


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
