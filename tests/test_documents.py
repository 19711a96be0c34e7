"""What the documents say can be done: commands parse, options, files and targets exist, Python compiles and its imports are found."""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.util
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import napari_scsam
from napari_scsam.cli import build_parser

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "napari_scsam"
PAGES = sorted(
    [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "weights").glob("*.md")]
)
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
OPTION = re.compile(r"--[a-z][a-z0-9-]*")
LEADING = re.compile(r"^(?:[A-Z_]+=\S+\s+)*(?:xvfb-run -a -s \"[^\"]*\"\s+)?")
"""Variables and a virtual screen before a command."""

PLACEHOLDERS = (
    "…",
    "...",
    "NAME",
    "FORMAT",
    "VOLUME",
    "FOLDER",
    "FILE",
    "PROJECT",
    "HOST",
    "COMMAND",
)
FOREIGN = {
    "python3",
    "source",
    "napari",
    "ln",
    "cp",
    "nox",
    "uvx",
    "dask",
    "3dmod",
    "header",
    "open",
    "ssh",
    "export",
}
"""Commands of others, and of the shell."""

GESTURES = ("index", "tutorial", "own-classes", "fine-tune", "scale", "server", "faq")
"""Pages that say what to press in the window."""

OF_OTHERS = {
    *("File", "Open Sample", "Plugins", "Preferences", "ScSAM", "Shortcuts"),
    *("(ScSAM)", "Choose reader", "Save Selected Layers …", "ScSAM Organelle labels"),
    *("mitochondrion", "membrane", "dark process"),
}
"""Names of napari, and of classes."""


