"""What propagation is limited by, and when it stops."""

from dataclasses import replace

import numpy as np
import pytest

from napari_scsam.infer.patch import Patch
from napari_scsam.infer.propagation import (
    Propagation,
    PropagationLimits,
    Section,
    follow_sections,
    stop_reason,
)
from napari_scsam.steps import Progress, drive

LIMITS = PropagationLimits()
ALIKE = Section(1, Patch(np.ones((3, 4), bool), 0, 0), 0.4, 0.8, 0.5)
"""A section at all limits: 12 pixels, and the smallest overlap, similarity and certainty."""


def following(sections, count=9):
    """Steps and result of following an object that is found as given."""
    steps = list[Progress]()
    asked = []

    def find(position, slice_):
        asked.append((position, slice_))
        yield Progress(0, 1, "inside")
        return sections[position]

    beyond = ((position, f"slice {position}") for position in sections)
    result = drive(follow_sections(find, beyond, count, LIMITS), steps.append)
    return result, steps, asked


def test_a_section_at_all_limits_continues():
    assert stop_reason(ALIKE, LIMITS) == ""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"patch": Patch(np.ones((1, 11), bool), 0, 0)}, "it ends"),
        ({"overlap": 0.39}, "its outline changes too much (39 % overlap)"),
        ({"similarity": 0.79}, "it looks different (79 % similarity)"),
        ({"certainty": 0.49}, "the network is less certain (49 % of the first slice)"),
    ],
)
def test_a_section_below_one_limit_ends_the_object(change, reason):
    assert stop_reason(replace(ALIKE, **change), LIMITS) == reason


def test_every_slice_is_found_in_order_until_there_are_no_more():
    sections = {position: replace(ALIKE, position=position) for position in (5, 6, 7)}
    result, steps, asked = following(sections, count=3)
    assert result == Propagation(tuple(sections.values()), None, "no more slices")
    assert asked == [(5, "slice 5"), (6, "slice 6"), (7, "slice 7")]
    assert steps[0] == Progress(0, 3, "propagating the object to slice 5")
    assert [step.done for step in steps if step.total == 3] == [0, 1, 2]
    assert steps.count(Progress(0, 1, "inside")) == 3


def test_the_slice_that_ends_it_is_left_out_and_none_is_read_behind_it():
    ended = replace(ALIKE, position=6, overlap=0.1)
    result, _, asked = following({5: replace(ALIKE, position=5), 6: ended, 7: ALIKE})
    assert [section.position for section in result.sections] == [5]
    assert result.stopped_at == 6
    assert result.reason == "its outline changes too much (10 % overlap)"
    assert [position for position, _ in asked] == [5, 6]


@pytest.mark.parametrize(
    ("voxel_size", "most"),
    [(None, 6), ((5.0, 5.0, 5.0), 6), ((30.0, 5.0, 6.0), 18), ((45.0, 10.0, 8.0), 17)],
)
def test_a_border_may_move_by_three_times_the_thickness_of_a_slice(voxel_size, most):
    assert LIMITS.at(voxel_size).max_shift == most
