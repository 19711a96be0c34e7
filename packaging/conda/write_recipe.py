"""Write recipe.yaml from its template and pyproject.toml: run ``python packaging/conda/write_recipe.py`` after a change.

A test fails while the recipe differs from what this script writes.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RECIPE = HERE / "recipe.yaml"

OTHER_NAMES = {"torch": "pytorch"}
"""Packages that have another name on conda-forge."""


def recipe() -> str:
    """Return the whole recipe."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    source = (ROOT / "src/napari_scsam/version.py").read_text(encoding="utf-8")
    (version,) = re.findall(r'__version__ = "(.+)"', source)
    parts = {
        "@RUN@": requirement_lines(project["dependencies"]),
        "@LOCAL@": requirement_lines(project["optional-dependencies"]["local"]),
        "@VERSION@": version,
    }
    text = (HERE / "recipe.template.yaml").read_text(encoding="utf-8")
    for mark, part in parts.items():
        text = text.replace(mark, part)
    return text


def requirement_lines(requirements: list[str]) -> str:
    """Return requirements of pip as a list of the recipe."""
    return "\n".join(f"    - {for_conda(each)}" for each in requirements)


def for_conda(text: str) -> str:
    """Return a requirement of pip as conda writes it: ``numpy >=1.26``."""
    requirement = Requirement(text)
    name = requirement.name.lower()
    limits = ",".join(sorted(map(str, requirement.specifier)))
    return f"{OTHER_NAMES.get(name, name)} {limits}".strip()


if __name__ == "__main__":
    RECIPE.write_text(recipe(), encoding="utf-8")
