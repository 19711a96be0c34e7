from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import dask.array as da
import numpy as np
import pint
import pytest
import tifffile
import zarr
from at_once import AtOnce
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.notifications import notification_manager

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.gui.layers.class_table import VOXEL_SIZE
from napari_scsam.gui.layers.plane import Plane
from napari_scsam.gui.session import OF_IMAGE, Session
from napari_scsam.steps import Progress


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def session(viewer, fake_engine, info) -> Session:
    session = Session(viewer, fake_engine, AtOnce)
    session.choose_checkpoint(info)
    return session


@pytest.fixture
def said(session) -> list[str]:
    sentences: list[str] = []
    session.status.connect(sentences.append)
    return sentences


def labels_of(viewer) -> Labels:
    (found,) = [layer for layer in viewer.layers if isinstance(layer, Labels)]
    return found


def test_work_is_over_before_a_question_about_its_result_is_asked(session):
    seen = []
    session.working.connect(seen.append)
    session.on_return("question", lambda _: seen.append("asked"))

    def steps():
        yield Progress(0, 1)

    session.submit("question", steps)
    assert seen[seen.index("asked") - 1] is False


def test_segmenting_writes_the_shown_slice_where_the_image_lies(viewer, session, stack, said):
    image = viewer.add_image(stack, scale=(5, 7.68, 10.24), translate=(50, 0, 9), units=("nm",) * 3)
    session.choose_image(image)
    viewer.dims.set_current_step(0, 2)
    session.segment()
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
    session.choose_image(viewer.add_image(wrap(stack)))
    session.segment()
    assert labels_of(viewer).data[viewer.dims.current_step[0]].all()


def test_flat_and_multiscale_images(viewer, session, stack):
    session.choose_image(viewer.add_image(stack[0]))
    session.segment()
    assert labels_of(viewer).data.all()
    viewer.layers.clear()
    session.choose_image(viewer.add_image([stack, stack[:, ::2, ::2]], multiscale=True))
    session.segment()
    assert labels_of(viewer).data.shape == stack.shape


def test_picking_a_class_segments_at_once_where_the_slice_is_embedded(
    viewer, session, stack, classes
):
    session.choose_image(viewer.add_image(stack))
    session.choose_classes(classes[:1])
    assert "segment" not in session._worker.kinds
    session.segment()
    assert set(np.unique(labels_of(viewer).data)) == {0, 1}
    session.choose_classes(classes[2:])
    assert set(np.unique(labels_of(viewer).data)) == {0, 1, 3}
    assert labels_of(viewer).selected_label == 3
    viewer.dims.set_current_step(0, 0)
    session.choose_classes(classes[1:2])
    assert session._worker.kinds.count("segment") == 2
    assert not labels_of(viewer).data[0].any()


def test_asking_for_one_class_takes_nothing_from_another(
    viewer, session, stack, classes, fake_engine, monkeypatch
):
    session.choose_image(viewer.add_image(stack))
    session.choose_classes(classes[:1])
    session.segment()
    layer, z = labels_of(viewer), viewer.dims.current_step[0]
    found = layer.data[z] == 1
    assert found.any()

    def membranes_everywhere(names=None, threshold_offsets=None):
        yield Progress(0, 1, "segmenting")
        return np.full(stack[0].shape, 2, np.uint8)

    monkeypatch.setattr(fake_engine.predictor, "segment_steps", membranes_everywhere)
    session.choose_classes(classes[1:2])
    assert np.array_equal(layer.data[z] == 1, found)
    assert (layer.data[z][~found] == 2).all()
    session.replace_edits_too(True)
    session.segment()
    assert (layer.data[z] == 2).all()


def test_changed_pixels_and_another_voxel_size_are_embedded_anew(viewer, session, stack, classes):
    image = viewer.add_image(stack)
    session.choose_image(image)
    session.segment()
    session.type_voxel_size((5.0, 5.0, 5.0))
    session.choose_classes(classes[:1])
    assert session._worker.kinds.count("segment") == 1
    session.segment()
    image.data = stack[::-1].copy()
    session.choose_classes(classes[1:2])
    assert session._worker.kinds.count("segment") == 2
    keys = [key for key, _ in session._engine.predictor.asked]
    session.segment()
    assert session._engine.predictor.asked[-1][0] not in keys


def test_the_slices_beside_are_embedded_while_one_is_looked_at(viewer, session, stack, said):
    session.choose_image(viewer.add_image(stack))
    viewer.dims.set_current_step(0, 1)
    session.segment()
    volume = session._sources.volume(session.image)
    embedded = [key for key, _ in session._engine.predictor.prefetched]
    assert embedded == [
        (volume, Plane(0, 2)),
        (volume, Plane(0, 0)),
    ]  # three slices of three tiles fit
    assert "slice 1" in said[-1]
    session.embed_neighbours_too(False)
    assert session._worker.kinds[-1] == "cancel prefetch"
    session.segment()
    assert len(session._engine.predictor.prefetched) == 2


def test_what_goes_wrong_with_a_neighbour_is_no_news(viewer, session, stack, said, monkeypatch):
    notification_manager.records.clear()

    def fails(slice_):
        yield from ()
        raise UserError("slice 2 cannot be read")

    monkeypatch.setattr(session._engine.predictor, "embed_steps", fails)
    session.choose_image(viewer.add_image(stack))
    session.segment()
    assert session._worker.kinds[-1] == "prefetch"
    assert "cannot be read" not in " ".join(said)
    assert not notification_manager.records


