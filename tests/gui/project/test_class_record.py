"""What the record of a project says of classes that were added and deleted."""

from types import SimpleNamespace

import pytest

from napari_scsam.gui.project import class_record
from napari_scsam.gui.project.class_record import (
    added_by_hand,
    forget_review_of,
    ids_of_deleted,
    settle_reviews,
)

HISTORY = (
    {"what": "added a class", "id": 7},
    {"what": "deleted a class", "id": 8},
    {"what": "added a class", "id": "9"},
    {"what": "added a class"},
    {"what": "painted", "id": 3},
)


class Record:
    """A project that keeps what it is told."""

    def __init__(self, history=(), reviewed=None, *, read_only="") -> None:
        self.record = SimpleNamespace(history=history)
        self.reviewed = reviewed or {}
        self.read_only = read_only
        self.updates: list[dict] = []

    def update(self, **values) -> None:
        self.updates.append(values)


@pytest.fixture(autouse=True)
def _recorded(monkeypatch):
    monkeypatch.setattr(class_record, "recorded_classes", lambda project: project.reviewed)
    monkeypatch.setattr(class_record, "every_class", lambda _project: (1, 2))


def test_only_ids_that_the_history_names_as_numbers_count():
    assert added_by_hand(Record(HISTORY)) == {7}


def test_an_id_that_was_reviewed_is_never_free_again():
    assert ids_of_deleted(Record(HISTORY, {1: (4, 5), 2: (5, 6)})) == {4, 5, 6, 8}


def test_earlier_reviews_are_for_the_classes_of_that_time():
    project = Record()
    settle_reviews(project)
    assert project.updates == [{"reviewed_classes": {str(class_record.LEGACY): (1, 2)}}]


@pytest.mark.parametrize("project", [Record(reviewed={1: (4,)}), Record(read_only="newer")])
def test_a_record_that_is_there_or_cannot_be_changed_stays(project):
    settle_reviews(project)
    assert project.updates == []


def test_a_deleted_class_is_taken_out_of_every_review():
    project = Record(reviewed={1: (4, 5), 2: (5,), 3: (6,)})
    forget_review_of(project, 5)
    assert project.updates == [{"reviewed_classes": {"1": (4,), "2": (), "3": (6,)}}]


@pytest.mark.parametrize(
    "project", [Record(reviewed={1: (4,)}), Record(reviewed={1: (5,)}, read_only="newer")]
)
def test_nothing_is_written_where_nothing_changes_or_may_change(project):
    forget_review_of(project, 5)
    assert project.updates == []
