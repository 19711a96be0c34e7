"""The public door: what `napari_scsam` exports, and the page that shows it."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import napari_scsam
from napari_scsam.config import UserError
from napari_scsam.errors import MissingFileError, TakenError

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("api_page", ROOT / "docs" / "api_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_public_name_is_there_and_has_a_docstring() -> None:
    for name in napari_scsam.__all__:
        assert getattr(napari_scsam, name) is not None
        assert name in dir(napari_scsam)
        if name != "__version__":
            assert getattr(napari_scsam, name).__doc__


def test_no_other_name_is_public() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'no_such_name'"):
        _ = napari_scsam.no_such_name


def test_type_checkers_see_the_same_names_from_the_same_modules() -> None:
    tree = ast.parse(Path(napari_scsam.__file__).read_text(encoding="utf-8"))
    seen = {}
    for_checkers = [node for part in tree.body if isinstance(part, ast.If) for node in part.body]
    for node in [*tree.body, *for_checkers]:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("napari_scsam."):
            seen |= {each.name: node.module.removeprefix("napari_scsam.") for each in node.names}
    assert seen.pop("__version__") == "version"
    assert seen == napari_scsam._HOME
    assert {*seen, "__version__"} == set(napari_scsam.__all__)


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = "{'torch', 'napari', 'qtpy', 'numpy', 'zarr'}"
    script = f"import sys, napari_scsam; print({heavy} & sys.modules.keys())"
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert told.stdout == "set()\n"


def test_the_page_is_made_from_the_docstrings(script: ModuleType) -> None:
    written = script.PAGE.read_text(encoding="utf-8")
    assert written == script.page(), "run: python docs/api_page.py"


def test_the_page_has_every_name(script: ModuleType) -> None:
    headings = re.findall(r"^## `(\w+)`", script.PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted([*headings, "__version__"]) == sorted(napari_scsam.__all__)


def test_the_example_runs_as_it_stands(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (example, *_) = re.findall(r"```python\n(.*?)```", script.INTRO, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    found: dict[str, object] = {}
    exec(example, found)  # noqa: S102 - it is our own page
    assert found["labels"].any()
    assert (tmp_path / "labels.zarr").is_dir()


def test_a_missing_file_is_the_error_that_callers_expect(tmp_path: Path) -> None:
    for name in ("no.tif", "no.zarr", "no.h5:/raw", "folder"):
        with pytest.raises(FileNotFoundError, match="does not exist; check the path") as told:
            napari_scsam.open_volume(tmp_path / name)
        assert isinstance(told.value, UserError)
    with pytest.raises(FileNotFoundError, match="no checkpoint 'no'"):
        napari_scsam.load_checkpoint("no")


def test_a_taken_place_is_the_error_that_callers_expect(tmp_path: Path) -> None:
    from napari_scsam.volume.output import check_output

    (tmp_path / "notes.tif").write_text("mine")
    with pytest.raises(FileExistsError, match="choose another name"):
        check_output(tmp_path / "notes.tif", overwrite=True)


@pytest.mark.parametrize("kind", [MissingFileError, TakenError])
def test_errors_keep_their_sentence(kind: type[UserError]) -> None:
    assert str(kind("x is wrong; do y")) == "x is wrong; do y"
    assert issubclass(kind, ValueError)
