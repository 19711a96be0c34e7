"""Leave-one-source-out: what is left out is never trained on, and the table says what was seen."""

from __future__ import annotations

import pytest
from benchmarks.shipped import CASES, CHOSEN_BY, REPORTED
from benchmarks.sources import BRAIN_SLICES, ROWS, recipe_of, table


@pytest.mark.parametrize("name", ROWS)
def test_a_run_never_reads_what_it_is_scored_on_as_unseen(name: str) -> None:
    recipe = recipe_of(ROWS[name], 0, 10)
    folders = {source.image.parent.name for source in recipe.sources}
    assert folders
    assert ROWS[name].without not in folders
    assert "brain_sbem" not in folders
    assert "pseudo" not in str([source.labels for source in recipe.sources])
    assert [spec.name for spec in recipe.classes].count("membrane") == 1


def test_rows_differ_in_nothing_but_what_they_say() -> None:
    present, softmax = (recipe_of(ROWS[name], 1, 10) for name in ("present", "softmax"))
    assert present.sources == softmax.sources
    assert present.training == softmax.training
    assert softmax.model.similarity == "softmax"


def test_slices_that_are_reported_choose_nothing() -> None:
    assert sorted(CHOSEN_BY + REPORTED) == list(range(20))
    assert set(BRAIN_SLICES) <= set(CHOSEN_BY)
    reported = [case for name, case in CASES.items() if name.startswith("brain_sbem")]
    assert [set(case.slices or ()) for case in reported].count(set(CHOSEN_BY)) == 1
    assert {tuple(case.slices or ()) for case in reported} == {CHOSEN_BY, REPORTED}


def test_the_table_has_means_and_marks_what_was_seen() -> None:
    run = {
        "brain mitochondrion": 0.5,
        "medulla membrane": 0.6,
        "leaf taken for organelles": 0.1,
        "hippocampus five classes": 0.7,
    }
    results = {"present seed0": run, "present seed1": {**run, "brain mitochondrion": 0.7}}
    (line,) = list(table(results))[2:]
    assert "| 2 | 0.600 (0.500, 0.700) | 0.600 (0.600, 0.600) \\* |" in line
