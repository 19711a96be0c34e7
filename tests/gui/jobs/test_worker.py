from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest
from qtpy.QtCore import QCoreApplication, QEvent
from qtpy.QtWidgets import QWidget

from napari_scsam.config import UserError
from napari_scsam.gui.jobs.worker import Report, Worker
from napari_scsam.steps import Pause, Progress

pytestmark = pytest.mark.gui


class Work:
    """Steps that wait for a gate, and remember what became of them."""

    def __init__(self, steps: int = 3, result: object = "done") -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.steps, self.result = steps, result
        self.started = self.closed = False
        self.thread: threading.Thread | None = None

    def __call__(self):
        self.started, self.thread = True, threading.current_thread()
        try:
            for step in range(self.steps):
                yield Progress(step, self.steps)
                self.gate.wait(10)
        except GeneratorExit:
            self.closed = True
            raise
        return self.result


@pytest.fixture
def desk(qtbot):
    """A worker and the reports it made."""
    reports: list[tuple[Report, threading.Thread]] = []
    worker = Worker(lambda report: reports.append((report, threading.current_thread())))
    yield worker, reports
    worker.stop()


def states(reports, kind="work"):
    return [
        report.state for report, _ in reports if report.kind == kind and report.state != "progress"
    ]


def test_work_runs_on_its_thread_and_reports_on_the_main_one(desk, wait):
    worker, reports = desk
    work = Work()
    worker.submit("work", work)
    assert worker.busy("work")
    wait(lambda: states(reports))
    assert [report.state for report, _ in reports] == ["progress"] * 3 + ["returned"]
    assert reports[-1][0].value == "done"
    assert work.thread is not threading.main_thread()
    assert {thread for _, thread in reports} == {threading.main_thread()}
    assert not worker.busy()


def test_newest_of_a_kind_wins(desk, wait):
    worker, reports = desk
    running, waiting, newest = Work(50, "first"), Work(1, "second"), Work(1, "third")
    running.gate.clear()
    worker.submit("work", running)
    wait(lambda: running.started)
    worker.submit("work", waiting)
    worker.submit("work", newest)
    running.gate.set()
    wait(lambda: len(states(reports)) == 3)
    assert running.closed
    assert not waiting.started
    assert [report.value for report, _ in reports if report.state == "returned"] == ["third"]


def test_kinds_do_not_disturb_each_other(desk, wait):
    worker, reports = desk
    worker.submit("load", Work(2, "model"))
    worker.submit("segment", Work(2, "labels"))
    wait(lambda: states(reports, "load") and states(reports, "segment"))
    assert [report.value for report, _ in reports if report.state == "returned"] == [
        "model",
        "labels",
    ]


def test_cancel_closes_the_work_between_two_steps(desk, wait):
    worker, reports = desk
    work = Work(10_000)
    worker.submit("work", work)
    wait(lambda: work.started)
    worker.cancel()
    assert not worker.busy()
    wait(lambda: states(reports))
    assert states(reports) == ["cancelled"]
    assert work.closed


def test_a_result_that_comes_after_cancel_is_not_delivered(desk, wait):
    worker, reports = desk
    work = Work(1)
    work.gate.clear()
    worker.submit("work", work)
    wait(lambda: work.started)
    worker.cancel("work")
    work.gate.set()
    wait(lambda: states(reports))
    assert states(reports) == ["cancelled"]


def test_errors_are_reported_and_the_thread_lives_on(desk, wait):
    worker, reports = desk

    def fails():
        yield Progress(0, 1)
        raise UserError("no such file; choose another")

    worker.submit("work", fails)
    wait(lambda: states(reports))
    assert str(reports[-1][0].value) == "no such file; choose another"
    worker.submit("work", Work())
    wait(lambda: len(states(reports)) == 2)
    assert states(reports) == ["failed", "returned"]


def test_stop_in_the_middle_leaves_no_thread_and_no_reports(desk, qtbot, wait):
    worker, reports = desk
    work, waiting = Work(10_000), Work()
    worker.submit("work", work)
    worker.submit("other", waiting)
    wait(lambda: work.started)
    worker.stop()
    reports.clear()
    wait(lambda: not work.thread.is_alive())
    qtbot.wait(20)
    assert work.closed
    assert not waiting.started
    assert reports == []
    worker.submit("work", Work())
    assert not worker.busy()


def test_stop_does_not_wait_for_the_step(desk, wait):
    worker, _ = desk
    work = Work()
    work.gate.clear()
    worker.submit("work", work)
    wait(lambda: work.started)
    start = time.perf_counter()
    worker.stop()
    stopped_after = time.perf_counter() - start
    work.gate.set()
    assert stopped_after < 5
    wait(lambda: not work.thread.is_alive())


