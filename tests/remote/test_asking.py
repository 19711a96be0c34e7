"""Asking a server: what comes before the answer, what its failures become, and cancelling."""

from __future__ import annotations

import pytest

from napari_scsam.errors import UserError
from napari_scsam.remote import asking
from napari_scsam.remote.answered import Done, Failed, FilePart, Progressed
from napari_scsam.remote.asked import ListCheckpoints
from napari_scsam.remote.asking import answer_steps, connected_steps, error_of
from napari_scsam.remote.connection import LOST, Waiter
from napari_scsam.remote.line import (
    Line,
    LineLostError,
    LineState,
    NeedPixelsError,
    ServerFaultError,
    StateLostError,
)
from napari_scsam.steps import drive


class FakeLine:
    """A line whose answers were written before."""

    address = "127.0.0.1:1"

    def __init__(self, *answers, states=(Line.CONNECTED,)) -> None:
        self.answers = answers
        self.dropped: list[int] = []
        self.states = list(states)
        self.started = 0

    @property
    def state(self) -> LineState:
        line = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return LineState(line, f"the line is {line}")

    def start(self) -> None:
        self.started += 1

    def wait(self, _seconds: float) -> bool:
        return False

    def ask(self, _request) -> Waiter:
        waiter = Waiter(5)
        for each in self.answers:
            waiter.answers.put(each)
        return waiter

    def drop(self, waiter: Waiter) -> None:
        self.dropped.append(waiter.number)


@pytest.fixture(autouse=True)
def _no_wait(monkeypatch):
    monkeypatch.setattr(asking, "LOOK", 0.0)


REQUEST = ListCheckpoints(id=0)


def test_progress_is_passed_on_and_parts_are_taken_in_order():
    parts = [FilePart(id=5, offset=n, total=2, data=b"x") for n in range(2)]
    line = FakeLine(Progressed(id=5, done=1, total=3, what="learning"), *parts, Done(id=5))
    steps: list = []
    found: list = []
    assert drive(answer_steps(line, REQUEST, found.append), steps.append).type == "done"
    assert [part.offset for part in found] == [0, 1]
    assert (steps[0].done, steps[0].total, steps[0].what) == (1, 3, "learning")


def test_closing_the_steps_cancels_the_request():
    line = FakeLine()
    steps = answer_steps(line, REQUEST)
    assert next(steps).what == "waiting for the server"
    steps.close()
    assert line.dropped == [5]


def test_a_line_that_is_cut_before_the_answer_is_no_failure_of_the_request():
    with pytest.raises(LineLostError):
        drive(answer_steps(FakeLine(LOST), REQUEST))


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("user", UserError),
        ("busy", UserError),
        ("fault", ServerFaultError),
        ("lost", StateLostError),
        ("need_pixels", NeedPixelsError),
    ],
)
def test_each_failure_has_its_error(kind, error):
    failed = Failed(id=5, kind=kind, sentence="do this", pixels=("0" * 32,))
    found = error_of(failed)
    assert type(found) is error
    with pytest.raises(error):
        drive(answer_steps(FakeLine(failed), REQUEST))
    if isinstance(found, NeedPixelsError):
        assert found.hashes == ("0" * 32,)
    else:
        assert str(found) == "do this"


def test_while_there_is_no_line_it_is_said_and_then_the_work_goes_on():
    line = FakeLine(states=[Line.LOST, Line.LOST, Line.LOST, Line.LOST, Line.CONNECTED])
    said: list = []
    drive(connected_steps(line), lambda step: said.append(step.what))
    assert said
    assert set(said) == {"the line is lost"}
    assert line.started == 1


def test_a_server_that_refuses_is_not_waited_for():
    with pytest.raises(UserError, match="refused"):
        drive(connected_steps(FakeLine(states=[Line.REFUSED]), 1e9))


def test_patience_ends():
    with pytest.raises(UserError, match="lost"):
        drive(connected_steps(FakeLine(states=[Line.LOST]), -1.0))
