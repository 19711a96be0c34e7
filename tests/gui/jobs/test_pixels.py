"""Pixels that were changed in place are noticed, and nothing of the old ones is used."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import zarr
from image_files import put_back, rename_away, replace_by_another, write_image
from napari.components import ViewerModel
from napari.layers import Layer

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.gui.jobs.engine import Engine
from napari_scsam.gui.jobs.many_slices import segment_slices_steps
from napari_scsam.gui.jobs.one_object import PromptRequest, embed_plane_steps, find_marked_steps
from napari_scsam.gui.jobs.pixels import PixelMemory, sample_pixels
from napari_scsam.gui.jobs.slice_request import SliceRequest
from napari_scsam.gui.jobs.teach import PlaneStrokes, TeachRequest, teach_strokes_steps
from napari_scsam.gui.layers.files import read_layers
from napari_scsam.gui.layers.plane import Plane
from napari_scsam.gui.prompts.marks import Marks
from napari_scsam.io.volumes import open_volume
from napari_scsam.project.strokes import BESIDE, ON
from napari_scsam.steps import drive

SHAPE = (6, 96, 128)


def pictures() -> tuple[np.ndarray, np.ndarray]:
    """Return two volumes of different looks and contrast."""
    rng = np.random.default_rng(3)
    one = rng.integers(0, 120, SHAPE, dtype=np.uint8)
    other = rng.integers(60, 255, SHAPE, dtype=np.uint8)
    other[:, 20:60, 30:90] //= 3
    return one, other


def request_for(checkpoint, data, position=2, **settings) -> SliceRequest:
    classes = settings.pop("classes")
    plane = Plane(0, position)
    return SliceRequest(str(checkpoint), "v", data, plane, (8.0, 8.0, 8.0), classes, **settings)


@pytest.fixture(params=["numpy", "zarr"])
def stored(request, tmp_path):
    """Turn an array into one of a kind that can be changed in place."""

    def store(values):
        if request.param == "numpy":
            return values.copy()
        array = zarr.create_array(
            tmp_path / "layer.zarr", shape=SHAPE, chunks=(1, *SHAPE[1:]), dtype=values.dtype
        )
        array[...] = values
        return array

    return store


@pytest.mark.parametrize("beside", [False, True])
def test_a_slice_that_was_changed_in_place_is_segmented_anew(
    checkpoint, random_model, stored, beside
):
    """Also one that was only embedded in advance."""
    one, other = pictures()
    data = stored(one)
    engine, fresh = Engine(), Engine()
    asked = request_for(checkpoint, data, 2, classes=random_model.classes)
    old = drive(engine.segment_steps(asked))
    drive(engine.prefetch_steps(asked))
    data[...] = other
    if beside:
        asked = replace(asked, plane=Plane(0, 3))
    new = drive(engine.segment_steps(asked))
    expected = drive(fresh.segment_steps(replace(asked, data=other)))
    np.testing.assert_array_equal(new.labels, expected.labels)
    assert not np.array_equal(new.labels, old.labels)
    data[...] = one
    again = drive(engine.segment_steps(replace(asked, plane=Plane(0, 2))))
    np.testing.assert_array_equal(again.labels, old.labels)


def test_one_changed_pixel_is_enough(checkpoint, random_model):
    one, _ = pictures()
    engine = Engine()
    asked = request_for(checkpoint, one, 2, classes=random_model.classes)
    drive(engine.segment_steps(asked))
    before = engine._predictor.slice
    drive(engine.segment_steps(asked))
    assert engine._predictor.slice is before, "what has not changed is not prepared again"
    one[2, 5, 7] ^= 255
    drive(engine.segment_steps(asked))
    assert engine._predictor.slice is not before
    assert engine._predictor.slice.key != before.key


def test_the_contrast_is_measured_again_even_for_slices_never_seen(checkpoint, random_model):
    one, other = pictures()
    engine = Engine()
    drive(engine.segment_steps(request_for(checkpoint, one, 0, classes=random_model.classes)))
    before = engine._contrasts["v"]
    one[:] = other
    drive(engine.segment_steps(request_for(checkpoint, one, 5, classes=random_model.classes)))
    assert engine._contrasts["v"].low > before.low


def test_a_click_is_answered_from_the_pixels_of_now(checkpoint, random_model):
    one, other = pictures()
    data = one.copy()
    engine, fresh = Engine(), Engine()
    asked = request_for(checkpoint, data, 2, classes=random_model.classes)
    drive(embed_plane_steps(engine, asked))
    marks = Marks(points=((60.0, 40.0),), inside=(True,))
    old = drive(find_marked_steps(engine, PromptRequest(asked, marks)))
    data[:] = other
    new = drive(find_marked_steps(engine, PromptRequest(asked, marks)))
    expected = drive(find_marked_steps(fresh, PromptRequest(replace(asked, data=other), marks)))
    np.testing.assert_array_equal(new.answer.window, expected.answer.window)
    assert new.answer.window.shape != old.answer.window.shape or not np.array_equal(
        new.answer.window, old.answer.window
    )


def test_what_strokes_taught_on_the_old_pixels_of_a_slice_is_dropped(checkpoint, random_model):
    one, other = pictures()
    data = one.copy()
    engine = Engine()
    asked = request_for(checkpoint, data, 2, classes=random_model.classes)
    drawn = np.zeros(SHAPE, np.uint8)
    drawn[2, 25:55, 40:50], drawn[2, 70:80, 10:60], drawn[3, 25:55, 60:70] = ON, BESIDE, ON
    spec = ClassSpec(9, "granule")
    strokes = tuple(PlaneStrokes(spec, Plane(0, z), drawn) for z in (2, 3))
    drive(teach_strokes_steps(engine, TeachRequest(asked, strokes)))
    known = engine._predictor._taught._known["granule"]
    before = set(known.lessons)
    assert len(before) == 2
    data[:] = other
    drive(teach_strokes_steps(engine, TeachRequest(asked, strokes)))
    after = set(engine._predictor._taught._known["granule"].lessons)
    assert len(after) == 2
    assert not before & after


def test_a_region_is_watched_by_itself(checkpoint, random_model):
    one, other = pictures()
    data = one.copy()
    engine, fresh = Engine(), Engine()
    asked = request_for(checkpoint, data, 2, classes=random_model.classes, region=(10, 20, 80, 110))
    drive(engine.segment_steps(asked))
    data[:] = other
    new = drive(engine.segment_steps(asked))
    expected = drive(fresh.segment_steps(replace(asked, data=other)))
    np.testing.assert_array_equal(new.labels, expected.labels)


@pytest.mark.parametrize("form", ["OME-Zarr", "TIFF", "HDF5"])
def test_an_image_that_is_gone_is_told_by_every_job(checkpoint, random_model, tmp_path, form):
    """Also for a slice whose answer is remembered; nothing is black, and nothing is constant."""
    path = write_image(tmp_path, form, pictures()[0])
    engine = Engine()
    asked = request_for(checkpoint, open_volume(path).data, classes=random_model.classes)
    whole = drive(engine.segment_steps(asked))
    rename_away(path)
    marks = Marks(points=((60.0, 40.0),), inside=(True,))
    for make in (
        lambda: engine.segment_steps(asked),
        lambda: engine.segment_steps(replace(asked, plane=Plane(0, 4))),
        lambda: Engine().segment_steps(asked),
        lambda: embed_plane_steps(engine, asked),
        lambda: find_marked_steps(engine, PromptRequest(asked, marks)),
        lambda: segment_slices_steps(engine, asked, [2, 3]),
    ):
        with pytest.raises(UserError, match=r"em\.\w+.* is no longer there"):
            drive(make())
    put_back(path)
    np.testing.assert_array_equal(drive(engine.segment_steps(asked)).labels, whole.labels)
    replace_by_another(path, form, pictures()[1])
    with pytest.raises(UserError, match="changed or replaced after it was opened"):
        drive(engine.segment_steps(asked))


def test_a_layer_whose_file_is_gone_is_an_error_and_not_black(tmp_path):
    path = write_image(tmp_path, "OME-Zarr", pictures()[0])
    viewer = ViewerModel()
    layer = viewer.add_layer(Layer.create(*read_layers(str(path))[0]))
    rename_away(path)
    with pytest.raises(UserError, match=r"em\.zarr/0 is no longer there"):
        viewer.dims.set_current_step(0, 4)
    put_back(path)
    viewer.dims.set_current_step(0, 1)
    viewer.dims.set_current_step(0, 4)
    np.testing.assert_array_equal(layer._data_view, pictures()[0][4])


def test_a_probe_is_small_and_spread(tmp_path):
    deep = np.zeros((400, 500, 600), np.uint8)
    seen = sample_pixels(deep)
    assert seen.size < 300_000
    assert seen.base is deep
    memory = PixelMemory()
    assert not memory.volume_has_changed("v", deep)
    assert not memory.volume_has_changed("v", deep)
    deep[200:] = 1
    assert memory.volume_has_changed("v", deep)
    assert not memory.volume_has_changed("v", deep)
    assert not memory.volume_has_changed("z", zarr.create_array(tmp_path / "z", data=deep))


def test_after_a_change_every_slice_is_doubted_once():
    memory = PixelMemory()
    one, other = np.zeros((4, 5), np.uint8), np.ones((4, 5), np.uint8)
    for key in "ab":
        assert memory.is_current(key, one)
        memory.remember(key, one)
        assert memory.is_current(key, one)
    assert not memory.is_current("a", other)
    memory.remember("a", other)
    assert memory.is_current("a", other)
    assert not memory.is_current("b", one)
    memory.remember("b", one)
    assert memory.is_current("b", one)
    assert memory.is_current("a", other)
