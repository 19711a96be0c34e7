from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from at_once import AtOnce
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager

from napari_scsam.gui.forms import background
from napari_scsam.gui.forms.background import ProgressBar, session_of
from napari_scsam.gui.session import Session
from napari_scsam.steps import Progress


class FakeBar:
    """napari's progress bar, which remembers what it shows."""

    made: list[FakeBar]

    def __init__(self, total: int) -> None:
        self.total = total
        self.n = 0
        self.description = ""
        self.closed = 0
        self.made.append(self)

    def set_description(self, text: str) -> None:
        self.description = text

    def update(self, step: int) -> None:
        self.n += step

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def bars(monkeypatch) -> list[FakeBar]:
    FakeBar.made = []
    monkeypatch.setattr(background, "progress", FakeBar)
    return FakeBar.made


class QtWindow:
    """A window that can be closed; like Qt, it keeps what is connected."""

    def __init__(self) -> None:
        self.destroyed = SimpleNamespace(connect=self._connect)
        self._slots: list[Callable[[], object]] = []

    def _connect(self, slot: Callable[[], object]) -> None:
        self._slots.append(slot)

    def close(self) -> None:
        for slot in self._slots:
            slot()


@pytest.fixture
def qt_window() -> QtWindow:
    return QtWindow()


@pytest.fixture
def viewer(qt_window, monkeypatch, fake_engine):
    """A viewer without a window; its session works at once."""
    made = ViewerModel()
    object.__setattr__(made, "window", SimpleNamespace(_qt_window=qt_window))
    monkeypatch.setattr(Session, "_sessions", type(Session._sessions)(), raising=True)
    monkeypatch.setattr("napari_scsam.gui.session.Engine", lambda: fake_engine)
    init = Session.__init__
    monkeypatch.setattr(
        Session, "__init__", lambda self, one, engine: init(self, one, engine, AtOnce)
    )
    notification_manager.records.clear()
    return made


def test_one_bar_follows_the_steps_of_some_work(bars):
    bar = ProgressBar()
    bar.show(Progress(0, 3, "embedding"))
    bar.show(Progress(2, 3, "embedding"))
    (shown,) = bars
    assert (shown.n, shown.total, shown.description) == (2, 3, "Analysing")


def test_the_bar_takes_another_length_and_may_go_back(bars):
    bar = ProgressBar()
    bar.show(Progress(8, 9, "loading"))
    bar.show(Progress(1, 40, "segmenting slice 4"))
    (shown,) = bars
    assert (shown.n, shown.total, shown.description) == (1, 40, "Segmenting slice 4")


def test_work_may_end_while_the_bar_runs_the_event_loop(bars, monkeypatch):
    bar = ProgressBar()
    monkeypatch.setattr(FakeBar, "set_description", lambda *_: bar.show_working(False))
    bar.show(Progress(1, 2, "loading"))
    (shown,) = bars
    assert (shown.closed, shown.n) == (1, 0)


def test_the_bar_stays_while_there_is_work_and_the_next_work_gets_another(bars):
    bar = ProgressBar()
    bar.show(Progress(1, 2, "loading"))
    bar.show_working(True)
    assert bars[0].closed == 0
    bar.show_working(False)
    bar.show_working(False)
    assert bars[0].closed == 1
    bar.show(Progress(0, 5, "loading"))
    assert len(bars) == 2
    assert bars[1].total == 5


def test_a_form_uses_the_session_of_the_panel(viewer, fake_engine):
    own = Session(viewer, fake_engine)
    Session._sessions[viewer] = own
    assert session_of(viewer) is own
    assert session_of(SimpleNamespace(__wrapped__=viewer)) is own, "napari's proxy is looked into"


def test_without_a_panel_napari_shows_the_messages(viewer):
    session = session_of(viewer)
    assert session_of(viewer) is session
    session.status.emit("the checkpoint is loaded")
    assert viewer.status == "The checkpoint is loaded."


def test_the_session_lasts_until_the_window_is_closed(viewer, qt_window):
    session = session_of(viewer)
    assert not session.jobs.worker.stopped
    qt_window.close()
    assert session.jobs.worker.stopped
    assert session.window_is_gone
    assert Session.find(viewer) is None


def test_without_a_panel_napari_shows_the_progress(viewer, bars, qtbot, monkeypatch):
    session = session_of(viewer)
    session.jobs.progressed.emit(Progress(0, 4, "embedding"))
    qtbot.wait(20)
    assert not bars, "nothing runs any more"
    monkeypatch.setattr(session.jobs, "busy", lambda: True)
    session.jobs.progressed.emit(Progress(1, 4, "embedding"))
    assert not bars, "napari's bar runs the event loop, so it is moved later"
    qtbot.waitUntil(lambda: bool(bars))
    assert [(bar.n, bar.total) for bar in bars] == [(1, 4)]
    session.jobs.working.emit(False)
    assert bars[0].closed == 1
