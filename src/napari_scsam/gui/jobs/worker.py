"""One inference thread per viewer; results reach the main thread by signal.

A plain pool of one Python thread and one Qt signal, not a QThread. The pool ends its thread at
shutdown, at interpreter exit and when it is forgotten. Qt would abort the process when a QThread is
destroyed at work. The signal is queued, so whoever receives runs on the thread that made the
`Worker`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from inspect import GEN_CREATED, GEN_SUSPENDED, getgeneratorstate
from typing import Any, Literal

from qtpy.QtCore import QCoreApplication, QObject, Qt, Signal

from napari_scsam.gui.workarounds.timer import Timer
from napari_scsam.steps import Pause, Steps

PAUSE_MS = 5
"""Between two steps of small work on the main thread, so that the window takes input and draws."""


@dataclass(frozen=True)
class Report:
    """What became of a request."""

    kind: Hashable
    state: Literal["progress", "returned", "failed", "cancelled"]
    value: Any = None
    """The `Progress`, the result, or the exception."""


@dataclass(eq=False)
class _Request:
    kind: Hashable
    make: Callable[[], Steps[Any]]
    idle: bool
    urgent: bool
    cancelled: bool = False
    started: bool = False
    future: Future[Any] = field(default_factory=Future)

    def cancel(self) -> None:
        self.cancelled = True
        self.future.cancel()


class Worker(QObject):
    """Runs requests one after the other on its own thread.

    Parameters
    ----------
    receive
        Called with every `Report`, on the main thread; it must not be slow.
    """

    _posted = Signal(object, object)
    _turned = Signal()

    def __init__(self, receive: Callable[[Report], None]) -> None:
        super().__init__()
        self._receive = receive
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="scsam")
        self._open: list[_Request] = []
        self._small: deque[Generator[None, None, None]] = deque()
        self._atomic: set[Generator[None, None, None]] = set()
        self._stopped = False
        # `stop` runs at exit, too, when Qt may have deleted its timers.
        self._timer = Timer(self._advance, once=False)
        self._posted.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._turned.connect(self._advance, Qt.ConnectionType.QueuedConnection)
        if (app := QCoreApplication.instance()) is not None:
            app.aboutToQuit.connect(self.stop)

    def submit(
        self,
        kind: Hashable,
        make: Callable[[], Steps[Any]],
        *,
        idle: bool = False,
        urgent: bool = False,
    ) -> None:
        """Queue work; of one kind only the newest counts.

        Parameters
        ----------
        kind
            An older request of the same kind is dropped from the queue, or cancelled when it runs.
        make
            Makes the generator; called on the worker thread.
        idle
            No one waits for it: it is cancelled as soon as other work is submitted, and does not
            count as `busy`.
        urgent
            The user looks at it: it runs at the next `Pause` of the work that runs.
        """
        for other in self._open:
            if other.kind == kind or (other.idle and not idle):
                other.cancel()
        if self._stopped:
            return
        request = _Request(kind, make, idle, urgent)
        self._open.append(request)
        request.future.add_done_callback(partial(self._settle, request))
        self._pool.submit(self._run, request)

    def cancel(self, kind: Hashable | None = None) -> None:
        """Cancel the work of a kind, or all of it, between two of its steps."""
        for request in self._open:
            if kind in (None, request.kind):
                request.cancel()

    def busy(self, kind: Hashable | None = None) -> bool:
        """Whether work of a kind is queued or running and not cancelled.

        Without a kind: any work but idle work.
        """
        requested = (
            not request.idle if kind is None else request.kind == kind
            for request in self._open
            if not request.cancelled
        )
        return any(requested)

    def requests(self) -> list[tuple[Hashable, bool]]:
        """Return the kinds of work that run or wait, and whether they have begun.

        Idle and cancelled work is left out.
        """
        return [
            (request.kind, request.started)
            for request in self._open
            if not (request.idle or request.cancelled)
        ]

    def run_in_event_loop(
        self, steps: Generator[None, None, None], *, atomic: bool = False
    ) -> None:
        """Run small work on the main thread, one step per turn of the event loop.

        Parameters
        ----------
        steps
            The work.
        atomic
            Half of it is worse than none: once begun it is finished, even if this worker stops.
        """
        self._small.append(steps)
        if atomic:
            self._atomic.add(steps)
        if not self._timer.is_active():
            self._timer.start(PAUSE_MS)
            # The first step runs as soon as this turn is over, and before anything is drawn.
            self._turned.emit()

    def drop_edits(self) -> None:
        """Drop atomic work that has not begun."""
        for steps in list(self._small):
            if steps in self._atomic and getgeneratorstate(steps) == GEN_CREATED:
                self._small.remove(steps)
                self._atomic.discard(steps)
        if not self._small:
            self._timer.stop()

    def stop(self) -> None:
        """Cancel everything and end the thread after its current step.

        Nothing is reported any more, and no edit is left half done.
        """
        self._stopped = True
        self.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._timer.stop()
        while self._small:
            steps = self._small.popleft()
            if steps in self._atomic and getgeneratorstate(steps) == GEN_SUSPENDED:
                deque(steps, maxlen=0)
            steps.close()
        self._atomic.clear()

    def _run(self, request: _Request) -> None:
        """On the worker thread: run a request, unless it ran in a pause of another."""
        if request.started or not request.future.set_running_or_notify_cancel():
            return
        request.started = True
        try:
            result = self._drive(request)
        except BaseException as error:  # noqa: BLE001  # the main thread reports it
            request.future.set_exception(error)
        else:
            request.future.set_result(result)

    def _drive(self, request: _Request) -> Any:
        """On the worker thread: run the steps until done or cancelled."""
        steps = request.make()
        try:
            while not request.cancelled:
                step = next(steps)
                self._post(request, Report(request.kind, "progress", step))
                if isinstance(step, Pause):
                    self._run_urgent()
        except StopIteration as done:
            return done.value
        finally:
            steps.close()
        return None

    def _run_urgent(self) -> None:
        """On the worker thread: run what the user looks at before longer work goes on."""
        for other in tuple(self._open):
            if other.urgent and not other.cancelled:
                self._run(other)

    def _settle(self, request: _Request, future: Future[Any]) -> None:
        if request.cancelled:
            report = Report(request.kind, "cancelled")
            if not future.cancelled() and future.exception() is None:
                close_result(future.result())
        elif future.exception() is not None:
            report = Report(request.kind, "failed", future.exception())
        else:
            report = Report(request.kind, "returned", future.result())
        self._post(request, report)

    def _post(self, request: _Request, report: Report) -> None:
        if not self._stopped:
            self._posted.emit(request, report)
        elif report.state == "returned":
            close_result(report.value)

    def _deliver(self, request: _Request, report: Report) -> None:
        """On the main thread: pass on what was not cancelled."""
        if report.state != "progress":
            self._open.remove(request)
        if report.state == "returned" and (self._stopped or request.cancelled):
            close_result(report.value)
        if self._stopped or (request.cancelled and report.state == "progress"):
            return
        if request.cancelled:
            report = Report(request.kind, "cancelled")
        self._receive(report)

    def _advance(self) -> None:
        try:
            if self._small:
                next(self._small[0])
        except StopIteration:
            self._atomic.discard(self._small.popleft())
        if not self._small:
            self._timer.stop()


def close_result(result: Any) -> None:
    """Close a result that is not needed any more, if it holds something open.

    A project, for instance, holds its lock.
    """
    close = getattr(result, "close", None)
    if close is not None:
        close()
