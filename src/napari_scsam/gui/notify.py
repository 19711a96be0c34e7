"""Telling the user what went wrong, the napari way, in whole sentences."""

from __future__ import annotations

from napari.utils.notifications import notification_manager, show_warning

from napari_scsam.config import UserError

STOPS = (".", "!", "?", "…", ":", ".)")


def capital(text: str) -> str:
    """Begin with a capital, unless with the name of a file or the like, which stays as it is."""
    first, *_ = text.split(maxsplit=1) or [""]
    return text[:1].upper() + text[1:] if first.rstrip(",:;").replace("-", "").isalpha() else text


def sentence(text: str) -> str:
    """Let what was said in half a line stand alone, as a whole sentence."""
    if ":\n" in text:  # a command on a line of its own: a stop would belong to it
        return capital(text)
    return capital(text) if text.endswith(STOPS) or not text else f"{capital(text)}."


def grouped(number: int) -> str:
    """Write a count with thin spaces between thousands, e.g. ``22 152``; a comma is a decimal point to some."""
    return f"{number:,}".replace(",", "\u2009")


def tell(error: Exception) -> None:
    """Show a user's mistake as a sentence, anything else as an error with its traceback."""
    if isinstance(error, UserError):
        show_warning(sentence(str(error)))
    else:
        notification_manager.receive_error(type(error), error, error.__traceback__)
