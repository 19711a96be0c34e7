"""No client sees anything of another, whatever they ask for and in which order."""

from __future__ import annotations

import copy

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from served import TINY, write_tiny

from napari_scsam.infer.device import choose_device
from napari_scsam.infer.predictor import Predictor
from napari_scsam.remote import asked
from napari_scsam.remote.arrays import pack, unpack
from napari_scsam.remote.line import NeedPixelsError, StateLostError
from napari_scsam.remote.parts import SliceRef
from napari_scsam.remote.remote_slice import hash_of
from napari_scsam.server import answering
from napari_scsam.server.models import ModelStore
from napari_scsam.server.sessions import Sessions
from napari_scsam.server.settings import Limits
from napari_scsam.steps import drive

PICTURES = [
    np.random.default_rng(i).integers(0, 255, (32 + 16 * i, 48), dtype=np.uint8) for i in range(2)
]
REFS = [SliceRef(pixels=hash_of(each)) for each in PICTURES]
STROKES = [np.zeros(each.shape, bool) for each in PICTURES]
for _strokes in STROKES:
    _strokes[4:7, 5:30] = True

CLIENTS = 3
WHO = st.integers(0, CLIENTS - 1)
WHAT = st.integers(0, len(PICTURES) - 1)


class Clients(RuleBasedStateMachine):
    """Clients that ask a server in any order; each has a predictor of its own beside, which must answer alike."""

    store: ModelStore
    model = None

    @initialize()
    def begin(self):
        self.sessions = Sessions(Limits(memory_bytes=60_000))
        self.served = [self.sessions.begin("")[0] for _ in range(CLIENTS)]
        self.alone = [Predictor(copy.deepcopy(self.model), "cpu") for _ in range(CLIENTS)]
        for session in self.served:
            drive(
                answering.load_steps(self.store, session, asked.Load(id=1, checkpoint=TINY), 2**30)
            )

    def ask(self, handler, who, request):
        """Ask as a client does: pixels that were dropped are sent again."""
        session = self.served[who]
        while True:
            try:
                message = drive(handler(session, request))()
            except NeedPixelsError as error:
                for name in error.hashes:
                    pairs = zip(PICTURES, REFS, strict=True)
                    session.put(name, next(p for p, ref in pairs if ref.pixels == name))
                    self.sessions.trim(session)
                continue
            session.used = max(each.used for each in self.served) + 1
            return message

    @rule(who=WHO, what=WHAT)
    def segment(self, who, what):
        found = self.ask(answering.segment_steps, who, asked.Segment(id=1, slice=REFS[what]))
        self.alone[who].set_image(PICTURES[what])
        np.testing.assert_array_equal(unpack(found.labels), self.alone[who].segment())

    @rule(who=WHO, what=WHAT, name=st.sampled_from(["granule", "lysosome"]))
    def teach(self, who, what, name):
        request = asked.Teach(
            id=1, slice=REFS[what], name=name, foreground=pack(STROKES[what]), replace_earlier=True
        )
        learned = self.ask(answering.teach_steps, who, request)
        self.alone[who].set_image(PICTURES[what])
        spec = self.alone[who].teach(name, STROKES[what], replace_earlier=True)
        assert learned.spec.spec() == spec
        for session, alone in zip(self.served, self.alone, strict=True):
            assert session.ready().classes == alone.classes

    @rule(who=WHO, what=WHAT)
    def click(self, who, what):
        request = asked.Prompt(id=1, slice=REFS[what], points=(((9.0, 9.0),),), labels=((1.0,),))
        found = self.ask(answering.prompt_steps, who, request)
        self.alone[who].set_image(PICTURES[what])
        mine = self.alone[who].predict_prompts([[9, 9]], [1])
        np.testing.assert_array_equal(unpack(found.inside), mine.inside)

    @rule(who=WHO)
    def restore(self, who):
        self.ask(answering.restore_steps, who, asked.RestoreTaught(id=1, taught=()))
        self.alone[who].restore_taught([])

    @rule(who=WHO, what=WHAT)
    def ask_for_what_others_have(self, who, what):
        """Neither pixels nor answers of another client can be named."""
        session = self.served[who]
        if REFS[what].pixels not in session.pixels and REFS[what] not in session.prepared:
            assert raises(NeedPixelsError, lambda: session.slice(REFS[what]))
        foreign = {n for other in self.served if other is not session for n in other.answers}
        for number in foreign - set(session.answers):
            assert raises(StateLostError, lambda number=number: session.answer(number))

    @rule(who=WHO)
    def run_out_of_memory(self, who):
        self.sessions.free(self.served[who])


def raises(kind: type[Exception], call) -> bool:
    """Whether a call raises an error of a kind."""
    try:
        call()
    except kind:
        return True
    return False


def test_clients_never_see_each_other(tmp_path, random_model):
    Clients.model = random_model
    Clients.store = ModelStore(choose_device("cpu"), write_tiny(tmp_path, random_model), 4)
    few = settings(
        max_examples=3,
        stateful_step_count=8,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    run_state_machine_as_test(Clients, settings=few)


def test_a_session_is_resumed_once_and_never_while_it_is_connected():
    sessions = Sessions(Limits())
    first, resumed = sessions.begin("")
    assert not resumed
    key = first.key
    assert sessions.begin(key)[0] is not first  # still connected
    sessions.leave(first)
    again, resumed = sessions.begin(key)
    assert resumed
    assert again is first
    sessions.leave(first)
    assert sessions.begin(key)[0] is not first  # the key was used
    assert sessions.begin("no key")[1] is False


def test_nothing_of_a_session_is_left_when_its_client_stays_away():
    sessions = Sessions(Limits(idle_seconds=0.0))
    session, _ = sessions.begin("")
    session.put("0" * 32, PICTURES[0])
    folder = session.folder
    (folder / "file").write_text("x")
    sessions.leave(session)
    sessions.drop_idle()
    assert len(sessions) == 0
    assert not folder.exists()
    assert not session.pixels


def test_memory_is_bounded_and_the_oldest_is_dropped_first():
    sessions = Sessions(Limits(memory_bytes=4 * PICTURES[0].nbytes))
    old, new = sessions.begin("")[0], sessions.begin("")[0]
    old.used = 1.0
    new.used = 2.0
    old.put("0" * 32, PICTURES[0])
    for number in range(6):
        new.put(f"{number:032d}", PICTURES[0])
        sessions.trim(new)
    assert not old.pixels
    assert sum(session.nbytes() for session in sessions) <= 4 * PICTURES[0].nbytes
    assert f"{5:032d}" in new.pixels
