"""A panel that fills a tab."""

from __future__ import annotations

from qtpy.QtWidgets import QWidget


class Page(QWidget):
    """A panel that fills a tab, or a part of one.

    Parameters
    ----------
    title
        On its tab.
    """

    def __init__(self, title: str) -> None:
        super().__init__()
        self.title = title
        self.contents = self
        """The widget that holds the panel's parts; as a `Panel` has one."""
