"""Folders outside the program, and the environment variables that move them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import platformdirs
import pytest

from napari_scsam import paths
from napari_scsam.checkpoints.find import find_checkpoint
from napari_scsam.errors import UserError

FOLDERS = [
    (paths.user_folder, "NAPARI_SCSAM_CHECKPOINTS"),
    (paths.preferences_folder, "NAPARI_SCSAM_USER"),
    (paths.cache_folder, "NAPARI_SCSAM_CACHE"),
]


@pytest.mark.parametrize(("folder", "variable"), FOLDERS)
def test_a_variable_moves_its_folder_and_no_other(
    folder: Callable[[], Path],
    variable: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    for _, name in FOLDERS:
        monkeypatch.delenv(name, raising=False)
    before = {other: other() for other, _ in FOLDERS}
    monkeypatch.setenv(variable, str(tmp_path / "mine"))
    for other, _ in FOLDERS:
        expected = tmp_path / "mine" if other is folder else before[other]
        assert other() == expected


@pytest.mark.parametrize(("folder", "variable"), FOLDERS)
def test_a_tilde_is_the_home_folder(
    folder: Callable[[], Path],
    variable: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv(variable, "~/em")
    assert folder() == tmp_path / "em"


@pytest.mark.parametrize(("folder", "variable"), FOLDERS)
def test_an_empty_variable_counts_as_not_set(
    folder: Callable[[], Path], variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(variable, raising=False)
    usual = folder()
    monkeypatch.setenv(variable, "")
    assert folder() == usual


def test_the_usual_folders_are_those_of_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    for _, variable in FOLDERS:
        monkeypatch.delenv(variable, raising=False)
    data = Path(platformdirs.user_data_dir("napari-scsam"))
    assert paths.user_folder() == data / "checkpoints"
    assert paths.preferences_folder() == data
    assert paths.cache_folder() == Path(platformdirs.user_cache_dir("napari-scsam"))


@pytest.mark.parametrize(("text", "limit"), [(None, "20.0"), ("", "20.0"), ("0", "0"), ("x", "x")])
def test_the_cache_limit_is_what_the_user_wrote(
    text: str | None, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NAPARI_SCSAM_CACHE_GB")
    if text is not None:
        monkeypatch.setenv("NAPARI_SCSAM_CACHE_GB", text)
    assert paths.cache_limit_text() == limit


def test_weights_in_the_package_come_before_those_of_a_clone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "clone" / "src" / "napari_scsam"
    package.mkdir(parents=True)
    monkeypatch.setattr(paths, "__file__", str(package / "paths.py"))
    assert paths.weights_folder() == tmp_path / "clone" / "weights"
    (package / "weights").mkdir()
    assert paths.weights_folder() == package / "weights"


def test_the_registry_is_among_the_shipped_weights() -> None:
    assert (paths.weights_folder() / "registry.json").is_file()


@pytest.mark.parametrize(("folder", "variable"), FOLDERS)
def test_without_a_home_nothing_is_written_where_the_program_was_started(
    folder: Callable[[], Path], variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "~nobody-of-this-name/x")
    with pytest.raises(UserError, match=f"{variable} is '~nobody-of-this-name/x'"):
        folder()
    monkeypatch.delenv(variable)
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda _: Path("~/.cache/x"))
    monkeypatch.setattr(platformdirs, "user_data_path", lambda _: Path("~/.local/x"))
    with pytest.raises(UserError, match="set HOME or NAPARI_SCSAM_"):
        folder()


def test_a_home_that_nobody_knows_stays() -> None:
    assert paths.with_home("~nobody-of-this-name/x") == Path("~nobody-of-this-name/x")
    with pytest.raises(UserError, match="nobody-of-this-name"):
        find_checkpoint("~nobody-of-this-name/x")
