"""The networks that a client names to a server: those of its list, and files of the client."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from napari_scsam.checkpoints.card import JOINED
from napari_scsam.config import UserError
from napari_scsam.project.project import file_hash
from napari_scsam.remote.asked import FILE_PART_BYTES, Load, PutFile
from napari_scsam.remote.parts import FileRef, TaughtSpec

NETWORK_SUFFIX = ".safetensors"


@dataclass(frozen=True)
class NamedNetworks:
    """A checkpoint, and networks that work beside it, as a server is to find them."""

    checkpoint: str
    beside: tuple[str, ...] = ()
    files: dict[str, FileRef] = field(default_factory=dict)
    """Those that are files of this computer, by name."""
    paths: dict[str, Path] = field(default_factory=dict)
    """Where these files are, by their SHA-256."""

    def request(self, taught: tuple[TaughtSpec, ...]) -> Load:
        """Return the request that loads them."""
        return Load(
            id=0,
            checkpoint=self.checkpoint,
            beside=self.beside,
            files=dict(self.files),
            taught=taught,
        )

    def parts(self, sha256: str) -> Iterator[PutFile]:
        """Read a file for the server, part by part.

        Raises
        ------
        UserError
            When it is gone.
        """
        path = self.paths[sha256]
        (ref,) = [ref for ref in self.files.values() if ref.sha256 == sha256]
        try:
            with path.open("rb") as file:
                offset = 0
                while data := file.read(FILE_PART_BYTES):
                    yield PutFile(id=0, file=ref, offset=offset, data=data)
                    offset += len(data)
        except OSError as error:
            raise UserError(f"{path} cannot be read any more; choose another checkpoint") from error


def name_networks(reference: str) -> NamedNetworks:
    """Return the networks of a reference, as `CheckpointInfo.reference` joins them.

    Parameters
    ----------
    reference
        Paths of files of this computer, or names that the server knows, with ``+`` between them.
    """
    files: dict[str, FileRef] = {}
    paths: dict[str, Path] = {}
    names = []
    for part in _split(reference):
        name = part
        if is_checkpoint_file(part):
            path = Path(part)
            name = path.stem
            sha256 = file_hash(path)
            files[name] = FileRef(sha256=sha256, bytes=path.stat().st_size)
            paths[sha256] = path
        elif part.endswith(NETWORK_SUFFIX):  # a file that is not here; the server may have its name
            name = Path(part).stem
        names.append(name)
    return NamedNetworks(names[0], tuple(names[1:]), files, paths)


def is_checkpoint_file(name: str) -> bool:
    """Whether a name is the path of a checkpoint's file on this computer."""
    return name.endswith(NETWORK_SUFFIX) and Path(name).is_file()


def _split(reference: str) -> list[str]:
    """Return what ``+`` joins; the path of a file may hold a ``+`` itself."""
    left = reference.split(JOINED)
    found = []
    while left:
        longest_first = range(len(left), 0, -1)
        files = (n for n in longest_first if is_checkpoint_file(JOINED.join(left[:n])))
        count = next(files, 1)
        found.append(JOINED.join(left[:count]))
        left = left[count:]
    return found
