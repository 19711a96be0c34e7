"""Fixtures that every test may use."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def emdata() -> Path:
    """Folder of the real electron-microscopy data, beside the project; the test is skipped without it."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the real electron-microscopy data are not in {folder}")
    return folder
