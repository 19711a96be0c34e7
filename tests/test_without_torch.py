"""Without torch: what needs no network works, and what needs one says so in one sentence."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import napari_scsam
from napari_scsam.errors import NoTorchError, UserError

pytestmark = pytest.mark.gui

SCRIPT = Path(__file__).parent / "helpers" / "without_torch.py"
WITHOUT_NETWORK = ("instances", "measure", "checkpoints", "info")
WITH_NETWORK = ("segment", "demo", "embed")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What came out in a process that finds no torch."""
    folder = tmp_path_factory.mktemp("torchless")
    command = [sys.executable, "-W", "ignore", str(SCRIPT), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_nothing_of_torch_is_imported(told) -> None:
    assert told["loaded"] == []


def test_every_command_has_its_help_and_those_without_a_network_work(told) -> None:
    commands = told["commands"]
    helps = {name: code for name, (code, _) in commands.items() if name.endswith("--help")}
    assert len(helps) > 15
    assert set(helps.values()) == {0}
    assert {name: commands[name] for name in WITHOUT_NETWORK if commands[name][0]} == {}


@pytest.mark.parametrize("name", WITH_NETWORK)
def test_a_command_with_a_network_names_both_ways_out(told, name) -> None:
    code, sentence = told["commands"][name]
    assert code == 2
    assert 'pip install "napari-scsam[local]"' in sentence
    assert "server" in sentence


def test_the_window_corrects_reviews_measures_and_exports(told) -> None:
    window = told["window"]
    unchanged = {name for name, changed in window["tools"].items() if not changed}
    assert unchanged == {"previous", "next", "fill_holes", "keep_largest"}, "they find nothing here"
    assert window["reviewed"] == 1
    assert window["objects"]["rows"] == 3
    assert window["objects"]["contacts"] > 0
    assert window["objects"]["surfaces"] == 1
    assert window["exported"] > 0
    assert window["saved"]


def test_the_window_says_how_a_network_runs(told) -> None:
    window = told["window"]
    assert window["state"] == "No network runs on this computer"
    assert window["device"][-1] == "Server …"
    assert 'pip install "napari-scsam[local]"' in window["segment"]
    assert "Server …" in window["segment"]


def test_the_library_says_so_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_name: str) -> None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(napari_scsam, "import_module", missing)
    with pytest.raises(NoTorchError, match="torch is missing") as caught:
        napari_scsam.Predictor  # noqa: B018  # the name alone loads it
    assert isinstance(caught.value, UserError)
    assert isinstance(caught.value, ImportError)
