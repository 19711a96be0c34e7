"""Show errors in napari's notifications, in whole sentences."""

from __future__ import annotations

from napari.utils.notifications import notification_manager, show_warning

from napari_scsam.config import UserError
from napari_scsam.gui.words import as_sentence


def notify_error(error: Exception) -> None:
    """Show a user's mistake as a sentence, anything else as an error with its traceback."""
    if isinstance(error, UserError):
        show_warning(as_sentence(str(error)))
    else:
        notification_manager.receive_error(type(error), error, error.__traceback__)
