from __future__ import annotations

import pytest
from napari.components import ViewerModel
from psygnal import Signal

from napari_scsam.gui.links import Links
from napari_scsam.gui.session import Session


class Counted:
    """Something shared, which counts its widgets."""

    changed = Signal(int)

    def __init__(self) -> None:
        self.widgets = 0
        self.heard: list[bool] = []

    def attach(self) -> None:
        self.widgets += 1

    def detach(self, *, window_is_gone: bool = False) -> None:
        self.widgets -= 1
        self.heard.append(window_is_gone)


@pytest.fixture
def shared() -> Counted:
    return Counted()


def test_each_widget_counts_once_until_it_is_cut(shared):
    one = Links(shared)
    other = Links(shared)
    assert shared.widgets == 2
    one.cut()
    assert shared.widgets == 1
    one.cut()
    assert shared.widgets == 1, "a second cut detached another widget"
    other.cut()
    assert shared.widgets == 0


def test_cutting_disconnects_only_what_was_added(shared):
    links = Links(shared)
    linked: list[int] = []
    others: list[int] = []
    links.add(shared.changed, linked.append)
    shared.changed.connect(others.append)
    shared.changed.emit(1)
    links.cut()
    shared.changed.emit(2)
    assert linked == [1]
    assert others == [1, 2]


def test_napari_events_are_cut_too(shared):
    viewer = ViewerModel()
    links = Links(shared)
    heard = []
    links.add(viewer.layers.events.inserted, lambda event: heard.append(event.value.name))
    viewer.add_points(name="first")
    links.cut()
    viewer.add_points(name="second")
    assert heard == ["first"]


@pytest.mark.parametrize("gone", [False, True])
def test_the_session_learns_whether_the_window_is_gone(shared, gone):
    Links(shared).cut(window_is_gone=gone)
    assert shared.heard == [gone]


def test_what_a_signal_carries_is_not_taken_for_a_closed_window(shared):
    links = Links(shared)
    shared.changed.connect(links.cut)
    shared.changed.emit(7)
    assert shared.heard == [False]


def test_a_session_ends_with_its_last_links(fake_engine):
    session = Session(ViewerModel(), fake_engine)
    ends = []
    session.ended.connect(lambda: ends.append(session.window_is_gone))
    first = Links(session)
    last = Links(session)
    first.cut()
    assert ends == []
    last.cut(window_is_gone=True)
    assert ends == [True]
