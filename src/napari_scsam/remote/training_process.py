"""Fine-tuning on a server, as a process: ``python -m napari_scsam.remote.training_process …``.

Its arguments are the folder of a job, the address of the server, and the name of the checkpoint
there. It reads and writes what `napari_scsam.train.finetune_process` does, so a window treats both
alike; the token is taken from the environment. The checkpoint is downloaded into the folder.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from statistics import mean
from typing import Any

import numpy as np

from napari_scsam.atomic import replacing
from napari_scsam.config import UserError
from napari_scsam.json_files import replace_json
from napari_scsam.project.training_job import (
    BEST,
    BEST_REPORT,
    JOB_PATIENCE,
    PICTURE,
    REPORT,
    TUNED,
    holding,
    read_best,
)
from napari_scsam.remote.address import find_token
from napari_scsam.remote.checkpoints import fetch_steps
from napari_scsam.remote.connection import Connection
from napari_scsam.remote.session import RemoteSession
from napari_scsam.remote.training import Said, train_steps
from napari_scsam.steps import drive

COMMANDS = ("pause", "resume", "stop")

OPEN_PATIENCE = 20.0
"""Seconds for the first answer of a server, which the window has just talked to."""


def main(arguments: list[str] | None = None) -> int:
    """Run the job in a folder; returns the exit status, 0 unless something went wrong."""
    folder, address, checkpoint = arguments or sys.argv[1:]
    commands: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_listen, args=(commands,), daemon=True).start()
    try:
        with holding(Path(folder), JOB_PATIENCE):
            for message in messages(Path(folder), address, checkpoint, commands):
                print(json.dumps(message), flush=True)  # noqa: T201  # the window reads it
    except BrokenPipeError:
        return 1
    except UserError as error:
        print(json.dumps({"kind": "failed", "why": str(error)}), flush=True)  # noqa: T201
        return 1
    return 0


def _listen(commands: SimpleQueue[str]) -> None:
    """On a thread of its own: take commands; a closed input is a window that is gone."""
    for line in sys.stdin:
        if line.strip() in COMMANDS:
            commands.put(line.strip())
    commands.put("stop")


def messages(folder: Path, address: str, checkpoint: str, commands: SimpleQueue[str]) -> Said:
    """Train on the server; yield its messages when what they tell of is in the folder."""
    line = Connection(address, find_token(address))
    line.open(OPEN_PATIENCE)
    try:
        session = RemoteSession(line)
        drive(session.load_steps(checkpoint, ()))
        for message in train_steps(session, folder, lambda: _next(commands)):
            name = message.pop("checkpoint", "")
            _keep(folder, session, message, name)
            yield message
    finally:
        line.close()


def _next(commands: SimpleQueue[str]) -> str | None:
    with suppress(Empty):
        return commands.get_nowait()
    return None


def _keep(folder: Path, session: RemoteSession, message: dict[str, Any], name: str) -> None:
    """Write into the folder what a message tells of: a picture, a checkpoint, a report."""
    picture = message.pop("picture", None)
    if picture is not None:
        with replacing(folder / PICTURE) as draft, draft.open("wb") as file:
            np.save(file, picture, allow_pickle=False)
    if message["kind"] == "best" and name and _is_better(folder, message["report"]):
        drive(fetch_steps(session, name, folder / BEST))
        replace_json(folder / BEST_REPORT, message["report"])
    if message["kind"] == "done":
        if name and message["report"].get("offered"):
            drive(fetch_steps(session, name, folder / TUNED))
        replace_json(folder / REPORT, message["report"])


def _is_better(folder: Path, report: Mapping[str, Any]) -> bool:
    """Whether a network is better than the one that an earlier run left in the folder."""
    earlier = read_best(folder)
    return earlier is None or mean(report["after"].values()) > mean(earlier["after"].values())


if __name__ == "__main__":
    sys.exit(main())
