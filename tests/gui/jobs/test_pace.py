"""The time of a tile is measured, and told before and during long work."""

from __future__ import annotations

import pytest

from napari_scsam.gui.jobs.pace import TilePace, time_left, with_time_left
from napari_scsam.steps import Progress, drive


class Clock:
    """Seconds that a test moves on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def embedding(clock: Clock, tiles: int, seconds: float, views: int = 1):
    for _ in range(views):
        for tile in range(tiles):
            yield Progress(tile, tiles, "embedding")
            clock.now += seconds
    yield Progress(0, 1, "segmenting")
    return "done"


def test_a_run_is_estimated_from_measured_tiles():
    clock = Clock()
    pace = TilePace(clock)
    assert pace.describe(96) == "96 slices; the time is known after the first"
    assert drive(with_time_left(embedding(clock, 6, 2.0), pace, clock)) == "done"
    assert pace.seconds == pytest.approx(2.0)
    assert pace.describe(96) == "96 slices, 576 tiles, about 19 min"
    assert pace.describe(1) == "1 slice, 6 tiles, about 12 s"


def test_all_views_of_a_slice_count():
    clock = Clock()
    pace = TilePace(clock)
    drive(with_time_left(embedding(clock, 6, 1.0, views=4), pace, clock))
    assert pace.tiles == 24
    drive(with_time_left(embedding(clock, 6, 1.0), pace, clock))
    assert pace.tiles == 6


def test_one_tile_is_counted_before_its_time_is_known():
    clock = Clock()
    pace = TilePace(clock)
    drive(with_time_left(embedding(clock, 1, 1.0), pace, clock))
    assert pace.describe(3) == "3 slices, 3 tiles; the time is known after the first slice"


def test_the_time_that_is_left_is_told_once_it_matters():
    clock = Clock()
    said = [step.what for step in with_time_left(embedding(clock, 10, 3.0), TilePace(clock), clock)]
    assert said[:2] == ["embedding", "embedding"]
    assert said[2] == "embedding, 24 s left"
    assert said[9] == "embedding, 3 s left"


@pytest.mark.parametrize(
    ("done", "seconds", "expected"),
    [
        (0, 5.0, ""),
        (2, 4.0, ", 16 s left"),
        (2, 120.0, ", 8 min left"),
        (1, 3600.0, ", 9.0 h left"),
    ],
)
def test_time_left(done, seconds, expected):
    assert time_left(done, 10, seconds) == expected
