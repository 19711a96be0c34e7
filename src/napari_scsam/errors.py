"""Errors that every room shares; `napari_scsam.config` has them too."""

from __future__ import annotations


class UserError(ValueError):
    """A mistake that the user can correct.

    The message is one sentence: what was wrong, and what to do. The command
    line prints it and exits with 2; the widget shows it as a notification.
    """


class PartlyDoneError(UserError):
    """Work that is done but for a part, which the message names; the command line exits with 1."""


class NoClassesError(UserError):
    """A request for classes to a network that has learned none."""

    def __init__(self) -> None:
        super().__init__(
            "this network answers clicks and boxes only; "
            "choose one with classes, or train it on your labels (scsam train)"
        )
