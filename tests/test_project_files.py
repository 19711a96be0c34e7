"""What is around the code: one version, links of the README, recipe, workflows, forms of issues."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from napari_scsam import __version__

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"))


def load(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_version_is_written_once_and_cited() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["version"] == __version__
    assert "version" in project()["dynamic"]
    assert re.search(rf"^## {re.escape(__version__)}", (ROOT / "CHANGELOG.md").read_text(), re.M)


def test_the_recipe_for_conda_is_made_from_the_requirements() -> None:
    script = load("packaging/conda/write_recipe.py")
    written = script.RECIPE.read_text(encoding="utf-8")
    assert written == script.recipe(), "run: python packaging/conda/write_recipe.py"
    recipe = yaml.safe_load(written)
    assert recipe["context"]["version"] == __version__
    local = project()["optional-dependencies"]["local"]
    torch = next(one for one in local if one.startswith("torch>"))
    assert torch.replace("torch>", "pytorch >") in recipe["requirements"]["run_constraints"]
    assert not any("torch" in one for one in recipe["requirements"]["run"]), "it is a choice"


def test_links_of_the_readme_are_absolute_on_a_package_page() -> None:
    pytest.importorskip("hatchling")
    script = load("packaging/readme_hook.py")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    made = script.with_absolute_links(text, project()["urls"], "v1.2.3")
    targets = re.findall(r"\]\(([^)]+)\)", made)
    assert targets
    assert all(target.startswith(("https://", "#")) for target in targets)
    picture = next(target for target in targets if target.endswith("widget.png"))
    assert picture.startswith("https://raw.githubusercontent.com/")
    assert picture.endswith("/v1.2.3/docs/images/widget.png")
    site = project()["urls"]["Documentation"]
    assert {site, f"{site}accuracy/"} <= set(targets)


@pytest.mark.parametrize("page", ["README.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "docs/api.md"])
def test_relative_links_lead_to_files(page: str) -> None:
    path = ROOT / page
    for target in re.findall(r"\]\(([^)]+)\)", path.read_text(encoding="utf-8")):
        file = target.partition("#")[0]
        if file and not file.startswith("https://"):
            assert (path.parent / file).exists(), target


def test_licences_that_are_named_are_there() -> None:
    for name in project()["license-files"]:
        assert (ROOT / name).is_file()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_have_few_rights_and_a_time_limit(path: Path) -> None:
    flow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert flow["permissions"] == {"contents": "read"}
    for job in flow["jobs"].values():
        assert job["timeout-minutes"] <= 60
        for step in job["steps"]:
            if "uses" in step:  # a tag can be moved to other code, a commit cannot
                assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step["uses"])


def test_only_the_job_that_publishes_may_sign() -> None:
    flow = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))
    rights = {name: job.get("permissions", {}) for name, job in flow["jobs"].items()}
    assert rights["build"] == {}
    assert rights["publish"]["id-token"] == "write"
    assert flow["jobs"]["publish"]["needs"] == "build"


def test_sessions_of_the_workflow_are_those_of_the_nox_file() -> None:
    text = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    pythons = re.findall(r'"(3\.\d+)"', re.search(r"PYTHONS = .*", text)[0])
    sessions = {f"tests-{each}({qt})" for each in pythons for qt in ("pyside6", "pyqt6")}
    sessions |= set(re.findall(r"^def (\w+)\(session", text, re.M))
    flow = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text(encoding="utf-8"))
    matrix = flow["jobs"]["test"]["strategy"]["matrix"]
    used = {*matrix["session"], *(each["session"] for each in matrix["include"])}
    assert used <= sessions


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_forms_ask_for_the_doctor_where_it_helps(path: Path) -> None:
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert form["name"]
    asked = {field["id"] for field in form["body"]}
    assert ("doctor" in asked) == (path.stem != "idea")
