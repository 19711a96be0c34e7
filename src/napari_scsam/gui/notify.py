"""Telling the user what went wrong, the napari way."""

from __future__ import annotations

from napari.utils.notifications import notification_manager, show_warning

from napari_scsam.config import UserError


def tell(error: Exception) -> None:
    """Show a user's mistake as its sentence, anything else as an error with its traceback."""
    if isinstance(error, UserError):
        show_warning(str(error))
    else:
        notification_manager.receive_error(type(error), error, error.__traceback__)
