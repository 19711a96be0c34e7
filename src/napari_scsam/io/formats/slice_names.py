"""The order of slices by the numbers in their names, and which of them are missing."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from math import gcd
from pathlib import Path

from napari_scsam.config import UserError

NUMBER = re.compile(r"[-\N{MINUS SIGN}]?\d+")
"""A number, perhaps with a sign; `_has_sign` decides whether it is one."""

PLACE = "\0"
"""Stands for a number in what `texts_around` returns."""

CHANNEL = re.compile(r"(?:^|[^a-z])(?:c|ch|channel|w)[_= -]?$")
"""What stands before the number of a channel."""

LEAST_ALIKE = 3
"""Files of which the names show a pattern."""

SHARE_ALIKE = 0.75
"""Share of the files of a folder that have the pattern."""

Key = list[tuple[int, str]]


def sorted_by_number(files: Iterable[Path]) -> list[Path]:
    """Sort files by the numbers in their names: 9 comes before 10, and -1 before 0.

    A hyphen between a word and a number is a minus sign only if another file has the same name
    without it. So ``z-1.tif`` is negative beside ``z0.tif``; ``slice-1.tif`` is not negative beside
    ``slice-2.tif``.
    """
    found = list(files)
    plain = {re.sub(r"\d+", PLACE, file.name.casefold()) for file in found}
    return sorted(found, key=lambda file: natural_key(file, plain))


def natural_key(path: Path, plain: Iterable[str] = ()) -> Key:
    """Return a sort key by which ``slice_9`` comes before ``slice_10``.

    Parameters
    ----------
    path
        A file.
    plain
        The names of all files, in lower case and with `PLACE` for each number; signs are left in.
    """
    name = path.name.casefold()
    key: Key = []
    end = 0
    for match in NUMBER.finditer(name):
        start = match.start()
        if not match[0][0].isdigit() and not _has_sign(name, start, plain):
            start += 1
        # Text and numbers alternate; each becomes a pair that can be compared with its kind.
        key.append((-1, name[end:start]))
        key.append((int(name[start : match.end()].replace("\N{MINUS SIGN}", "-")), ""))
        end = match.end()
    return [*key, (-1, name[end:])]


def _has_sign(name: str, at: int, plain: Iterable[str]) -> bool:
    """Whether a hyphen or a minus before a number is its sign."""
    before = name[:at]
    if name[at] != "-" or not before or before[-1] in "=_ ([,;-":
        return True
    if not before[-1].isalpha():
        return False
    return re.sub(r"\d+", PLACE, before + name[at + 1 :]) in plain


def check_complete(files: Sequence[Path]) -> None:
    """Check that no slice is missing from a folder, as far as the numbers in the names tell.

    Names that are not numbered evenly for the most part, such as times, tell nothing.

    Parameters
    ----------
    files
        In the order of `sorted_by_number`.

    Raises
    ------
    UserError
        When a number is left out, or there twice, or a file is not named like the others.
    """
    check_alike(files)
    check_one_channel(files)
    numbers = slice_numbers(files)
    steps = [after - before for before, after in itertools.pairwise(numbers)]
    if not steps:
        return
    usual = gcd(*steps)
    if all(step == usual for step in steps):
        return
    if 0 in steps:
        at = steps.index(0)
        raise UserError(
            f"{files[at].name} and {files[at + 1].name} in {files[at].parent} "
            f"are both slice {numbers[at]}; keep one of them"
        )
    if steps.count(usual) * 2 < len(steps):
        return
    at = next(i for i, step in enumerate(steps) if step != usual)
    raise UserError(
        f"{files[at].parent} lacks slice {numbers[at] + usual}: {files[at + 1].name} follows "
        f"{files[at].name}; add it, or number the files without a gap"
    )


def check_alike(files: Sequence[Path]) -> None:
    """Check that no other image lies among numbered slices, such as labels or an overview.

    At least three files, and three in four, must have one name with other numbers. Else their names
    show nothing.

    Raises
    ------
    UserError
        When there is one; the message names it.
    """
    names = [tuple(text for _, text in key[::2]) for key in _keys(files)]
    usual, count = Counter(names).most_common(1)[0]
    if count == len(files) or count < LEAST_ALIKE or count < SHARE_ALIKE * len(files):
        return
    if len(usual) == 1:  # no number
        return
    other = files[next(at for at, name in enumerate(names) if name != usual)]
    raise UserError(
        f"{other} is not numbered like the slices in its folder; "
        "move it away, or rename it if it is one of them"
    )


def check_one_channel(files: Sequence[Path]) -> None:
    """Check that the names are not those of several channels of each slice.

    Raises
    ------
    UserError
        When they are, as in ``z0_c0.tif``, ``z0_c1.tif``, ``z1_c0.tif``.
    """
    keys = _keys(files)
    if len({len(key) for key in keys}) != 1:
        return
    for place in range(1, len(keys[0]), 2):
        channels = {key[place] for key in keys}
        others = {str([*key[:place], *key[place + 1 :]]) for key in keys}
        grid = len(channels) > 1 and len(others) > 1 and len(channels) * len(others) == len(files)
        if grid and all(CHANNEL.search(key[place - 1][1]) for key in keys):
            raise UserError(
                f"{files[0].parent} has slices of {len(channels)} channels, such as "
                f"{files[0].name} and {files[1].name}; keep those of one channel there"
            )


def _keys(files: Sequence[Path]) -> list[Key]:
    """Return the sort keys of files, without their suffixes."""
    stems = [file.with_suffix("") for file in files]
    plain = {re.sub(r"\d+", PLACE, stem.name.casefold()) for stem in stems}
    return [natural_key(stem, plain) for stem in stems]


def slice_numbers(files: Sequence[Path]) -> list[int]:
    """Return the number of each slice; nothing when the names differ in more than one number."""
    keys = _keys(files)
    texts = {tuple(text for _, text in key[::2]) for key in keys}
    if len(texts) != 1:
        return []
    columns = zip(*([number for number, _ in key[1::2]] for key in keys), strict=True)
    varying = [list(column) for column in columns if len(set(column)) > 1]
    if len(varying) != 1:
        return []
    return varying[0]


def two_stacks_note(files: Sequence[Path]) -> tuple[str, ...]:
    """Return a note if the names of slices are those of several stacks, such as EM and labels."""
    stacks: dict[tuple[str, ...], list[Path]] = {}
    for file, key in zip(files, _keys(files), strict=True):
        stacks.setdefault(tuple(text for _, text in key[::2]), []).append(file)
    if len(stacks) == 1 or min(map(len, stacks.values())) == 1:
        return ()
    names = " and ".join(stack[0].name for stack in list(stacks.values())[:2])
    return (f"{files[0].parent} has slices named like {names}; all of them were read as one stack",)
