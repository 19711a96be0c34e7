from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import zarr
from napari.layers import Labels

from napari_scsam.gui.layers.plane import Plane
from napari_scsam.gui.layers.shown_class import NAME
from napari_scsam.gui.tools.segment import Segmenting
from napari_scsam.steps import Progress


def labels_of(viewer) -> Labels:
    (found,) = [
        layer for layer in viewer.layers if isinstance(layer, Labels) and layer.name != NAME
    ]
    return found


def test_segmenting_writes_the_shown_slice_where_the_image_lies(viewer, session, stack, said):
    image = viewer.add_image(stack, scale=(5, 7.68, 10.24), translate=(50, 0, 9), units=("nm",) * 3)
    session.choices.choose_image(image)
    viewer.dims.set_current_step(0, 2)
    session.part(Segmenting).segment()
    labels = labels_of(viewer)
    assert labels.data[2].all()
    assert np.count_nonzero(labels.data) == stack[2].size
    assert labels.data_to_world((2, 3, 4)) == pytest.approx(image.data_to_world((2, 3, 4)))
    assert said[0] == "Segmenting 3 classes on slice 2 …"
    assert said[-1].startswith("3 classes on slice 2: 100.0 %")


def as_dask(array):
    return da.from_array(array, chunks=(1, 32, 32))


def as_zarr(array):
    return zarr.array(array, chunks=(1, 32, 32))


@pytest.mark.parametrize("wrap", [np.asarray, as_dask, as_zarr, np.float32, np.int32])
def test_arrays_of_every_kind(viewer, session, stack, wrap):
    session.choices.choose_image(viewer.add_image(wrap(stack)))
    session.part(Segmenting).segment()
    assert labels_of(viewer).data[viewer.dims.current_step[0]].all()


def test_flat_and_multiscale_images(viewer, session, stack):
    session.choices.choose_image(viewer.add_image(stack[0]))
    session.part(Segmenting).segment()
    assert labels_of(viewer).data.all()
    viewer.layers.clear()
    session.choices.choose_image(viewer.add_image([stack, stack[:, ::2, ::2]], multiscale=True))
    session.part(Segmenting).segment()
    assert labels_of(viewer).data.shape == stack.shape


def test_picking_a_class_shows_it_at_once_where_the_slice_is_embedded(
    viewer, session, stack, classes
):
    session.choices.choose_image(viewer.add_image(stack))
    session.part(Segmenting).choose_classes(classes[:1])
    assert "segment" not in session.jobs.worker.kinds
    session.part(Segmenting).segment()
    assert set(np.unique(labels_of(viewer).data)) == {0, 1}
    session.part(Segmenting).choose_classes(classes[2:])
    assert session.jobs.worker.kinds.count("show class") == 1
    assert set(np.unique(labels_of(viewer).data)) == {0, 1}
    session.part(Segmenting).segment()
    assert set(np.unique(labels_of(viewer).data)) == {0, 1, 3}
    assert labels_of(viewer).selected_label == 3
    viewer.dims.set_current_step(0, 0)
    session.part(Segmenting).choose_classes(classes[1:2])
    assert session.jobs.worker.kinds.count("show class") == 1
    assert not labels_of(viewer).data[0].any()


def test_asking_for_one_class_takes_nothing_from_another(
    viewer, session, stack, classes, fake_engine, monkeypatch
):
    session.choices.choose_image(viewer.add_image(stack))
    session.part(Segmenting).choose_classes(classes[:1])
    session.part(Segmenting).segment()
    layer, z = labels_of(viewer), viewer.dims.current_step[0]
    found = layer.data[z] == 1
    assert found.any()

    def membranes_everywhere(names=None, threshold_offsets=None):
        yield Progress(0, 1, "segmenting")
        return np.full(stack[0].shape, 2, np.uint8)

    monkeypatch.setattr(fake_engine.predictor, "segment_steps", membranes_everywhere)
    session.part(Segmenting).choose_classes(classes[1:2])
    session.part(Segmenting).segment()
    assert np.array_equal(layer.data[z] == 1, found)
    assert (layer.data[z][~found] == 2).all()
    session.choices.set_replace_edits(True)
    session.part(Segmenting).segment()
    assert (layer.data[z] == 2).all()


def test_changed_pixels_and_another_voxel_size_are_embedded_anew(viewer, session, stack, classes):
    image = viewer.add_image(stack)
    session.choices.choose_image(image)
    session.part(Segmenting).segment()
    session.choices.type_voxel_size((5.0, 5.0, 5.0))
    session.part(Segmenting).choose_classes(classes[:1])
    assert session.jobs.worker.kinds.count("segment") == 1
    session.part(Segmenting).segment()
    image.data = stack[::-1].copy()
    session.part(Segmenting).choose_classes(classes[1:2])
    assert session.jobs.worker.kinds.count("segment") == 2
    keys = [key for key, _ in session.engine.predictor.asked]
    session.part(Segmenting).segment()
    assert session.engine.predictor.asked[-1][0] not in keys


def test_the_slices_beside_are_embedded_while_one_is_looked_at(viewer, session, stack, said):
    session.choices.choose_image(viewer.add_image(stack))
    viewer.dims.set_current_step(0, 1)
    session.part(Segmenting).segment()
    volume = session.choices.volume_of(session.choices.image)
    embedded = [key for key, _ in session.engine.predictor.prefetched]
    assert embedded == [
        (volume, Plane(0, 2)),
        (volume, Plane(0, 0)),
    ]  # three slices of three tiles fit
    assert "slice 1" in said[-1]
    session.part(Segmenting).set_prefetch(False)
    assert session.jobs.worker.kinds[-1] == "cancel prefetch"
    session.part(Segmenting).segment()
    assert len(session.engine.predictor.prefetched) == 2


def test_a_result_for_a_removed_image_is_dropped(viewer, session, stack):
    image = viewer.add_image(stack)
    session.choices.choose_image(image)
    late = []
    session.jobs.worker.run_in_event_loop = lambda steps, **_: late.append(steps)
    session.part(Segmenting).segment()
    viewer.layers.remove(image)
    assert list(late[0]) == []
    assert len(viewer.layers) == 0