@pytest.mark.parametrize("when", ["running", "waiting"])
def test_idle_work_gives_way_at_once(desk, wait, when):
    worker, reports = desk
    first, idle, real = Work(10_000), Work(10_000), Work(1, "labels")
    if when == "waiting":
        worker.submit("first", first)
        wait(lambda: first.started)
    worker.submit("idle", idle, idle=True)
    assert worker.busy() == (when == "waiting")
    assert worker.busy("idle")
    if when == "running":
        wait(lambda: idle.started)
    worker.submit("work", real)
    assert not worker.busy("idle")
    worker.cancel("first")
    wait(lambda: states(reports))
    assert states(reports, "idle") == ["cancelled"]
    assert idle.closed == (when == "running")
    assert [report.value for report, _ in reports if report.state == "returned"] == ["labels"]


def test_small_work_goes_one_step_a_turn_in_order(desk, wait):
    worker, _ = desk
    log = []

    def steps(name):
        for i in range(3):
            log.append((name, i))
            yield

    worker.run_in_event_loop(steps("a"))
    worker.run_in_event_loop(steps("b"))
    assert log == []
    wait(lambda: len(log) == 6)
    assert log == [("a", 0), ("a", 1), ("a", 2), ("b", 0), ("b", 1), ("b", 2)]


@pytest.mark.parametrize("ends", ["cancel", "stop"])
@pytest.mark.parametrize("when", ["at its last step", "done and not told of"])
def test_a_result_that_nobody_wants_any_more_is_closed(desk, wait, ends, when):
    worker, reports = desk
    begun, gate, closed = threading.Event(), threading.Event(), threading.Event()

    def steps():
        begun.set()
        gate.wait(10)
        yield from ()
        return SimpleNamespace(close=closed.set)

    worker.submit("work", steps)
    wait(begun.is_set)
    if when == "at its last step":
        getattr(worker, ends)()
        gate.set()
    else:
        gate.set()
        worker._open[0].future.result(10)
        getattr(worker, ends)()
    wait(closed.is_set)
    assert not [report for report, _ in reports if report.state == "returned"]


def test_an_edit_that_was_begun_is_finished_when_the_worker_stops_and_other_work_is_not(desk, wait):
    worker, _ = desk
    log = []

    def steps(name, count=3):
        for i in range(count):
            log.append((name, i))
            yield

    worker.run_in_event_loop(steps("edit"), atomic=True)
    worker.run_in_event_loop(steps("edit that is not begun"), atomic=True)
    wait(lambda: log)
    worker.stop()
    assert log == [("edit", 0), ("edit", 1), ("edit", 2)]
    worker.run_in_event_loop(steps("count", 10_000))
    wait(lambda: len(log) > 3)
    worker.stop()
    assert len(log) < 10_000


def test_an_edit_is_finished_though_qt_has_deleted_the_timer(desk) -> None:
    """A script that closes the viewer by hand stops the worker when Qt is going."""
    worker, _ = desk
    done = []

    def steps():
        for i in range(3):
            done.append(i)
            yield

    worker.run_in_event_loop(steps(), atomic=True)
    worker._advance()
    worker._timer._timer.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    worker.stop()
    assert done == [0, 1, 2]


def test_the_first_step_of_small_work_goes_before_anything_is_drawn(desk, qtbot, wait):
    worker, _ = desk
    log = []

    class Picture(QWidget):
        def paintEvent(self, event):  # noqa: ARG002, N802  # Qt's name
            log.append("drawn")

    picture = Picture()
    qtbot.addWidget(picture)
    picture.show()
    wait(lambda: log)
    log.clear()

    def steps():
        log.append("step")
        yield

    picture.update()
    worker.run_in_event_loop(steps())
    wait(lambda: len(log) == 2)
    assert log == ["step", "drawn"]


def test_what_the_user_looks_at_runs_in_the_next_pause_of_longer_work(desk, wait):
    worker, reports = desk
    order: list[str] = []
    asked = threading.Event()

    def long_work():
        for number in range(3):
            order.append(f"slice {number}")
            if number == 0:
                yield Progress(0, 3)
                asked.wait(10)
            yield Pause(number + 1, 3)
        return "run"

    def look(name):
        def steps():
            order.append(name)
            yield Progress(0, 1)
            return name

        return steps

    worker.submit("run", long_work)
    wait(lambda: order)
    worker.submit("export", look("export"))
    worker.submit("slice", look("slice shown"), urgent=True)
    asked.set()
    wait(lambda: not worker.busy())
    assert order == ["slice 0", "slice shown", "slice 1", "slice 2", "export"]
    values = {report.kind: report.value for report, _ in reports if report.state == "returned"}
    assert values == {"slice": "slice shown", "run": "run", "export": "export"}


def test_what_fails_in_a_pause_fails_alone(desk, wait):
    worker, reports = desk
    asked = threading.Event()

    def long_work():
        yield Progress(0, 2)
        asked.wait(10)
        yield Pause(1, 2)
        return "run"

    def broken():
        yield Progress(0, 1)
        raise UserError("there is no such slice")

    worker.submit("run", long_work)
    wait(lambda: reports)
    worker.submit("slice", broken, urgent=True)
    worker.submit("other", broken, urgent=True)
    worker.cancel("other")
    asked.set()
    wait(lambda: not worker.busy() and not worker._open)
    assert states(reports, "run") == ["returned"]
    assert states(reports, "slice") == ["failed"]
    assert states(reports, "other") == ["cancelled"]
