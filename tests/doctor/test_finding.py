from __future__ import annotations

from pathlib import Path

import pytest

from napari_scsam.doctor.finding import size_text, without_home


def test_the_home_folder_is_shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("/home/ada"))
    assert without_home("/home/ada/x.tif and /home/ada") == "~/x.tif and ~"
    assert without_home("/home/adam") == "/home/adam"


def test_a_home_that_is_the_root_of_the_disk_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("/"))
    assert without_home("/data/x.tif") == "/data/x.tif"


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (2e6, "2 MB"), (4.4e10, "44.0 GB")],
)
def test_sizes_have_the_unit_that_suits(number: float, text: str) -> None:
    assert size_text(number) == text
