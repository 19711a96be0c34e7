"""What is declared in pyproject.toml is imported, and what is imported is declared."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "napari_scsam"

FOR_OTHERS = {
    "torchvision": "segment_anything imports it and does not declare it",
}
"""Packages that are declared because another one needs them, and for what."""

OWN = "napari-scsam["
"""How an extra begins that brings another one."""

WITH_TESTS = ("local", "server", "onnx", "test", "benchmark")
"""Extras that are installed where tests run."""

BROUGHT_ALONG = {"pydantic-core": "pydantic"}
"""Packages that are a part of another one, which pins their version."""


def plain(name: str) -> str:
    """Return the name of a package as PEP 503 normalises it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def owners() -> Mapping[str, list[str]]:
    """Return which packages each module belongs to; slow, as all that is installed is read."""
    return packages_distributions()


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def names(requirements: list[str]) -> set[str]:
    return {plain(re.match(r"[\w.-]+", each)[0]) for each in requirements}


def imported(folder: Path) -> Iterator[str]:
    """Yield the top-level modules that the files of a folder import, wherever they do it."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (each.name.split(".")[0] for each in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                yield node.module.split(".")[0]


def foreign(folder: Path) -> set[str]:
    """Return the packages that a folder imports, by the names they are installed by."""
    own = {"napari_scsam", "benchmarks"}
    if folder != SOURCE:  # scripts and helpers import each other by their bare names
        own |= {p.stem for p in folder.rglob("*.py")}
        own |= {p.name for p in folder.rglob("*") if p.is_dir()}
    modules = set(imported(folder)) - sys.stdlib_module_names - own
    assert modules <= owners().keys(), "of a package that is not installed"
    return {plain(owners()[module][0]) for module in modules}


def test_every_package_that_the_source_imports_is_declared() -> None:
    used = {BROUGHT_ALONG.get(name, name) for name in foreign(SOURCE)}
    extras = project()["optional-dependencies"]  # asked for when they are needed
    wanted = [each for name in ("local", "onnx", "server") for each in extras[name]]
    assert used - names([*project()["dependencies"], *wanted]) == set()


def test_networks_on_this_computer_are_an_extra() -> None:
    extras = project()["optional-dependencies"]
    assert names(extras["local"]) == {"torch", "torchvision", "timm", "segment-anything"}
    assert not names(project()["dependencies"]) & names(extras["local"])
    for name in ("all", "server", "test"):
        assert any("local" in each for each in extras[name] if each.startswith(OWN)), name
    for name in ("benchmark", "dev"):
        assert any("test" in each or "benchmark" in each for each in extras[name]), name


def test_every_declared_package_is_imported_or_needed_by_another_one() -> None:
    local = project()["optional-dependencies"]["local"]
    declared = names([*project()["dependencies"], *local])
    assert declared - foreign(SOURCE) == FOR_OTHERS.keys()


def test_every_package_that_the_tests_import_is_declared() -> None:
    extras = project()["optional-dependencies"]
    wanted = [extra for name in WITH_TESTS for extra in extras[name]]
    declared = names([*project()["dependencies"], *wanted])
    assert foreign(ROOT / "tests") - declared == set()


def test_every_package_that_the_benchmarks_import_is_declared() -> None:
    extras = project()["optional-dependencies"]
    wanted = [extra for name in WITH_TESTS for extra in extras[name]]
    declared = names([*project()["dependencies"], *wanted])
    assert foreign(ROOT / "benchmarks") - declared == set()


@pytest.mark.parametrize("name", sorted(FOR_OTHERS))
def test_packages_for_others_are_installed(name: str) -> None:
    assert importlib.util.find_spec(name)


def test_no_package_is_declared_without_a_lowest_version() -> None:
    loose = [each for each in project()["dependencies"] if ">=" not in each]
    assert loose == []
