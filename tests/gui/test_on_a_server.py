"""A window whose network is on a server: every verb works, and a cut line costs no label."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from napari.layers import Image
from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QApplication
from relay import Relay
from served import TINY, TOKEN, served_on_a_thread, write_tiny

from napari_scsam.checkpoints.find import checkpoint_info
from napari_scsam.gui import session, widget
from napari_scsam.gui.jobs.class_map import MapKind, class_map_steps
from napari_scsam.gui.jobs.engine import Engine
from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.tools import server as server_tool
from napari_scsam.gui.tools.one_object import Prompting
from napari_scsam.gui.tools.propagate import Propagating
from napari_scsam.gui.tools.review import Reviewing
from napari_scsam.gui.tools.segment import Segmenting
from napari_scsam.gui.tools.server import ServerChoice
from napari_scsam.gui.tools.teach import Teaching
from napari_scsam.gui.tools.train import ProjectTraining
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.contrast import measure_contrast
from napari_scsam.project.training_job import Phase
from napari_scsam.server import training as served_training
from napari_scsam.server.settings import ServerSettings

pytestmark = pytest.mark.gui

PLACE = {"scale": (40, 8, 8), "units": ("nm",) * 3}
HELPERS = Path(__file__).resolve().parents[1] / "helpers"
AT_ONCE = 5.0
"""Seconds within which a window says that the line is cut."""


@pytest.fixture
def relay(tmp_path, random_model):
    settings = ServerSettings(TOKEN, "cpu", write_tiny(tmp_path, random_model))
    with served_on_a_thread(settings) as (address, _app):
        relay = Relay(address)
        yield relay
        relay.close()


@pytest.fixture
def one(window, relay, stack, tmp_path, monkeypatch, wait):
    """A window on a server, which has the same network as this computer."""
    tokens: dict[str, str] = {}
    monkeypatch.setattr(server_tool, "known_token", lambda address: tokens.get(address, ""))
    monkeypatch.setattr(server_tool, "keep_token", tokens.__setitem__)
    monkeypatch.setattr(session, "Engine", Engine)
    infos = (checkpoint_info(tmp_path / f"{TINY}.safetensors"),)
    monkeypatch.setattr(widget, "list_checkpoints", lambda: infos)
    monkeypatch.setattr("napari_scsam.gui.network.list_checkpoints", lambda: infos)
    one = window(Image(stack, **PLACE))
    one.tokens = tokens
    one.network = one.session.network
    one.choice = one.session.part(ServerChoice)
    one.said = []
    one.session.status.connect(one.said.append)
    one.choice.use(relay.address, TOKEN)
    wait(lambda: one.network.state.startswith("Runs on server"))
    one.finish()
    return one


def segmented(one, model, z: int) -> np.ndarray:
    """What the network makes of a slice on this computer."""
    data = one.session.choices.image.data
    predictor = Predictor(model, "cpu")
    predictor.set_image(data[z], (40, 8, 8), contrast=measure_contrast(data), key=z)
    return predictor.segment()


def segment(one, z: int) -> None:
    one.viewer.dims.set_current_step(0, z)
    one.session.part(Segmenting).segment()


def test_every_verb_works_on_a_server(one, random_model, wait):
    assert one.network.state == "Runs on server 127.0.0.1 (cpu)"
    assert one.widget.model.devices.currentText().startswith("Server 127.0.0.1")
    assert {info.name for info in one.network.list_checkpoints()} >= {TINY, "default"}
    assert one.session.choices.checkpoint.name == TINY
    assert one.tokens == {one.network.server: TOKEN}
    segment(one, 1)
    one.finish()
    labels = one.session.labels
    np.testing.assert_array_equal(labels.data[1], segmented(one, random_model, 1))
    point_and_propagate(one, wait)
    teach(one)
    assert [known.spec.name for known in one.session.choices.taught] == ["granule"]
    found = one_map(one)
    assert found.values.shape == labels.data.shape[1:]
    assert not [r for r in notification_manager.records if str(r.severity) == "error"]


def point_and_propagate(one, wait) -> None:
    prompting = one.session.part(Prompting)
    prompting.start()
    one.finish()
    prompting.layers.points.add((1, 40, 50))
    wait(lambda: prompting.found is not None)
    one.finish()
    one.session.part(Propagating).limit(1)
    prompting.propagate()
    one.finish()
    assert any("slice" in said for said in one.said), "it was followed as far as it went"
    prompting.stop()


def teach(one) -> None:
    teaching = one.session.part(Teaching)
    teaching.start("granule")
    one.finish()
    layer = teaching.strokes.layer
    with layer.block_history():
        for column in range(50, 60):
            layer.paint((1, 40, column), layer.selected_label)
    one.finish()


def one_map(one):
    spec = one.session.choices.classes[0]
    found: list = []
    steps = lambda: class_map_steps(  # noqa: E731  # made on the worker thread
        one.engine, one.session.request(), spec, MapKind.PROBABILITY
    )
    one.session.jobs.submit(Job.SHOW_MAP, steps, found.append)
    one.finish()
    return found[0]


def test_a_cut_line_keeps_all_labels_and_goes_on_by_itself(one, relay, wait, monkeypatch):
    segment(one, 0)
    one.finish()
    before = np.array(one.session.labels.data)
    assert before.any()
    start = time.monotonic()
    relay.cut()
    wait(lambda: one.network.trouble)
    assert time.monotonic() - start < AT_ONCE
    assert "is cut; connecting again" in one.network.state
    assert one.said[-1] == one.network.state
    assert one.widget.model.computer.isVisibleTo(one.widget.model.computer.parentWidget())
    segment(one, 2)
    np.testing.assert_array_equal(one.session.labels.data, before)
    relay.mend()
    one.finish()
    wait(lambda: one.network.state.startswith("Runs on server"))
    assert any(said == "Connected to 127.0.0.1 again." for said in one.said)
    assert one.session.labels.data[2].any(), "what was asked for is asked again"
    np.testing.assert_array_equal(one.session.labels.data[0], before[0])

    relay.cut()
    wait(lambda: one.network.trouble)
    segment(one, 3)
    one.session.part(Segmenting).cancel()
    one.finish()
    assert not one.session.labels.data[3].any(), "it was cancelled while the line was cut"
    one.widget.model.computer.click()
    wait(lambda: one.network.state == "Runs on cpu")
    segment(one, 3)
    one.finish()
    assert one.session.labels.data[3].any()
    assert not one.network.server


def test_the_train_page_trains_on_the_server_and_its_checkpoint_runs_there(
    one, wait, tmp_path, monkeypatch
):
    """The training itself is a stand-in, in a process of the server."""
    monkeypatch.setattr(served_training, "MODULE", "fake_training")
    monkeypatch.setenv("PYTHONPATH", str(HELPERS))
    monkeypatch.setenv("FAKE_TRAINING", "deaf")
    monkeypatch.setenv("FAKE_CHECKPOINT", str(tmp_path / f"{TINY}.safetensors"))
    monkeypatch.setenv("NAPARI_SCSAM_CHECKPOINTS", str(tmp_path / "own"))
    keeper = one.session.part(ProjectKeeper)
    training, panel = one.session.part(ProjectTraining), one.widget.desk.train
    keeper.new(str(tmp_path / "mine"))
    one.finish()
    wait(lambda: keeper.project is not None)
    keeper.labels.data_setitem((np.zeros(20, int), np.arange(20), np.full(20, 3)), 1)
    one.session.part(Reviewing).mark_slice()
    one.finish()
    assert panel.note.text().endswith("of memory on server 127.0.0.1.")
    heard: list = []
    training.heard.connect(heard.append)
    panel.start.click()
    wait(lambda: any(message["kind"] == "best" for message in heard), timeout=60_000)
    assert any("picture" in message for message in heard)
    assert panel.view.has_content
    panel.cancel.click()
    wait(lambda: training.phase == Phase.FINISHED, timeout=30_000)
    assert training.outcome.offered, "the best is kept"
    panel.use.click()
    one.finish()
    wait(lambda: one.session.choices.checkpoint.name == "mine_tuned")
    one.finish()
    assert one.network.state == "Runs on server 127.0.0.1 (cpu)"
    segment(one, 3)
    one.finish()
    assert "on server 127.0.0.1" in one.said[-1], "the new checkpoint runs there"
    assert (tmp_path / "own" / "mine_tuned.safetensors").is_file(), "it is among the user's own"


def test_the_dialog_asks_for_a_server_and_tries_it(window, monkeypatch, wait):
    one = window()
    asked: list = []
    monkeypatch.setattr(server_tool, "known_token", lambda _address: "a token")
    monkeypatch.setattr("napari_scsam.gui.setup_desk.recent_servers", lambda: ["ws://127.0.0.1:9"])
    monkeypatch.setattr(
        server_tool, "try_server", lambda *given: asked.append(given) or "connected to it"
    )
    one.session.part(ServerChoice).network = SimpleNamespace(
        server="", device="", devices=(), use_server=lambda *given: asked.append(given)
    )
    dialog = one.widget.setup.ask_for_server()
    assert not dialog.use.isEnabled(), "without a token nothing can be tried"
    wait(lambda: dialog.token.text() == "a token")
    dialog.test.click()
    wait(lambda: dialog.outcome.text() == "Connected to it.")
    assert asked == [("ws://127.0.0.1:9", "a token")]
    dialog.reject()
    QApplication.processEvents()
