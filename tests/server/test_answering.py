"""Answers on the thread of the device: what is refused, and what a saved network holds."""

from __future__ import annotations

import tempfile

import numpy as np
import pytest
from served import TINY, line_to, write_tiny

from napari_scsam.checkpoints.card import read_card
from napari_scsam.checkpoints.checkpoint import load_checkpoint
from napari_scsam.config import UserError
from napari_scsam.infer.device import choose_device
from napari_scsam.infer.predictor import Predictor
from napari_scsam.remote import asked
from napari_scsam.remote.arrays import pack, unpack
from napari_scsam.remote.line import StateLostError
from napari_scsam.remote.parts import SliceRef
from napari_scsam.remote.predictor import RemotePredictor
from napari_scsam.remote.remote_slice import hash_of
from napari_scsam.server import answering
from napari_scsam.server.models import ModelStore
from napari_scsam.server.session import ClientSession
from napari_scsam.steps import drive

IMAGE = np.random.default_rng(0).integers(0, 255, (40, 48), dtype=np.uint8)
REF = SliceRef(pixels=hash_of(IMAGE))
STROKES = np.zeros(IMAGE.shape, bool)
STROKES[4:7, 5:30] = True
LIMITS = {"overlap": 0.0, "similarity": -1.0, "certainty": 0.0, "smallest": 0, "max_shift": 50}


@pytest.fixture(scope="module")
def store(tmp_path_factory, random_model):
    """Offers the tiny network."""
    return ModelStore(
        choose_device("cpu"), write_tiny(tmp_path_factory.mktemp("offered"), random_model), 2
    )


@pytest.fixture
def session(store):
    """A client that has loaded a network and sent a slice."""
    session = ClientSession()
    drive(answering.load_steps(store, session, asked.Load(id=1, checkpoint=TINY), 2**28))
    session.put(REF.pixels, IMAGE)
    yield session
    session.close()


def follow(mask=STROKES[4:7, 5:30], corner=(4, 5)) -> asked.Follow:
    return asked.Follow(id=1, slice=REF, mask=pack(np.asarray(mask)), corner=corner, **LIMITS)


@pytest.mark.parametrize(
    ("handler", "request_"),
    [
        (answering.segment_steps, asked.Segment(id=1, slice=REF)),
        (answering.embed_steps, asked.Embed(id=1, slice=REF)),
        (answering.prompt_steps, asked.Prompt(id=1, slice=REF)),
        (answering.restore_steps, asked.RestoreTaught(id=1, taught=())),
        (answering.save_network_steps, asked.SaveModel(id=1)),
    ],
)
def test_without_a_network_everything_is_one_sentence(handler, request_):
    with pytest.raises(UserError, match="load one of the list first"):
        drive(handler(ClientSession(), request_))


@pytest.mark.parametrize(
    ("mask", "corner", "why"),
    [
        (np.zeros((3, 3), bool), (0, 0), "no object"),
        (np.ones((3, 3), np.uint8), (0, 0), "no object"),
        (np.ones((2, 3, 3), bool), (0, 0), "no object"),
        (np.ones((3, 3), bool), (-1, 0), "not on the slice"),
        (np.ones((3, 3), bool), (38, 0), "not on the slice"),
        (np.ones((3, 3), bool), (0, 46), "not on the slice"),
        (np.ones((900, 900), bool), (0, 0), "limit"),
    ],
)
def test_only_an_object_on_the_slice_is_followed(session, mask, corner, why):
    with pytest.raises(UserError, match=why):
        drive(answering.follow_steps(session, follow(mask, corner)))
    assert not session.followed


def test_the_last_slice_of_an_object_may_be_asked_for_again_and_no_other(session):
    number = drive(answering.follow_steps(session, follow()))().following

    def following(turn: int, number: int = number) -> asked.FollowNext:
        return asked.FollowNext(id=1, slice=REF, following=number, turn=turn)

    first = drive(answering.follow_next_steps(session, following(0)))()
    again = drive(answering.follow_next_steps(session, following(0)))()
    np.testing.assert_array_equal(unpack(first.mask), unpack(again.mask))
    for turn in (2, 5):
        with pytest.raises(StateLostError, match="order"):
            drive(answering.follow_next_steps(session, following(turn)))
    with pytest.raises(StateLostError, match="not followed"):
        drive(answering.follow_next_steps(session, following(0, number + 1)))


@pytest.mark.parametrize("names", [None, (), ("vesicle", "membrane")])
def test_a_map_of_probability_is_of_one_class(session, names):
    request = asked.MapOf(id=1, slice=REF, kind="probability", classes=names)
    with pytest.raises(UserError, match="name one"):
        drive(answering.map_steps(session, request))


def test_objects_with_different_numbers_of_points_are_refused(session):
    points = (((1.0, 2.0),), ((1.0, 2.0), (3.0, 4.0)))
    request = asked.Prompt(id=1, slice=REF, points=points, labels=((1.0,), (1.0, 0.0)))
    with pytest.raises(UserError, match="as many"):
        drive(answering.prompt_steps(session, request))


def test_an_answer_that_was_dropped_cannot_be_refined(session):
    request = asked.Prompt(id=1, slice=REF, points=(((9.0, 9.0),),), labels=((1.0,),), earlier=77)
    with pytest.raises(StateLostError, match="dropped"):
        drive(answering.prompt_steps(session, request))


def test_strokes_are_no_larger_than_their_slice(session):
    request = asked.Teach(
        id=1, slice=REF, name="granule", foreground=pack(np.ones((900, 900), bool))
    )
    with pytest.raises(UserError, match="limit"):
        drive(answering.teach_steps(session, request))
    assert not session.ready().model.lessons


def test_loading_again_keeps_pixels_and_forgets_what_is_not_named(session, store):
    drive(
        answering.teach_steps(
            session, asked.Teach(id=1, slice=REF, name="granule", foreground=pack(STROKES))
        )
    )
    known = drive(answering.load_steps(store, session, asked.Load(id=2, checkpoint=TINY), 2**28))()
    assert known.lessons == ()
    assert REF.pixels in session.pixels


def test_a_saved_network_finds_here_what_it_found_there_and_leaves_nothing_there(
    tiny_server, tmp_path, monkeypatch
):
    there_folder = tmp_path / "server"
    there_folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(there_folder))
    with line_to(tiny_server) as line:
        remote = RemotePredictor(line)
        drive(remote.load_steps(TINY))
        remote.set_image(IMAGE)
        remote.teach("granule", STROKES, replace_earlier=True)
        there = remote.segment()
        path = drive(remote.save_steps(tmp_path / "mine.safetensors", "what I taught"))
        (folder,) = there_folder.iterdir()
        assert not list(folder.iterdir())
    card = read_card(path)
    assert card.summary == "what I taught"
    assert card.training["taught"] == {"classes": ["granule"], "from": TINY}
    here = Predictor(load_checkpoint(path), "cpu")
    here.set_image(IMAGE)
    np.testing.assert_array_equal(here.segment(), there)
