"""Which output of a network is read."""

from __future__ import annotations

from collections.abc import Sequence

from napari_scsam.config import UserError


def choose_output(names: Sequence[str], wanted: str) -> str:
    """Return the name of the output to read.

    Parameters
    ----------
    names
        Of all outputs.
    wanted
        Empty for the only one.

    Raises
    ------
    UserError
        When it is not there, or there are several and none is named.
    """
    known = ", ".join(names)
    if not wanted and len(names) == 1:
        return names[0]
    if not wanted:
        raise UserError(f"the network has the outputs {known}; name one with --output")
    if wanted not in names:
        raise UserError(f"the network has no output {wanted!r}; name one of {known}")
    return wanted
