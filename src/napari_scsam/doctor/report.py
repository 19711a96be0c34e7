"""The whole report, as text to paste and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from napari_scsam.doctor import network, window
from napari_scsam.doctor.finding import Finding, without_home
from napari_scsam.doctor.folders import examine_folders
from napari_scsam.doctor.machine import examine_machine
from napari_scsam.doctor.packages import examine_packages
from napari_scsam.doctor.probes import ProbeAnswer, ask
from napari_scsam.errors import torch_is_installed


@dataclass(frozen=True)
class DoctorReport:
    """Everything that was examined."""

    findings: tuple[Finding, ...]

    @property
    def complaints(self) -> tuple[str, ...]:
        """What is wrong, and what to do about it."""
        return tuple(each for finding in self.findings for each in finding.complaints)

    def to_text(self) -> str:
        """Return the report in lines that one can paste; the home folder is ``~``."""
        width = max(len(finding.topic) for finding in self.findings)
        lines = [f"{finding.topic:{width}}  {finding.text}" for finding in self.findings]
        lines += ["", *self._verdict()]
        return without_home("\n".join(lines))

    def _verdict(self) -> list[str]:
        if not self.complaints:
            return ["No complaint."]
        return [f"- {complaint}" for complaint in self.complaints]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, in which the home folder is ``~``, too."""
        findings = {finding.topic: finding.to_dict() for finding in self.findings}
        text = json.dumps({"complaints": list(self.complaints), "findings": findings})
        values: dict[str, Any] = json.loads(without_home(text))
        return values


def examine(asks: Callable[[str], ProbeAnswer] = ask) -> DoctorReport:
    """Examine everything; torch and Qt are loaded in processes of their own, side by side.

    Parameters
    ----------
    asks
        Runs a probe by the name of its module.
    """
    no_window = window.unavailable()
    with ThreadPoolExecutor(2) as pool:
        torch = None
        if torch_is_installed():
            torch = pool.submit(asks, network.PROBE)
        opened = None
        if no_window is None:
            opened = pool.submit(asks, window.PROBE)
        near = (examine_packages(), examine_machine())
        folders = examine_folders()
        shown = no_window
        if opened is not None:
            shown = window.judge_window(opened.result())
        judged = network.findings_without_torch()
        if torch is not None:
            judged = network.judge_network(torch.result())
    seen = () if shown is None else (shown,)
    return DoctorReport((*near, *judged, *seen, *folders))
