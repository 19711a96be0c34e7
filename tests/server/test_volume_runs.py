"""Slices of a run over a volume, which a client sends one by one."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from served import TINY, write_tiny

from napari_scsam.config import UserError
from napari_scsam.infer.device import choose_device
from napari_scsam.remote import asked
from napari_scsam.remote.arrays import pack, unpack
from napari_scsam.remote.line import NeedPixelsError
from napari_scsam.remote.remote_slice import hash_of
from napari_scsam.server import answering
from napari_scsam.server.models import ModelStore
from napari_scsam.server.session import ClientSession
from napari_scsam.server.volume_runs import MOST_RUNS, label_slice_steps
from napari_scsam.steps import drive

RNG = np.random.default_rng(0)
PLANES = [RNG.integers(0, 255, (40, 48), dtype=np.uint8) for _ in range(3)]
OTHER = RNG.integers(0, 255, (32, 48), dtype=np.uint8)
NAMES = [hash_of(each) for each in PLANES]


@pytest.fixture(scope="module")
def store(tmp_path_factory, random_model):
    """Offers the tiny network."""
    folder = write_tiny(tmp_path_factory.mktemp("offered"), random_model)
    return ModelStore(choose_device("cpu"), folder, 2)


@pytest.fixture
def session(store):
    """A client that has sent three slices."""
    session = ClientSession()
    drive(answering.load_steps(store, session, asked.Load(id=1, checkpoint=TINY), 2**28))
    for plane in (*PLANES, OTHER):
        session.put(hash_of(plane), plane)
    yield session
    session.close()


def request(z: int = 1, run: str = "0" * 32, **options) -> asked.LabelSlice:
    """A slice of a run, by itself unless something else is asked for."""
    values = {
        "planes": {z: NAMES[z]},
        "contrast": (10.0, 240.0),
        "classes": ("vesicle", "membrane"),
        "pixel_size": (8.0, 8.0),
    }
    return asked.LabelSlice(id=1, run=run, z=z, **{**values, **options})


def labelled(session: ClientSession, asked_for: asked.LabelSlice):
    """The answer."""
    return drive(label_slice_steps(session, asked_for))()


def test_only_classes_that_were_asked_for_are_found(session):
    labels = unpack(labelled(session, request()).labels)
    assert labels.shape == PLANES[1].shape
    assert set(np.unique(labels)) <= {0, 2, 5}
    assert labels.any()


def test_neighbours_are_embedded_once_and_forgotten_when_their_pixels_change(session):
    near = {z: NAMES[z] for z in range(3)}
    labelled(session, request(planes=near, average_z=True))
    run = session.runs["0" * 32]
    known = dict(run.seen)
    labelled(session, request(planes=near, average_z=True))
    assert all(run.seen[z] is known[z] for z in near)
    assert run.nbytes > 0
    changed = {**near, 0: NAMES[2]}
    labelled(session, request(planes=changed, average_z=True))
    assert run.seen[0] is not known[0]
    assert run.seen[1] is known[1]
    labelled(session, request(2, planes={2: NAMES[2]}))
    assert set(run.seen) == {2}
    assert not run.source.planes  # pixels are kept once, by the session


def test_labels_are_found_in_a_mask_alone(session):
    wanted = np.zeros(PLANES[1].shape, bool)
    wanted[5:20, 8:30] = True
    everywhere = unpack(labelled(session, request(run="1" * 32)).labels)
    inside = unpack(labelled(session, request(wanted={1: pack(wanted)})).labels)
    np.testing.assert_array_equal(inside[wanted], everywhere[wanted])


def test_probabilities_come_only_when_they_are_asked_for(session):
    assert labelled(session, request()).probabilities is None
    found = unpack(labelled(session, request(probabilities=True)).probabilities)
    assert found.shape[-2:] == PLANES[1].shape
    assert found.dtype == np.uint8


def test_missing_pixels_are_asked_for_and_the_run_goes_on(session):
    del session.pixels[NAMES[0]]
    near = request(planes={0: NAMES[0], 1: NAMES[1]}, average_z=True)
    with pytest.raises(NeedPixelsError) as error:
        labelled(session, near)
    assert error.value.hashes == (NAMES[0],)
    session.put(NAMES[0], PLANES[0])
    assert unpack(labelled(session, near).labels).any()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"planes": {0: NAMES[0]}}, "not among its planes"),
        ({"planes": {0: hash_of(OTHER), 1: NAMES[1]}, "average_z": True}, "different sizes"),
        ({"classes": ("nothing",)}, "nothing"),
        ({"wanted": {1: pack(np.zeros((3, 3), bool))}}, "shape"),
        ({"wanted": {1: pack(np.zeros(PLANES[1].shape, np.uint8))}}, "shape"),
    ],
)
def test_a_request_that_makes_no_sense_is_a_sentence_and_the_run_goes_on(session, options, why):
    with pytest.raises(UserError, match=why):
        labelled(session, request(**options))
    assert unpack(labelled(session, request()).labels).any()


def test_a_mask_larger_than_its_slice_is_not_decoded(session):
    with pytest.raises(UserError, match="limit"):
        labelled(session, request(wanted={1: pack(np.zeros((4000, 4000), bool))}))


def test_without_a_network_it_is_said_what_to_load():
    session = ClientSession()
    session.put(NAMES[1], PLANES[1])
    with pytest.raises(UserError, match="load one of the list"):
        labelled(session, request())


def test_only_the_newest_runs_are_remembered(session):
    for number in range(MOST_RUNS + 2):
        labelled(session, request(run=f"{number:032d}"))
    assert list(session.runs) == [f"{n:032d}" for n in range(2, MOST_RUNS + 2)]


def test_a_run_finds_what_strokes_have_taught(session, random_model):
    strokes = np.zeros(PLANES[1].shape, bool)
    strokes[4:8, 5:30] = True
    from napari_scsam.infer.predictor import Predictor
    from napari_scsam.io.contrast import Contrast

    alone = Predictor(copy.deepcopy(random_model), "cpu")
    alone.set_image(PLANES[1], (1.0, 8.0, 8.0), contrast=Contrast(10.0, 240.0))
    spec = alone.teach("granule", strokes, replace_earlier=True)
    restore = asked.RestoreTaught(id=1, taught=(asked.TaughtSpec.of(alone.taught(spec)),))
    drive(answering.restore_steps(session, restore))
    found = unpack(labelled(session, request(classes=("granule",))).labels)
    np.testing.assert_array_equal(found, alone.segment(["granule"]))
    assert found.any()
