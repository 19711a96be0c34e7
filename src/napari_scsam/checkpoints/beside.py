"""Imported networks beside a checkpoint: their classes join its class table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from napari_scsam.checkpoints.card import CheckpointInfo, read_card
from napari_scsam.config import ClassSpec, UserError


def with_beside(info: CheckpointInfo, others: Sequence[CheckpointInfo]) -> CheckpointInfo:
    """Return a checkpoint with imported networks beside it, whose classes follow its own.

    Parameters
    ----------
    info
        The checkpoint; networks that are beside it already are replaced.
    others
        The networks, in the order of their classes.

    Raises
    ------
    UserError
        When one of them is not an imported network or is named twice, or the checkpoint has learned
        no classes.
    """
    main = info.alone
    beside: list[CheckpointInfo] = []
    for other in others:
        _check(main, other, beside)
        known = [*main.classes, *(spec for each in beside for spec in each.classes)]
        described = [_described(spec, other.name) for spec in other.classes]
        classes = settle_classes(known, described, other.name)
        beside.append(replace(other, classes=classes))
    together = [*main.classes, *(spec for each in beside for spec in each.classes)]
    return replace(main, classes=tuple(together), beside=tuple(beside))


def _described(spec: ClassSpec, name: str) -> ClassSpec:
    """Return a class of a network with a description, as tooltips show it."""
    return replace(spec, description=spec.description or f"Found by the imported network {name}")


def keep_beside(info: CheckpointInfo, before: CheckpointInfo | None) -> CheckpointInfo:
    """Return a checkpoint with the networks that were beside the one before it.

    Those that cannot work beside it, or whose files are gone, are left out.
    """
    if before is None or info.prompts_only:
        return info
    paths = [other.path for other in before.beside if other.path != info.path]
    return with_beside(info, [read_card(path) for path in paths if path.is_file()])


def _check(main: CheckpointInfo, other: CheckpointInfo, beside: Sequence[CheckpointInfo]) -> None:
    if not other.classes_only:
        raise UserError(
            f"{other.name} is not an imported network, and only these work beside another one; "
            "make it the checkpoint itself"
        )
    if main.prompts_only:
        raise UserError(
            f"{main.name} answers clicks and boxes only, so no network works beside it; "
            "choose a checkpoint with classes"
        )
    if other.path in (main.path, *(each.path for each in beside)):
        raise UserError(f"{other.name} is named twice; name each network once")


def settle_classes(
    known: Sequence[ClassSpec], classes: Sequence[ClassSpec], name: str
) -> tuple[ClassSpec, ...]:
    """Return the classes of a network so that no id, name or colour is that of a known class.

    Their order stays, which is that of the network's output.

    Parameters
    ----------
    known
        Classes that stay as they are.
    classes
        Of the network, by their ids.
    name
        Of the network. It is added to a name that is taken: ``"mitochondrion (er)"``.
    """
    settled: list[ClassSpec] = []
    names = _free_names(known, classes, name)
    for spec in classes:
        taken = [*known, *settled]
        lowest = max((each.id for each in settled), default=0)
        number = spec.id
        if number <= lowest or number in {each.id for each in taken}:
            number = 1 + max(each.id for each in taken)
        colour = spec.colour
        if colour in {each.colour for each in taken}:
            colour = ""  # a distinct one is made of the id
        part_of = names.get(spec.part_of, "")
        settled.append(
            replace(spec, id=number, name=names[spec.name], colour=colour, part_of=part_of)
        )
    return tuple(settled)


def _free_names(
    known: Sequence[ClassSpec], classes: Sequence[ClassSpec], name: str
) -> dict[str, str]:
    """Return what the classes of a network are called where some names are taken."""
    taken = {each.casefold() for spec in known for each in (spec.name, spec.known_as)}
    free: dict[str, str] = {}
    for spec in classes:
        called = spec.name
        while called.casefold() in taken:
            called = f"{called} ({name})"
        taken.add(called.casefold())
        free[spec.name] = called
    return free
