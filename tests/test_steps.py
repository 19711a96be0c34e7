"""Long work as a generator: who drives it gets its result, and closing it cancels."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from napari_scsam.steps import Progress, Steps, as_part, drive, mapped


def count_to(total: int, ended: list[str] | None = None) -> Steps[str]:
    """Yield each step, and record in `ended` that the work was left."""
    try:
        for done in range(total):
            yield Progress(done, total, f"slice {done}")
        return "result"
    finally:
        if ended is not None:
            ended.append("left")


def test_drive_returns_the_result_and_passes_every_step_on() -> None:
    seen: list[Progress] = []
    assert drive(count_to(3), seen.append) == "result"
    assert [(step.done, step.total, step.what) for step in seen] == [
        (0, 3, "slice 0"),
        (1, 3, "slice 1"),
        (2, 3, "slice 2"),
    ]


def test_work_without_steps_still_has_a_result() -> None:
    assert drive(count_to(0)) == "result"
    assert list(mapped(count_to(0), str)) == []


def test_work_is_closed_when_the_callback_fails() -> None:
    ended: list[str] = []

    def fail(_: Progress) -> None:
        raise RuntimeError("no room")

    with pytest.raises(RuntimeError, match="no room"):
        drive(count_to(3, ended), fail)
    assert ended == ["left"]


def test_an_error_of_the_work_reaches_the_caller() -> None:
    def broken() -> Steps[None]:
        yield Progress(0, 1)
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        drive(broken())
    with pytest.raises(ValueError, match="damaged"):
        list(mapped(broken(), str))


def test_mapped_changes_each_value_and_keeps_the_result() -> None:
    seen: list[str] = []
    assert drive(mapped(count_to(3), lambda step: step.what.upper()), seen.append) == "result"
    assert seen == ["SLICE 0", "SLICE 1", "SLICE 2"]


def test_closing_what_is_mapped_cancels_the_work_below() -> None:
    ended: list[str] = []
    outer: Generator[str, None, str] = mapped(count_to(3, ended), str)
    next(outer)
    assert ended == []
    outer.close()
    assert ended == ["left"]


def test_a_part_counts_on_from_what_was_done_before() -> None:
    seen: list[Progress] = []
    assert drive(as_part(count_to(2), before=5, total=10), seen.append) == "result"
    assert seen == [Progress(5, 10, "slice 0"), Progress(6, 10, "slice 1")]


def test_the_total_grows_when_a_part_is_longer_than_expected() -> None:
    seen: list[Progress] = []
    drive(as_part(count_to(4), before=8, total=10), seen.append)
    assert [step.done for step in seen] == [8, 9, 10, 11]
    assert {step.total for step in seen} == {12}


def test_parts_of_parts_add_up() -> None:
    inner = as_part(count_to(1), before=2, total=3)
    assert list(as_part(inner, before=10, total=20)) == [Progress(12, 20, "slice 0")]
