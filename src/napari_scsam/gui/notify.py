"""Show errors in napari's notifications, in whole sentences."""

from __future__ import annotations

from napari.utils.notifications import notification_manager, show_warning

from napari_scsam.errors import UserError, describe_os_error, without_drafts
from napari_scsam.gui.words import as_sentence


def notify_error(error: Exception) -> None:
    """Show a mistake or a full disk as a sentence, anything else with its traceback."""
    if isinstance(error, UserError):
        show_warning(as_sentence(without_drafts(str(error))))
    elif isinstance(error, OSError):
        show_warning(as_sentence(describe_os_error(error)))
    else:
        notification_manager.receive_error(type(error), error, error.__traceback__)
