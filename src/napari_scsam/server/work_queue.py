"""Who is served next: the newest click of each client, one step of each client in turn."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from napari_scsam.steps import Progress, Steps

BACKGROUND_EVERY = 8
"""One of so many steps goes to work that nobody looks at, while clicks are waiting."""


@dataclass(eq=False)
class QueuedWork:
    """A request on its way."""

    client: Hashable
    make: Callable[[], Steps[Any]]
    """Creates the generator; called on the thread of the device."""
    urgent: bool = True
    """Whether someone looks at it."""
    on_step: Callable[[Progress], object] = lambda _: None
    on_end: Callable[[Any, BaseException | None], object] = lambda _result, _error: None
    """Called once, with the result or an error, unless it was cancelled."""
    cancelled: bool = False
    steps: Steps[Any] | None = None
    tried_again: bool = False


@dataclass(eq=False)
class _Lane:
    """The work of one client, of one urgency."""

    current: QueuedWork | None = None
    waiting: list[QueuedWork] = field(default_factory=list)

    def next(self) -> QueuedWork | None:
        """Return what runs, else the newest that waits."""
        if self.current is not None and self.current.cancelled:
            return self.current
        self.waiting = [work for work in self.waiting if not work.cancelled]
        if self.current is None and self.waiting:
            self.current = self.waiting.pop()
        return self.current


class Turns:
    """Chooses the work whose next step is done; not thread safe.

    Clients take turns, step by step. Of one client, the newest work is begun first, and finished
    before the next one begins.
    """

    def __init__(self) -> None:
        self._urgent: OrderedDict[Hashable, _Lane] = OrderedDict()
        self._background: OrderedDict[Hashable, _Lane] = OrderedDict()
        self._since_background = 0

    def add(self, work: QueuedWork) -> None:
        """Queue work."""
        lanes = self._urgent if work.urgent else self._background
        lanes.setdefault(work.client, _Lane()).waiting.append(work)

    def next(self) -> QueuedWork | None:
        """Return the work whose turn it is; None without any."""
        first = (self._urgent, self._background)
        if self._since_background >= BACKGROUND_EVERY:
            first = (self._background, self._urgent)
        for lanes in first:
            work = _next_of(lanes)
            if work is not None:
                self._since_background += 1
                if not work.urgent:
                    self._since_background = 0
                return work
        return None

    def finish(self, work: QueuedWork) -> None:
        """Take work out that has ended."""
        lanes = self._urgent if work.urgent else self._background
        lane = lanes.get(work.client)
        if lane is not None and lane.current is work:
            lane.current = None

    def __len__(self) -> int:
        lanes = (*self._urgent.values(), *self._background.values())
        return sum(len(lane.waiting) + (lane.current is not None) for lane in lanes)


def _next_of(lanes: OrderedDict[Hashable, _Lane]) -> QueuedWork | None:
    """Return the work of the client whose turn it is, and put that client last."""
    for client in list(lanes):
        work = lanes[client].next()
        if work is not None:
            lanes.move_to_end(client)
            return work
        del lanes[client]
    return None


class DeviceQueue:
    """One thread for one device, which does the work of all clients step by step.

    Parameters
    ----------
    recover
        Called with an error; whether the work may be tried once more, as memory was freed.
    """

    def __init__(self, recover: Callable[[QueuedWork, BaseException], bool]) -> None:
        self._recover = recover
        self._turns = Turns()
        self._changed = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="scsam-device", daemon=True)
        self._thread.start()

    def submit(self, work: QueuedWork) -> None:
        """Queue work; may be called from any thread."""
        with self._changed:
            self._turns.add(work)
            self._changed.notify()

    def cancel(self, work: QueuedWork) -> None:
        """Cancel work, between two of its steps."""
        with self._changed:
            work.cancelled = True
            self._changed.notify()

    def stop(self) -> None:
        """End the thread after its present step."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join(30)

    def _run(self) -> None:
        while True:
            with self._changed:
                work = self._turns.next()
                while work is None and not self._stopped:
                    self._changed.wait()
                    work = self._turns.next()
                if self._stopped:
                    return
            if work is not None and self._advance(work):
                with self._changed:
                    self._turns.finish(work)
            work = None

    def _advance(self, work: QueuedWork) -> bool:
        """Do one step; return whether the work has ended."""
        if work.cancelled:
            if work.steps is not None:
                work.steps.close()
            return True
        try:
            if work.steps is None:
                work.steps = work.make()
            step = next(work.steps)
        except StopIteration as end:
            work.on_end(end.value, None)
            return True
        except BaseException as error:  # noqa: BLE001  # the client hears of it
            return self._failed(work, error)
        work.on_step(step)
        return False

    def _failed(self, work: QueuedWork, error: BaseException) -> bool:
        if not work.tried_again and self._recover(work, error):
            work.tried_again = True
            work.steps = None
            return False
        work.on_end(None, error)
        return True
