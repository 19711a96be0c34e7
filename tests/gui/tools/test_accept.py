from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from at_once import AtOnce
from napari.components import ViewerModel
from napari.layers import Labels

from napari_scsam.gui.layers.locks import lock
from napari_scsam.gui.layers.plane import Plane
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.accept import Accepting, describe_accepted
from napari_scsam.gui.tools.correction.lock_labels import Locking
from napari_scsam.infer.patch import Patch

Z = 2


@pytest.fixture
def one(fake_engine, info, stack):
    viewer = ViewerModel()
    session = Session(viewer, fake_engine, AtOnce)
    session.choices.choose_checkpoint(info)
    image = viewer.add_image(stack)
    session.choices.choose_image(image)
    viewer.dims.set_current_step(0, Z)
    session.part(Locking)
    said: list[str] = []
    session.status.connect(said.append)
    accepting = session.part(Accepting)
    return SimpleNamespace(
        viewer=viewer, session=session, image=image, accepting=accepting, said=said
    )


def write(one, *objects) -> Labels:
    one.accepting.write(one.session.request(), objects, "here;")
    (layer,) = [layer for layer in one.viewer.layers if isinstance(layer, Labels)]
    return layer


DISC = Patch(np.hypot(*(np.mgrid[:9, :9] - 4)) <= 4, 20, 30)


def test_an_object_is_written_as_the_target_in_one_undo_step(one, classes):
    one.accepting.choose_target(classes[2])
    layer = write(one, (Plane(0, Z), DISC), (Plane(0, Z + 1), DISC))
    expected = np.zeros(one.image.data.shape, np.uint8)
    for z in (Z, Z + 1):
        expected[z, 20:29, 30:39][DISC.mask] = 3
    np.testing.assert_array_equal(layer.data, expected)
    assert layer.selected_label == 3
    assert len(layer._undo_history) == 1
    count = 2 * int(DISC.mask.sum())
    assert one.said[-1] == (f"Accepted as vesicle here; {count} pixels changed; Ctrl+Z undoes it.")
    layer.undo()
    assert not layer.data.any()


def test_locked_pixels_stay_and_are_counted(one, classes):
    one.accepting.choose_target(classes[0])
    layer = write(one, (Plane(0, Z), DISC))
    lock(layer, 1, locked=True)
    one.accepting.choose_target(classes[1])
    moved = DISC._replace(x=DISC.x + 3)
    write(one, (Plane(0, Z), moved))
    first = np.zeros(layer.data.shape[1:], bool)
    first[20:29, 30:39] = DISC.mask
    second = np.zeros_like(first)
    second[20:29, 33:42] = DISC.mask
    np.testing.assert_array_equal(layer.data[Z], np.where(first, 1, np.where(second, 2, 0)))
    both = int((first & second).sum())
    assert f"{both} are locked and stay" in one.said[-1]


def test_without_its_image_nothing_is_written(one):
    request = one.session.request()
    one.viewer.layers.remove(one.image)
    one.accepting.write(request, [(Plane(0, Z), DISC)], "here;")
    assert len(one.viewer.layers) == 0
    assert one.said == []


def test_a_new_labels_layer_is_announced_once_and_each_object_too(one):
    added = []
    written = []
    one.accepting.layer_added.connect(lambda: added.append(1))
    one.accepting.written.connect(written.append)
    request = one.session.request()
    for _ in range(2):
        one.accepting.write(request, [(Plane(0, Z), DISC)], "here;")
    assert len(added) == 1
    assert written == [request, request]


def test_the_only_class_to_segment_is_the_target_until_another_is_chosen(one, classes):
    accepting = one.accepting
    choices = one.session.choices
    assert accepting.target == classes[0]
    choices.choose_classes(classes[1:2])
    assert accepting.target == classes[1]
    choices.choose_classes(classes[1:])
    assert accepting.target == classes[1]
    accepting.choose_target(classes[0])
    assert accepting.target == classes[0]
    assert choices.chosen == classes[1:], "several to segment stay chosen"
    choices.choose_classes(classes[2:])
    assert accepting.target == classes[2]
    accepting.choose_target(classes[0])
    assert choices.chosen == classes[:1], "one class is one choice for all"


def test_a_target_that_the_network_does_not_know_becomes_its_first_class(one, info, classes):
    one.accepting.choose_target(classes[2])
    one.session.choices.choose_checkpoint(replace(info, classes=classes[1:2]))
    assert one.accepting.target == classes[1]
    one.session.choices.choose_checkpoint(replace(info, classes=()))
    assert one.accepting.target is None


@pytest.mark.parametrize(
    ("changed", "refused", "text"),
    [
        (1234, {}, "1\u2009234 pixels changed; Ctrl+Z undoes it."),
        (0, {"locked": 5}, "0 pixels changed, 5 are locked and stay."),
        (
            7,
            {"locked": 0, "reviewed": 1500},
            "7 pixels changed, 1\u2009500 are reviewed and stay; Ctrl+Z undoes it.",
        ),
    ],
)
def test_what_changed_and_what_stayed_is_counted(changed, refused, text):
    assert describe_accepted(changed, refused) == text
