"""A stand-in for the worker thread that works on the spot, so that verbs can be tested without Qt."""

from __future__ import annotations

from napari_scsam.gui.jobs.worker import Report


class AtOnce:
    """Does what a `Worker` is asked for, at once; `held` keeps the work of a kind back until `release`."""

    def __init__(self, receive) -> None:
        self.receive, self.kinds, self.held, self._kept = receive, [], set(), []
        self.stopped = False

    def submit(self, kind, make, *, idle=False, urgent=False) -> None:  # noqa: ARG002  # all run at once
        self.kinds.append(kind)
        if kind in self.held:
            self._kept = [(k, m) for k, m in self._kept if k != kind]  # the newest counts
            self._kept.append((kind, make))
            return
        steps = make()
        try:
            while True:
                self.receive(Report(kind, "progress", next(steps)))
        except StopIteration as done:
            self.receive(Report(kind, "returned", done.value))
        except ValueError as error:
            self.receive(Report(kind, "failed", error))

    def release(self) -> None:
        self.held.clear()
        kept, self._kept = self._kept, []
        for kind, make in kept:
            self.submit(kind, make)

    def cancel(self, kind=None) -> None:
        self.kinds.append(f"cancel {kind}")
        gone = [k for k, _ in self._kept if kind in (None, k)]
        self._kept = [(k, make) for k, make in self._kept if k not in gone]
        for each in gone:
            self.receive(Report(each, "cancelled"))

    def busy(self, kind=None) -> bool:
        return any(kind in (None, kept) for kept, _ in self._kept)

    def requests(self) -> list:
        return [(kind, False) for kind, _ in self._kept]

    def run_in_event_loop(self, steps, *, atomic=False) -> None:  # noqa: ARG002  # all of it is done
        for _ in steps:
            pass

    def drop_edits(self) -> None:
        pass

    def stop(self) -> None:
        self._kept.clear()
        self.stopped = True
