"""A session for forms and scripts, which shows its work in napari when no panel does."""

from __future__ import annotations

from functools import partial

from napari.utils import progress
from napari.viewer import Viewer
from qtpy.QtCore import QTimer

from napari_scsam.gui.links import Links
from napari_scsam.gui.session import Session
from napari_scsam.gui.words import as_sentence, capitalized, plain_step
from napari_scsam.steps import Progress


def session_of(viewer: Viewer) -> Session:
    """Return the session of a viewer; a new one lasts until the viewer's window is closed."""
    own = getattr(viewer, "__wrapped__", viewer)  # napari hands plugins a proxy
    session = Session.find(own)
    if session is None:
        session = Session.of(own)
        links = Links(session)
        _show_in_napari(session, links)
        window = own.window._qt_window  # napari has no public signal for a closed window
        window.destroyed.connect(partial(links.cut, window_is_gone=True))
    return session


def _show_in_napari(session: Session, links: Links) -> None:
    """Show progress and messages of a session in napari's own places."""
    bar = ProgressBar()
    # Signals hold methods weakly; the links keep the bar.
    links.add(session.jobs.progressed, partial(_show_soon, session, bar))
    links.add(session.jobs.working, bar.show_working)
    session.status.connect(partial(_show_status, session))
    session.ended.connect(bar.close)


def _show_soon(session: Session, bar: ProgressBar, step: Progress) -> None:
    """Move the bar in a turn of the event loop of its own.

    napari's bar runs the event loop; within a report, later reports would overtake it.
    """

    def show() -> None:
        if session.jobs.busy():
            bar.show(step)

    QTimer.singleShot(0, show)


def _show_status(session: Session, text: str) -> None:
    viewer = session.viewer
    if viewer is not None:
        viewer.status = as_sentence(text)


class ProgressBar:
    """napari's progress bar, shown while there is work."""

    def __init__(self) -> None:
        self._bar: progress | None = None

    def show(self, step: Progress) -> None:
        """Move the bar."""
        if self._bar is None:
            self._bar = progress(total=step.total)
        bar = self._bar
        bar.total = step.total
        bar.set_description(
            capitalized(plain_step(step.what))
        )  # runs the event loop: the work may end in it
        if bar is self._bar:
            bar.update(step.done - bar.n)

    def show_working(self, working: bool) -> None:
        """Close the bar when the work is done."""
        if not working:
            self.close()

    def close(self) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.close()
        self._bar = None
