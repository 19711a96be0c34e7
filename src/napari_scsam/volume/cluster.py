"""Worker processes and dask schedulers: start them, connect to them, check their addresses."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from napari_scsam.config import UserError

if TYPE_CHECKING:
    from distributed import Client
    from distributed.deploy.spec import SpecCluster

Workers = int | str | None
"""None: here. A number: so many processes. A text: the address of a scheduler."""

EXAMPLE = "tcp://10.0.0.1:8786"
"""The address of a scheduler, as messages show it."""

MOST_WORKERS = 256
"""Most processes on one computer; more are a slip of the keyboard."""

SECONDS_TO_ANSWER = 10.0
"""How long a scheduler may take to answer."""

SECONDS_TO_START = 120.0
"""How long processes on this computer may take to start."""

ATTEMPTS = 3
"""How often processes on this computer are started, if some of them die meanwhile."""

NOT_STARTED = (RuntimeError, OSError)
"""What dask raises when a process ends before it is a worker."""

SINGLE_THREADED = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
}
"""Settings of libraries that would else start threads for each core in each process."""


NOT_PROFILED = {"distributed.worker.profile.enabled": False}
"""dask looks at what its workers do a hundred times a second, and nobody reads that."""


class WorkersError(UserError):
    """Workers that cannot do any task: none answers, or they are of another version."""


def check_workers(workers: Workers) -> None:
    """Check that there can be such workers, before work is prepared for them.

    Raises
    ------
    UserError
        When the number is below 1, or no scheduler answers at the address.
    """
    if isinstance(workers, str):
        _check_answers(workers)
    elif workers is not None and workers < 1:
        raise UserError(f"{workers} workers cannot do anything; give at least 1")
    elif workers is not None and workers > MOST_WORKERS:
        raise UserError(
            f"{workers} workers are too many for one computer; give at most {MOST_WORKERS}"
        )


@contextmanager
def keep_workers(workers: Workers) -> Iterator[Workers]:
    """Yield workers for several calls of `run_tasks`: processes of this computer start once."""
    check_workers(workers)
    if not isinstance(workers, int):
        yield workers
        return
    with _local_cluster(workers) as cluster:
        yield str(cluster.scheduler_address)


@contextmanager
def client_of(workers: int | str) -> Iterator[Client]:
    """Connect to workers; those that were started here are stopped at the end."""
    check_workers(workers)
    if isinstance(workers, str):
        with _connected(workers, SECONDS_TO_ANSWER) as client:
            yield client
        return
    with _local_cluster(workers) as cluster, _connected(cluster, SECONDS_TO_START) as client:
        yield client


@contextmanager
def _connected(where: str | SpecCluster, seconds: float) -> Iterator[Client]:
    from distributed import Client

    try:
        client = Client(where, timeout=seconds, set_as_default=False)
    except (OSError, ValueError) as error:
        raise _no_scheduler(where) from error
    try:
        yield client
    finally:
        client.close()


def _port_of(address: SplitResult) -> int | None:
    """Return the port in an address; None when it is none."""
    try:
        return address.port
    except ValueError:
        return None


def _check_answers(address: str) -> None:
    """Check that something answers at the address of a scheduler, before dask tries for long.

    Raises
    ------
    WorkersError
        When nothing does, or it is not an address.
    """
    parts = urlsplit(address)
    port = _port_of(parts)
    if not (parts.scheme and parts.hostname and port):
        raise WorkersError(
            f"{address!r} is not the address of a scheduler; give one such as {EXAMPLE}"
        )
    try:
        socket.create_connection((parts.hostname, port), SECONDS_TO_ANSWER).close()
    except OSError as error:
        raise _no_scheduler(address) from error


def _no_scheduler(where: object) -> WorkersError:
    return WorkersError(
        f"no dask scheduler answers at {where}; check the address, e.g. {EXAMPLE}, and start it"
    )


def _local_cluster(count: int) -> SpecCluster:
    """Start worker processes with one thread each, reached from this computer only.

    A process that dies while it starts costs another attempt.

    Raises
    ------
    WorkersError
        When some do not start.
    """
    for _ in range(ATTEMPTS - 1):
        with suppress(*NOT_STARTED):
            return _start_cluster(count)
    try:
        return _start_cluster(count)
    except NOT_STARTED as error:
        raise WorkersError(
            f"{count} workers did not start on this computer; give fewer, or free memory"
        ) from error


def _start_cluster(count: int) -> SpecCluster:
    from distributed import Nanny, Scheduler
    from distributed.deploy.spec import SpecCluster

    here = {"host": "127.0.0.1", "dashboard": False, "dashboard_address": "127.0.0.1:0"}
    gpus = find_gpus()
    return SpecCluster(
        workers={
            number: {
                "cls": Nanny,
                "options": {
                    **here,
                    "nthreads": 1,
                    "silence_logs": logging.CRITICAL,
                    "memory_limit": 0,  # tasks are bounded; a worker is never stopped for memory
                    "env": _environment(number, gpus),
                    "config": NOT_PROFILED,
                },
            }
            for number in range(count)
        },
        scheduler={"cls": Scheduler, "options": here},
        silence_logs=logging.CRITICAL,
    )


def _environment(number: int, gpus: tuple[str, ...]) -> dict[str, str]:
    """Return the environment of a worker: one thread, and one of the GPUs."""
    if not gpus:
        return SINGLE_THREADED
    return {**SINGLE_THREADED, "CUDA_VISIBLE_DEVICES": gpus[number % len(gpus)]}


def find_gpus() -> tuple[str, ...]:
    """Return the names of CUDA GPUs as ``CUDA_VISIBLE_DEVICES`` takes them; torch is not needed."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return tuple(name.strip() for name in chosen.split(",") if name.strip() not in ("", "-1"))
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    question = [tool, "--query-gpu=uuid", "--format=csv,noheader"]
    answer = subprocess.run(question, capture_output=True, text=True, check=False)  # noqa: S603
    if answer.returncode:
        return ()
    return tuple(answer.stdout.split())
