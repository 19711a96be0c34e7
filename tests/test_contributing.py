"""What docs/contributing.md names is there, and every room is in its table."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "napari_scsam"
TEXT = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")

WORDS = re.findall(r"`([^`\n]+)`", TEXT)

PLACES = sorted(
    {word for word in WORDS if re.fullmatch(r"[\w./-]+(\.(py|toml|md|json|yaml|sh)|/)", word)}
)
"""Files and folders that are named."""

NAMED_IN = re.findall(r"`([A-Z_]{4,})` in `([\w./]+\.py)`", TEXT)
"""Constants, and the files that they are said to be in."""

NOT_HERE = ("mrc.py", "columns.py", "mine.safetensors", "mine.run/", "run.json", "../shared/data")
"""Named beside the folder that they are in, or made by a run."""


def find(place: str) -> Path | None:
    """Return where a place is: below the package, beside its neighbours, or in the repository."""
    for folder in (PACKAGE, PACKAGE / "gui", PACKAGE / "volume" / "instances", ROOT):
        path = folder / place
        if path.exists():
            return path
    return None


@pytest.mark.parametrize("place", [place for place in PLACES if place not in NOT_HERE])
def test_every_file_that_is_named_is_there(place: str) -> None:
    if re.search(r"[A-Z]{4,}", place):  # FORMAT.py and NAME.py stand for the new file
        place = str(Path(place).parent)
    in_volume = PACKAGE / "volume" / "measure" / place
    assert find(place) or in_volume.exists(), f"{place} is not there any more"


@pytest.mark.parametrize(("name", "file"), NAMED_IN)
def test_every_table_that_a_row_goes_to_is_in_its_file(name: str, file: str) -> None:
    path = find(file) or PACKAGE / "volume" / "measure" / file
    text = path.read_text(encoding="utf-8")
    assert re.search(rf"^{name}\b.* =", text, re.MULTILINE), f"{file} has no {name}"


def rooms() -> list[str]:
    folders = {path.parent for path in PACKAGE.rglob("*.py")} - {PACKAGE}
    return sorted(folder.relative_to(PACKAGE).as_posix() for folder in folders)


@pytest.mark.parametrize("room", rooms())
def test_every_room_is_in_the_table(room: str) -> None:
    table = TEXT.split("## Rooms")[1].split("\n## ")[0]
    named = {word for word in re.findall(r"`([\w/]+)`", table) if "/" in word or word in rooms()}
    assert room in named, f"say in the table of rooms what {room} is for"


def test_every_room_in_the_table_is_there() -> None:
    table = TEXT.split("## Rooms")[1].split("\n## ")[0]
    first_cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    named = [word for cell in first_cells for word in re.findall(r"`([\w/]+)`", cell)]
    gone = [
        name
        for name in named
        if not (PACKAGE / name).exists() and not (PACKAGE / f"{name}.py").exists()
    ]
    assert gone == []


@pytest.mark.parametrize(
    "question",
    [
        "a reader for a file format",
        "a kind of label file",
        "an object tool",
        "a column of the table of objects",
        "a command",
        "contrast is measured",
        "**A click**",
        "**A request reaches a server**",
        "**A model is fine-tuned**",
        "a setting of fine-tuning",
        "a request to a server",
        "**A file is opened**",
    ],
)
def test_what_newcomers_ask_has_an_answer(question: str) -> None:
    assert question in TEXT


ANYWHERE = {"main", "run", "add_parser", "log"}
"""Names that every module may have; the page says so."""


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def names_defined(tree: ast.Module) -> Iterator[str]:
    """Yield the public names of classes, functions, types and constants of a module."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def test_a_name_is_defined_in_one_module() -> None:
    trees = {module_of(path): ast.parse(path.read_text("utf-8")) for path in PACKAGE.rglob("*.py")}
    imported = {
        (node.module, alias.name)
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    homes = defaultdict(set)
    for module, tree in trees.items():
        for name in names_defined(tree):
            if not (name.startswith("_") or len(name) == 1 or name in ANYWHERE):
                homes[name].add(module)
    doubled = {
        name: sorted(modules)
        for name, modules in homes.items()
        if len(modules) > 1
        and (not name.isupper() or any((module, name) in imported for module in modules))
    }
    assert doubled == {}, "give one of them another name, or import it from the other"
