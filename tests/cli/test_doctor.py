"""``scsam doctor``: exit codes, and one run on this very machine."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from napari_scsam import cli
from napari_scsam.doctor import report
from napari_scsam.doctor.finding import Finding
from napari_scsam.doctor.report import DoctorReport


@pytest.mark.parametrize(("complaints", "code"), [((), 0), (("x is wrong; do y",), 1)])
def test_the_exit_code_says_whether_something_is_wrong(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    complaints: tuple[str, ...],
    code: int,
) -> None:
    monkeypatch.setattr(
        report, "examine", lambda: DoctorReport((Finding("a", "b", {}, complaints),))
    )
    assert cli.main(["doctor"]) == code
    told = capsys.readouterr()
    assert told.out.startswith("a  b\n")
    assert told.err == ""
    assert cli.main(["doctor", "--json"]) == code
    assert json.loads(capsys.readouterr().out)["complaints"] == list(complaints)


def test_this_machine_is_examined_without_importing_torch_or_qt() -> None:
    script = (
        "import sys\nfrom napari_scsam import cli\ncode = cli.main(['doctor', '--json'])\n"
        "assert not {'torch', 'napari', 'PySide6'} & sys.modules.keys()\nsys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    found = json.loads(done.stdout)
    assert (done.returncode, found["complaints"]) == (0, [])
    assert found["findings"]["device"]["facts"]["device"] in ("cpu", "cuda", "mps")
    assert "loads" in found["findings"]["checkpoint"]["text"]
