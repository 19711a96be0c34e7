from __future__ import annotations

import pytest
from napari.utils.notifications import notification_manager

from napari_scsam.config import UserError
from napari_scsam.gui.notify import notify_error


@pytest.fixture
def told():
    notification_manager.records.clear()
    yield notification_manager.records
    notification_manager.records.clear()


def test_a_users_mistake_is_a_sentence(told):
    notify_error(UserError("the image is empty; choose another"))
    assert [(note.message, str(note.severity)) for note in told] == [
        ("The image is empty; choose another.", "warning")
    ]


def test_a_fault_of_ours_keeps_its_traceback(told):
    try:
        raise RuntimeError("broken")
    except RuntimeError as error:
        notify_error(error)
    assert str(told[0].severity) == "error"
    assert told[0].exception.__traceback__ is not None