def test_what_cannot_be_done_is_told(viewer, session, said, stack):
    notification_manager.records.clear()
    session.segment()
    assert "open a file" in said[-1]
    session.choose_image(viewer.add_image(np.zeros((8, 8, 3), np.uint8), rgb=True))
    session.segment()
    assert "RGB" in said[-1]
    session.choose_image(viewer.add_image(np.ones((2, 8, 8))))
    session.segment()
    assert "constant" in said[-1]
    assert len(notification_manager.records) == 3
    assert not [layer for layer in viewer.layers if isinstance(layer, Labels)]


def test_a_typed_voxel_size_goes_to_the_network_and_into_the_labels(viewer, session, stack):
    assert "open a file" in session.explain_voxel_size()
    session.type_voxel_size((1.0, 2.0, 3.0))
    session.choose_image(viewer.add_image(stack))
    changes = []
    session.image_changed.connect(lambda: changes.append(session.voxel_size))
    session.type_voxel_size((40.0, 10.0, 10.0))
    assert changes == [(40.0, 10.0, 10.0)]
    assert "5 nm" in session.explain_voxel_size()
    session.segment()
    assert session._engine.predictor.asked[-1][1] == (40.0, 10.0, 10.0)
    assert labels_of(viewer).metadata[VOXEL_SIZE] == (40.0, 10.0, 10.0)


def test_another_checkpoint_keeps_the_classes_by_name(session, info, classes):
    session.choose_classes(classes[:1])
    session.choose_checkpoint(
        replace(info, classes=(ClassSpec(7, "mitochondrion"), ClassSpec(8, "granule")))
    )
    assert [spec.id for spec in session.chosen] == [7]
    session.choose_checkpoint(replace(info, classes=(ClassSpec(8, "granule"),)))
    assert [spec.id for spec in session.chosen] == [8]


def test_the_state_of_the_model_is_told(viewer, session, info, stack):
    assert session.model_state == "Runs on cpu"
    states = []
    session.checkpoint_changed.connect(lambda: states.append(session.model_state))
    session._engine.damaged = True
    session.choose_checkpoint(replace(info, name="damaged"))
    assert states == ["Loading …", "Not loaded"]
    session._engine.damaged = False
    session.choose_image(viewer.add_image(stack))
    session.segment()
    assert states[-1] == "Runs on cpu"


def test_removing_the_image_cancels_and_forgets_it(viewer, session, stack):
    image = viewer.add_image(stack)
    session.choose_image(image)
    viewer.layers.remove(image)
    assert session.image is None
    assert session._worker.kinds[-7:] == [f"cancel {kind}" for kind in OF_IMAGE]


def test_a_result_for_a_removed_image_is_dropped(viewer, session, stack):
    image = viewer.add_image(stack)
    session.choose_image(image)
    late = []
    session._worker.run_in_event_loop = lambda steps, **_: late.append(steps)
    session.segment()
    viewer.layers.remove(image)
    assert list(late[0]) == []
    assert len(viewer.layers) == 0


def test_opening_a_file_adds_its_layers_and_chooses_the_image(
    viewer, session, tmp_path, stack, said
):
    tifffile.imwrite(tmp_path / "cell.tif", stack, photometric="minisblack")
    session.open_file(str(tmp_path / "cell.tif"))
    assert session.image is viewer.layers["cell"]
    session.open_file(str(tmp_path / "missing.tif"))
    assert "does not exist" in said[-1]


def test_the_units_are_known_before_the_worker_thread_makes_a_layer(
    viewer, fake_engine, monkeypatch
):
    monkeypatch.setattr(pint.application_registry, "_registry", pint.LazyRegistry())
    Session(viewer, fake_engine, AtOnce)
    assert type(pint.application_registry.get()) is pint.UnitRegistry


def test_one_session_a_viewer_until_its_last_widget_goes(viewer, fake_engine):
    other = ViewerModel()
    Session._sessions.update({one: Session(one, fake_engine, AtOnce) for one in (viewer, other)})
    session = Session.of(viewer)
    assert session is Session.of(viewer)
    assert session is not Session.of(other)
    session.attach()
    session.attach()
    session.detach()
    assert not session._worker.stopped
    session.detach()
    assert session._worker.stopped
    assert Session.find(viewer) is None
    assert Session.find(other) is not None
    Session.of(other).detach()


@pytest.mark.parametrize(
    ("busy", "window_is_gone", "told"), [(True, False, 1), (False, False, 0), (True, True, 0)]
)
def test_closing_the_widget_in_the_middle_of_work_is_told(
    session, monkeypatch, *, busy, window_is_gone, told
):
    sentences: list[str] = []
    monkeypatch.setattr("napari_scsam.gui.session.show_info", sentences.append)
    monkeypatch.setattr(session._worker, "busy", lambda kind=None: busy and kind == "run")
    session.attach()
    session.detach(window_is_gone=window_is_gone)
    assert len(sentences) == told


def test_napari_has_its_units_before_the_worker_thread_needs_them():
    code = """
import pint
from napari.components import ViewerModel
from napari_scsam.gui.jobs.engine import Engine
from napari_scsam.gui.session import Session
units = pint.get_application_registry()
before = type(units.get()).__name__
Session(ViewerModel(), Engine())
print(before, type(units.get()).__name__)
"""
    told = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    assert told.split()[0] == "LazyRegistry", (
        "napari makes them later than it used to; then this test says nothing"
    )
    assert told.split()[1] != "LazyRegistry"
