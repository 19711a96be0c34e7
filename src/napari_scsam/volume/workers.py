"""Doing tasks here, on worker processes of this computer, or on a dask scheduler's machines.

The workers are those of dask.distributed (Rocklin 2015, "Dask: Parallel Computation with Blocked
algorithms and Task Scheduling"). A few tasks for each worker are submitted at a time. So the
scheduler's work does not grow with the number of tasks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from napari_scsam.config import UserError
from napari_scsam.version import __version__
from napari_scsam.volume.cluster import (
    Workers,
    WorkersError,
    check_workers,
    client_of,
    keep_workers,
)

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")
R = TypeVar("R")

__all__ = ["TaskError", "Workers", "WorkersError", "check_workers", "keep_workers", "run_tasks"]

TASKS_A_WORKER = 2
"""Tasks that are submitted for each thread of a worker: the next one waits there already."""

_UNFINISHED = ("lost", "pending")
"""A task that had ended: its worker died before its result was fetched, and dask repeats it."""

SECONDS_BETWEEN = 1.0
"""How often the scheduler is asked how many workers there are."""


@dataclass(frozen=True)
class TaskError(Generic[T]):
    """What `run_tasks` yields in place of the result of a task that failed."""

    task: T
    reason: str
    """What was wrong, as a phrase."""

    def __str__(self) -> str:
        return f"{self.task} failed ({self.reason})"


def run_tasks(
    function: Callable[[T], R], tasks: Iterable[T], workers: Workers = None
) -> Generator[tuple[T, R | TaskError[T]], None, None]:
    """Call a function with each of the tasks, and yield each with its result as it ends.

    Closing the generator cancels what is not done.

    Parameters
    ----------
    function
        Takes a task. Like the tasks it must be picklable: a function of a module, or a partial
        of one. Tasks are small values, such as paths and positions, and not arrays.
    tasks
        Read as they are needed.
    workers
        None does them in order in this process. A number starts so many processes, each with one
        thread and, where there are any, a GPU of its own. A text is the address of a dask
        scheduler, e.g. ``tcp://10.0.0.1:8786``.

    Yields
    ------
    task, result
        A `TaskError` in place of a result says what was wrong. A task whose worker died is
        repeated on another one.

    Raises
    ------
    WorkersError
        When the scheduler does not answer, or its workers have another version of napari-scsam.
    """
    if workers is None:
        yield from _run_here(function, tasks)
        return
    with client_of(workers) as client:
        yield from _run_on(client, function, tasks)


def _run_here(
    function: Callable[[T], R], tasks: Iterable[T]
) -> Generator[tuple[T, R | TaskError[T]], None, None]:
    for task in tasks:
        try:
            result: R | TaskError[T] = function(task)
        except Exception as error:  # noqa: BLE001  # it costs its task, as it does on a worker
            result = TaskError(task, _reason(error))
        yield task, result


def _run_on(
    client: Client, function: Callable[[T], R], tasks: Iterable[T]
) -> Generator[tuple[T, R | TaskError[T]], None, None]:
    """Do tasks on workers; those whose workers died each time are tried once more, alone.

    Alone, because a task that ends its worker also costs those that wait there.
    """
    from distributed.scheduler import KilledWorker

    suspects: list[T] = []
    for task, result in _submitted(client, function, tasks, alone=False):
        if isinstance(result, KilledWorker):
            suspects.append(task)
        else:
            yield task, _as_result(task, result)
    for task, result in _submitted(client, function, suspects, alone=True):
        yield task, _as_result(task, result)


def _submitted(
    client: Client, function: Callable[[T], R], tasks: Iterable[T], *, alone: bool
) -> Iterator[tuple[T, R | BaseException]]:
    """Submit tasks, a few for each worker or one at a time, and yield results or errors."""
    from distributed import as_completed

    waiting = iter(tasks)
    running: dict[Any, T] = {}
    finished = as_completed(loop=client.loop)
    window = _Window(client)

    def submit() -> None:
        room = 1 if alone else window.size()
        for task in islice(waiting, max(0, room - len(running))):
            future = client.submit(_call, __version__, function, task, pure=False)
            running[future] = task
            finished.add(future)

    submit()
    try:
        for future in finished:
            if future.status in _UNFINISHED:
                finished.add(future)
                continue
            task = running.pop(future)
            outcome = _outcome(future)
            submit()
            yield task, outcome
    finally:
        client.cancel(list(running), force=True)


class _Window:
    """How many tasks are submitted at a time; workers may come and go."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._asked = -SECONDS_BETWEEN
        self._size = 1

    def size(self) -> int:
        """Return the number; the scheduler is asked now and then."""
        now = time.monotonic()
        if now - self._asked > SECONDS_BETWEEN:
            threads: int = sum(self._client.nthreads().values())
            self._size = TASKS_A_WORKER * max(1, threads)
            self._asked = now
        return self._size


def _call(version: str, function: Callable[[T], R], task: T) -> R:
    """Do a task on a worker."""
    if version != __version__:
        raise WorkersError(
            f"a worker has napari-scsam {__version__}, not {version}; install {version} there"
        )
    return function(task)


def _outcome(future: Any) -> Any:
    """Return the result of a task that has ended, or its error.

    Raises
    ------
    WorkersError
        When no other task can be done either.
    """
    if future.status == "finished":
        return future.result()
    if future.status != "error":
        raise WorkersError("the dask scheduler has gone; start it again, then continue with it")
    error = future.exception()
    if isinstance(error, WorkersError):
        raise error
    missing = _missing_module(error)
    if missing:
        raise WorkersError(
            f"a worker or the scheduler has no module {missing!r}; "
            f"install napari-scsam {__version__} there"
        )
    return error


def _missing_module(error: BaseException | None) -> str:
    """Return the name of the module that was missing where a task was received; else nothing."""
    while error is not None:
        if isinstance(error, ModuleNotFoundError):
            return error.name or str(error)
        error = error.__cause__
    return ""


def _as_result(task: T, outcome: R | BaseException) -> R | TaskError[T]:
    if isinstance(outcome, BaseException):
        return TaskError(task, _reason(outcome))
    return outcome


def _reason(error: BaseException) -> str:
    """Return what was wrong, on one line."""
    from distributed.scheduler import KilledWorker

    if isinstance(error, KilledWorker):
        return "its worker process died each time; it may need more memory"
    text = " ".join(str(error).split())
    if isinstance(error, UserError):
        return text
    return f"{type(error).__name__}: {text}".removesuffix(": ")
