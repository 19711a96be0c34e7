"""The current slice: what is prepared is what is asked about."""

import pytest

from napari_scsam.config import UserError
from napari_scsam.infer.current_slice import CurrentSlice


class Named(CurrentSlice[str]):
    """Prepares the name of an image."""

    def prepare(self, image, voxel_size=None, *, contrast=None, key=None):
        return f"{image} {voxel_size} {contrast} {key}"


def test_without_an_image_there_is_no_slice():
    with pytest.raises(UserError, match="no image is set; call set_image first"):
        _ = Named().slice


def test_an_image_is_prepared_with_all_that_is_known_of_it():
    holder = Named()
    holder.set_image("image", 5.0, contrast="contrast", key="key")
    assert holder.slice == "image 5.0 contrast key"


def test_a_slice_of_one_holder_is_not_that_of_another():
    first = Named()
    first.set_slice("first")
    with pytest.raises(UserError):
        _ = Named().slice
    assert first.slice == "first"
