"""The class table of an imported network, from the names of its channels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from napari_scsam.class_names import BACKGROUND_NAME, check_class_name
from napari_scsam.config import ClassSpec, UserError, parse_classes


@dataclass(frozen=True)
class ChannelTable:
    """Which channel is which class."""

    classes: tuple[ClassSpec, ...]
    channel_of: tuple[int, ...]
    """Of each class."""
    background: int | None

    @property
    def channels(self) -> int:
        """How many channels have a name."""
        return len(self.classes) + (self.background is not None)


def read_channels(names: Sequence[str], known: Sequence[ClassSpec] = ()) -> ChannelTable:
    """Return the class table for the names of channels.

    Parameters
    ----------
    names
        One for each channel, in their order: ``background``, a name, or ``name=id``.
    known
        A class of the same name passes on its id and colour, so that labels of both networks agree.
        Others get ids above theirs.

    Raises
    ------
    UserError
        When a name is missing or stands twice, there is no class, or an id is not a whole number.
    """
    cleaned = [name.strip() for name in names]
    backgrounds = [row for row, name in enumerate(cleaned) if name.casefold() == BACKGROUND_NAME]
    if len(backgrounds) > 1:
        raise UserError("two channels are called background; name the others")
    specs: dict[int, ClassSpec] = {}
    for channel, name in enumerate(cleaned):
        if channel not in backgrounds:
            specs[channel] = _spec(name, [*known, *specs.values()], known)
    classes = parse_classes(specs.values())
    channel_of = {spec.id: channel for channel, spec in specs.items()}
    return ChannelTable(
        classes,
        tuple(channel_of[spec.id] for spec in classes),
        backgrounds[0] if backgrounds else None,
    )


def _spec(text: str, taken: Sequence[ClassSpec], known: Sequence[ClassSpec]) -> ClassSpec:
    name, equals, number = (part.strip() for part in text.partition("="))
    if not name:
        raise UserError("a channel has no name; write one for each, separated by commas")
    if equals:
        if not re.fullmatch(r"\d{1,9}", number):
            raise UserError(f"{text!r} has no whole number as id; write it as {name}=3")
        check_class_name(name)
        return ClassSpec(int(number), name)
    for spec in known:
        if spec.name.casefold() == name.casefold():
            return replace(spec, part_of="", reach=0.0, smallest=0.0, overrides=())
    check_class_name(name)
    return ClassSpec(1 + max((spec.id for spec in taken), default=0), name)
