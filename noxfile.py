"""The tests in fresh environments: every Python, both Qt bindings, the lowest and the newest dependencies.

    uvx nox --list                          # or: pip install nox uv; nox --list
    nox --session "tests-3.12(pyside6)"     # one of them
    nox --session "tests-3.12(pyside6)" -- tests/io -x
    nox -- part                             # all, but only a part of the tests

Windows open on a virtual screen if there is none.
"""

from __future__ import annotations

import os
import shutil
import sys

import nox

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
TESTED = "requirements/tested.txt"
QT = {"pyside6": "PySide6", "pyqt6": "PyQt6"}

QUICK = ("tests/io", "tests/cli", "tests/doctor", "tests/infer", "tests/volume", "tests/gui")
"""What depends on other packages most, for the sessions with unusual versions."""

PART = (
    *("tests/io/test_formats_table.py", "tests/io/label_files", "tests/doctor"),
    *("tests/test_public_names.py", "tests/test_errors.py", "tests/cli/test_segment.py"),
    *("tests/infer/test_predictor.py", "tests/volume/test_workers.py", "tests/objects"),
    *("tests/gui/test_start.py", "tests/gui/test_widget.py", "tests/gui/test_napari_internals.py"),
    *("tests/gui/panels/objects", "tests/gui/tools/test_accept.py", "tests/gui/tools/test_undo.py"),
)
"""A few tests of what other packages can break, for a try of all environments: `nox -- part`."""

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["tests"]


@nox.session(python=PYTHONS)
@nox.parametrize("qt", list(QT), ids=list(QT))
def tests(session: nox.Session, qt: str) -> None:
    """Run the tests with the versions that are known to work."""
    session.install("-c", TESTED, "-e", ".[test]")
    choose_qt(session, qt)
    run_tests(session, qt)


@nox.session(python="3.11", venv_backend="uv")
def lowest(session: nox.Session) -> None:
    """Run tests with the lowest versions that pyproject.toml allows."""
    session.install("--resolution", "lowest-direct", "-e", ".[test]")
    run_tests(session, "pyside6", *QUICK)


@nox.session(python="3.13")
def newest(session: nox.Session) -> None:
    """Run tests with the newest versions there are, candidates for release included."""
    session.install("--pre", "-e", ".[test]")
    run_tests(session, "pyside6", *QUICK)


@nox.session(python="3.12")
def elsewhere(session: nox.Session) -> None:
    """Open what we write in ome-zarr-py, bioio and napari-ome-zarr, beside ome-zarr-models."""
    session.install("-e", ".[elsewhere]")
    run_tests(session, "pyside6", "tests/io/test_opened_elsewhere.py")


@nox.session
def install(session: nox.Session) -> None:
    """Build wheel and sdist, and try both as a new user would."""
    session.run("packaging/try_install.sh", external=True, env={"PYTHON": sys.executable})


def choose_qt(session: nox.Session, qt: str) -> None:
    """Keep one Qt binding in the environment."""
    if qt != "pyside6":
        uninstall = (
            ("uv", "pip", "uninstall")
            if session.venv_backend == "uv"
            else ("pip", "uninstall", "-y")
        )
        session.run(*uninstall, "PySide6", "PySide6-Essentials", "PySide6-Addons", "shiboken6")
        session.install(QT[qt])


def run_tests(session: nox.Session, qt: str, *folders: str) -> None:
    """Run pytest on a screen."""
    command = ["python", "-m", "pytest", "-n", "auto", "--dist", "loadgroup"]
    screen: list[str] = []
    env = {"QT_API": qt, "OMP_NUM_THREADS": "1"}
    if sys.platform == "linux" and "DISPLAY" not in os.environ and shutil.which("xvfb-run"):
        screen = ["xvfb-run", "-a", "-s", "-screen 0 1600x1000x24"]
        env |= {"QT_QPA_PLATFORM": "xcb", "LIBGL_ALWAYS_SOFTWARE": "1"}
    chosen = session.posargs or folders
    if session.posargs[:1] == ["part"]:
        chosen = (*PART, *session.posargs[1:])
    session.run(*screen, *command, *chosen, env=env, external=bool(screen))