def load(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@cache
def player() -> ModuleType:
    return load("docs/play_pages.py")


@cache
def parsers() -> dict[str, argparse.ArgumentParser]:
    return dict(load("docs/cli_page.py").find_commands(build_parser()))


@cache
def text_of(folder: str, pattern: str) -> str:
    files = sorted((ROOT / folder).rglob(pattern))
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def commands_of(page: Path) -> Iterator[str]:
    """Every command in a fence of a page."""
    for block in player().blocks(page.read_text(encoding="utf-8")):
        if block.language == "sh":
            for command in player().commands(block):
                yield from re.findall(r"\$\((.*?)\)", command)
                yield LEADING.sub("", command)


def spans_of(page: Path) -> list[str]:
    """Every piece of code in a sentence of a page."""
    prose = re.sub(r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    return [span.replace("\\|", "|") for span in re.findall(r"`([^`\n]+)`", prose)]


def check_scsam(command: str, *, whole: bool) -> None:
    words = shlex.split(command)
    name = next(each for n in (3, 2) if (each := " ".join(words[:n])) in parsers())
    known = parsers()[name]._option_string_actions
    assert set(OPTION.findall(command)) <= {*known, "--version"}, command
    if whole and "…" not in command:
        build_parser().parse_args(words[1:])


def check_python(command: str) -> None:
    words = shlex.split(command)[1:]
    if words[0] == "-m" and words[1] in ("http.server", "pytest"):
        return
    if words[0] == "-m":
        file = ROOT / words[1].replace(".", "/")
        file = next((each for each in (file.with_suffix(".py"), file) if each.exists()), None)
        if file is None and (ROOT / "tests" / words[1]).is_dir():
            file = ROOT / "tests" / words[1]
    else:
        file = ROOT / words[0]
    assert file is not None, command
    assert file.exists(), command
    near = file if file.is_dir() else file.parent
    options = set(OPTION.findall(command))
    assert all(f'"{each}"' in text_of(str(near.relative_to(ROOT)), "*.py") for each in options), (
        command
    )


def check_other(command: str) -> None:
    """Check a command of make, pip or pytest; one that nobody knows is an error."""
    words = shlex.split(command)
    if words[0] == "make" and len(words) > 1:
        assert f"\n{words[1]}:" in (ROOT / "Makefile").read_text(), command
    elif words[0] == "pip":
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
            "optional-dependencies"
        ]
        ours = re.findall(r"(?:\.|napari-scsam)\[([\w,]+)\]", command)
        assert set(",".join(ours).split(",")) <= {"", *extras}, command
    elif words[0] == "pytest":
        assert all((ROOT / word).exists() for word in words[1:] if "/" in word), command
    elif words[0] == "cp":
        assert (ROOT / words[1]).exists(), command
    else:
        is_ours = "/" in words[0] and (ROOT / words[0]).exists()
        assert is_ours or words[0] in {*FOREIGN, "make", "cd"}, f"nothing checks {command!r}"


def check(command: str, *, whole: bool) -> None:
    if command.startswith("scsam "):
        check_scsam(command, whole=whole)
    elif command.startswith("python "):
        check_python(command)
    else:
        check_other(command)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_of_a_page_are_understood(page: Path) -> None:
    for command in commands_of(page):
        check(command, whole=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_and_options_in_sentences_exist(page: Path) -> None:
    scripts = "\n".join(text_of(each, "*.py") for each in ("benchmarks", "docs", "tests"))
    known = {option for each in parsers().values() for option in each._option_string_actions}
    for span in spans_of(page):
        command = LEADING.sub("", span)
        if command.startswith(("scsam ", "python ", "make ", "pip ", "pytest ")):
            if command.split()[1] not in PLACEHOLDERS:
                check(command, whole=False)
        elif span.startswith("--"):
            option = OPTION.match(span)[0]
            assert option in known or f'"{option}"' in scripts, span


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_of_ours_in_sentences_exist(page: Path) -> None:
    for span in spans_of(page):
        if not re.fullmatch(r"[\w./-]+/[\w.-]+\.(py|toml|yml|sh)", span) or span.startswith("/"):
            continue
        if not any(word in span for word in PLACEHOLDERS):
            assert any((base / span).exists() for base in (ROOT, SOURCE, page.parent)), span


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python_of_a_page_compiles_and_its_imports_are_found(page: Path) -> None:
    for block in player().blocks(page.read_text(encoding="utf-8")):
        if block.language != "python" or (page.stem == "api" and "import" not in block.text):
            continue  # signatures are no statements
        check_imports(block.text)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_imports_of_an_example_are_found_and_the_page_shows_it(path: Path) -> None:
    check_imports(path.read_text(encoding="utf-8"))
    shown = (ROOT / "docs" / "examples.md").read_text(encoding="utf-8")
    assert f"python examples/{path.name} " in shown


def check_imports(source: str) -> None:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            assert all(importlib.util.find_spec(each.name) for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = {each.name for each in node.names}
            if node.module == "napari_scsam":
                assert names <= set(napari_scsam.__all__)
            elif node.module != "__future__":
                module = importlib.import_module(node.module)
                assert all(hasattr(module, name) for name in names), names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_buttons_that_a_page_names_are_in_the_window(page: Path) -> None:
    window = text_of("src/napari_scsam/gui", "*.py")
    for label in re.findall(r"\*([A-Z][^*\n]* …)\*", page.read_text(encoding="utf-8")):
        assert label.rpartition(" > ")[2] in window or "File >" in label, label


@pytest.mark.parametrize("name", GESTURES)
def test_names_in_pages_for_hands_are_those_of_the_window(name: str) -> None:
    window = text_of("src/napari_scsam/gui", "*.py")
    title = yaml.safe_load((ROOT / "napari.yaml").read_text(encoding="utf-8"))
    shown = OF_OTHERS | {
        f"{each['display_name']} ({title['display_name']})"
        for each in title["contributions"]["widgets"]
    }
    shown |= {each["display_name"] for each in title["contributions"]["sample_data"]}
    page = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    for label in re.findall(r"(?<![*\w])\*([^*\n.]+)\*(?!\*)", page):
        for part in label.split(" > "):
            assert part in shown or f'"{part.replace("&", "&&")}' in window, label
    for label in re.findall(r"(?:line|tab|under) \*\*([^*\n]+)\*\*", page):
        assert f'"{label.replace("&", "&&")}"' in window, label


def test_pictures_are_those_that_the_script_takes_and_each_in_the_tutorial_follows_a_step() -> None:
    stage = ast.parse((ROOT / "docs" / "stage.py").read_text(encoding="utf-8"))
    values = {
        target.id: node.value
        for node in stage.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    kept = set(ast.literal_eval(values["KEPT"]))
    assert {path.stem for path in (ROOT / "docs" / "images").iterdir()} == kept
    shown = re.compile(r"!\[[^\]]*\]\(images/(\w+)\.png\)")
    pages = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")}
    assert {name for text in pages.values() for name in shown.findall(text)} == kept
    before = shown.split(pages["tutorial"])[:-1:2]
    assert all("**Do:**" in text for text in before)


def test_every_page_that_is_played_is_there() -> None:
    for name in (*player().PAGES, *player().PYTHON_ONLY):
        assert (ROOT / "docs" / name).is_file()


def test_the_page_of_the_command_line_is_made_from_the_parsers() -> None:
    script = load("docs/cli_page.py")
    written = script.PAGE.read_text(encoding="utf-8")
    assert written == script.page(), "run: python docs/cli_page.py"


def test_the_page_of_keys_is_made_from_the_table_and_other_pages_name_no_other_keys() -> None:
    script = load("docs/keys_page.py")
    written = script.PAGE.read_text(encoding="utf-8")
    assert written == script.page(), "run: python docs/keys_page.py"
    ours = {script.shown(action.key) for action in script.ACTIONS}
    of_others = {"Ctrl+Z", "Ctrl+S", "Ctrl+Y", "Ctrl+Shift+Z", "Ctrl+C"}
    for page in PAGES:
        named = re.findall(r"\b(?:Shift|Alt|Ctrl)\+(?:Shift\+)?[A-Z0-9]\b", page.read_text())
        assert set(named) <= ours | of_others, page.name
