from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image

from napari_scsam.gui.image_choice import ImageChoice


@pytest.fixture
def choice():
    choice = ImageChoice()
    choice.told = []
    choice.image_changed.connect(lambda: choice.told.append(1))
    return choice


@pytest.fixture
def image():
    return Image(np.zeros((4, 8, 8)), scale=(40, 8, 8), units=("nm",) * 3)


def test_nothing_is_known_before_an_image_is_chosen(choice):
    assert choice.voxel_size is None
    assert choice.contrast is None
    assert choice.explain_voxel_size() == "Choose an image layer, or open a file."
    choice.type_voxel_size((1.0, 1.0, 1.0))
    choice.take_contrast_as_shown(True)
    assert choice.told == []


def test_the_size_of_the_layer_counts_until_one_is_typed(choice, image):
    choice.note_image(image)
    assert choice.voxel_size == (40.0, 8.0, 8.0)
    choice.type_voxel_size((30.0, 5.0, 5.0))
    assert choice.voxel_size == (30.0, 5.0, 5.0)
    assert choice.typed_voxel_size(image) == (30.0, 5.0, 5.0)
    choice.type_voxel_size(None)
    assert choice.voxel_size == (40.0, 8.0, 8.0)
    assert choice.typed_voxel_size(image) is None
    assert len(choice.told) == 2


def test_a_size_can_be_typed_for_another_image(choice, image):
    other = Image(np.zeros((4, 8, 8)))
    choice.note_image(image)
    choice.type_voxel_size((9.0, 9.0, 9.0), other)
    assert choice.voxel_size == (40.0, 8.0, 8.0)
    choice.note_image(other)
    assert choice.voxel_size == (9.0, 9.0, 9.0)


def test_the_size_is_explained_with_that_of_the_network(choice, image, info):
    choice.note_image(image)
    assert choice.explain_voxel_size() == "From the layer."
    choice.checkpoint = info
    assert choice.explain_voxel_size() == (
        "From the layer; slices are resampled to the network's 5 nm."
    )
    choice.type_voxel_size((5.0, 5.0, 5.0))
    assert choice.explain_voxel_size() == "Typed here; the same as the network's 5 nm."


def test_an_image_that_cannot_be_segmented_says_why(choice):
    choice.note_image(Image(np.zeros((8,) * 2 + (3,)), rgb=True))
    text = choice.explain_voxel_size()
    assert text.endswith(".")
    assert text[0].isupper()


def test_the_displayed_contrast_is_used_when_it_is_wanted(choice, image):
    choice.note_image(image)
    assert choice.contrast is None
    image.contrast_limits = (10, 90)
    choice.take_contrast_as_shown(True)
    assert choice.contrast is not None
    assert (choice.contrast.low, choice.contrast.high) == (10, 90)
    choice.take_contrast_as_shown(False)
    assert choice.contrast is None


def test_pixels_have_an_identity_that_replaced_ones_do_not_share(choice, image):
    choice.note_image(image)
    before = choice.volume_of(image)
    assert choice.image_of(before) is image
    image.data = np.ones((4, 8, 8))
    after = choice.volume_of(image)
    assert after != before
    assert choice.image_of(before) is None
    assert choice.image_of(after) is image
