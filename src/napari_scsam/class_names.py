"""Names of classes: which may be given to a new one, and how several are read from a text."""

from __future__ import annotations

import csv

from napari_scsam.errors import UserError

BACKGROUND_NAME = "background"
"""What is of no class; nnU-Net and many other programs call it so."""

SEPARATORS = ',"'
"""What stands between names on a command line, and around a name."""


def check_class_name(name: str) -> None:
    """Check the name of a new class.

    Files of earlier versions may hold any name, and are opened as they are.

    Raises
    ------
    UserError
        When it means the background, or no command line could name the class.
    """
    if name.strip().casefold() == BACKGROUND_NAME:
        raise UserError(
            f"a class cannot be called {name!r}, which means that there is none; "
            "choose another name"
        )
    for mark in SEPARATORS:
        if mark in name:
            raise UserError(
                f"the name {name!r} holds {mark!r}, so no command could name the class; "
                "leave it out"
            )
    if not name.isprintable():
        raise UserError(f"the name {name!r} holds characters that cannot be shown; leave them out")


def parse_class_names(text: str) -> list[str]:
    """Read names between commas; a name in double quotes may hold some.

    An empty text holds one empty name.
    """
    try:
        names = next(csv.reader([text], skipinitialspace=True), [])
    except csv.Error:
        names = text.split(",")
    return [name.strip() for name in names] or [""]
