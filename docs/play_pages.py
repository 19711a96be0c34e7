"""Do what pages say, word by word, in a new folder: every command of ours, and all Python.

    python docs/play_pages.py [PAGE...]

Pages are played in the order of `PAGES`, in one folder, as a reader goes from one to the next; those of
`PYTHON_ONLY` each in a folder of their own. They need nothing but the image in the package. Commands that
install or open a window are left out, and so are files that a page asks to save (a fence with a title).
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent

PAGES = ("index.md", "own-classes.md", "fine-tune.md", "export.md", "examples.md")

PYTHON_ONLY = ("../README.md", "scale.md")
"""Pages whose commands are about files of the reader, but whose Python needs none."""

NOT_PLAYED = ("python3", "source", "pip", "napari", "scsam doctor")
"""Starts of commands that set up the machine, or judge it."""

FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    """A fence of a page."""

    language: str
    title: str
    text: str

    @property
    def is_saved(self) -> bool:
        """Whether the page asks to save it as a file."""
        return "title=" in self.title


def blocks(page: str) -> Iterator[Block]:
    """Yield the fences of a Markdown text that stand at its margin."""
    for found in FENCE.finditer(page):
        yield Block(*found.groups())


def commands(block: Block) -> Iterator[str]:
    """Yield the commands of a fence, without comments; a line that ends in a backslash goes on."""
    for line in block.text.replace("\\\n", " ").splitlines():
        command = re.sub(r"(^|\s)#.*", "", line).strip()
        if command:
            yield command


def play(page: Path, folder: Path, *, with_commands: bool) -> None:
    """Do what a page says.

    Raises
    ------
    SystemExit
        When a command or a block of Python fails.
    """
    for number, block in enumerate(blocks(page.read_text(encoding="utf-8"))):
        if block.language == "python" and not block.is_saved:
            script = folder / f"{page.stem}_{number}.py"  # a file: worker processes import it
            script.write_text(block.text, encoding="utf-8")
            run(page, [sys.executable, script.name], folder, script.name)
        if block.language == "sh" and with_commands:
            for command in commands(block):
                if not command.startswith(NOT_PLAYED):
                    shell = f"PATH={bin_folder()}:$PATH; {command}"
                    run(page, ["bash", "-c", shell], folder, command)


def bin_folder() -> Path:
    """Return where ``python`` and ``scsam`` are."""
    return Path(sys.executable).parent


def run(page: Path, command: list[str], folder: Path, shown: str) -> None:
    """Run a command, and print it with its time."""
    start = time.monotonic()
    print(f"{page.name}: {shown}", flush=True)  # noqa: T201
    done = subprocess.run(command, cwd=folder, check=False)  # noqa: S603 - our own pages
    print(f"    {time.monotonic() - start:.0f} s", flush=True)  # noqa: T201
    if done.returncode:
        raise SystemExit(f"{page.name} failed: {shown}")


def write_volume(folder: Path) -> None:
    """Write ``volume.zarr``, which pages take for the reader's own."""
    import zarr

    from napari_scsam.samples.shipped import open_shipped

    zarr.save_array(folder / "volume.zarr", open_shipped().data[:4, :128, :128])


def main() -> None:
    """Play the pages that are named, or all."""
    with tempfile.TemporaryDirectory() as scratch:
        together = Path(scratch)
        (together / "examples").symlink_to(ROOT / "examples")
        for name in sys.argv[1:] or (*PAGES, *PYTHON_ONLY):
            if name in PYTHON_ONLY:
                alone = together / f"alone_{Path(name).stem}"
                alone.mkdir()
                write_volume(alone)
                play(DOCS / name, alone, with_commands=False)
            else:
                play(DOCS / name, together, with_commands=True)


if __name__ == "__main__":
    main()
