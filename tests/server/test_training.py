"""What clients send for a training, and the process that trains."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.io.volumes import open_labels, open_volume
from napari_scsam.project.training_job import JOB_LABELS, read_job
from napari_scsam.remote.arrays import pack, pack_labels
from napari_scsam.remote.asked import FineTune, PutTraining
from napari_scsam.remote.line import StateLostError
from napari_scsam.server import training
from napari_scsam.server.engine import ServerEngine
from napari_scsam.server.session import ClientSession
from napari_scsam.server.settings import Limits
from napari_scsam.server.training import ServedTraining, TrainingSlices

JOB = "0123456789abcdef" * 2
IMAGE = np.random.default_rng(0).integers(0, 255, (20, 24), dtype=np.uint8)
LABELS = (IMAGE > 99).astype(np.uint16)


def put(kind: str, z: int, values) -> PutTraining:
    """A slice on its way."""
    array = pack(values) if kind == "image" else pack_labels(values)
    return PutTraining(id=1, job=JOB, kind=kind, z=z, array=array)


def filled(folder: Path, count: int = 2, most: int = 2**20) -> TrainingSlices:
    """Slices of a training, all sent."""
    slices = TrainingSlices(folder, JOB, most)
    for z in range(count):
        for kind, values in (("image", IMAGE), ("labels", LABELS), ("reviewed", LABELS)):
            slices.put(put(kind, z, values), values)
    return slices


def asked_for(**options) -> FineTune:
    """The request for a training."""
    return FineTune(**{"id": 1, "job": JOB, "classes": {"1": "cell"}, "slices": 2, **options})


def test_a_job_holds_what_was_sent(tmp_path):
    slices = filled(tmp_path)
    request = asked_for(colours={"1": "#00ff00"}, voxel_size=(8.0, 4.0, 4.0), minutes=2.5)
    folder = slices.write_job(request, Path("parent.safetensors"))
    job = read_job(folder)
    assert (job.slices, job.minutes, job.checkpoint) == ((0, 1), 2.5, "parent.safetensors")
    np.testing.assert_array_equal(open_volume(job.image, job.voxel_size).plane(1), IMAGE)
    labels = open_labels(folder / JOB_LABELS / "labels" / "classes")
    np.testing.assert_array_equal(labels.plane(0), LABELS)
    reviewed = open_labels(folder / JOB_LABELS / "labels" / "reviewed")
    np.testing.assert_array_equal(reviewed.plane(1), LABELS > 0)


def test_settings_of_a_training_reach_its_job(tmp_path):
    slices = filled(tmp_path)
    request = asked_for(settings={"crops": 7, "hold": 3, "seed": 12345})
    job = read_job(slices.write_job(request, Path("parent")))
    assert job.settings == {"crops": 7, "hold": 3, "seed": 12345}


@pytest.mark.parametrize(
    "settings", [{"nothing": 1}, {"crops": 10**9}, {"crops": -1}, {"crops": 1.5}, {"look": 1}]
)
def test_settings_that_no_training_has_or_that_ask_for_too_much_are_refused(tmp_path, settings):
    with pytest.raises(UserError, match="setting"):
        filled(tmp_path).write_job(asked_for(settings=settings), Path("parent"))


def test_slices_that_are_too_many_are_refused_and_one_sent_again_counts_once(tmp_path):
    slices = TrainingSlices(tmp_path, JOB, 2 * IMAGE.nbytes)
    for _ in range(5):
        slices.put(put("image", 0, IMAGE), IMAGE)
    slices.put(put("image", 1, IMAGE), IMAGE)
    with pytest.raises(UserError, match="too many"):
        slices.put(put("image", 2, IMAGE), IMAGE)
    assert slices.size == 2 * IMAGE.nbytes
    assert len(list(slices.folder.iterdir())) == 2


def test_slices_that_are_dropped_are_gone_and_the_job_stays(tmp_path):
    slices = filled(tmp_path)
    folder = slices.write_job(asked_for(), Path("parent"))
    slices.drop()
    assert slices.size == 0
    assert [path.name for path in slices.folder.iterdir()] == [folder.name]
    assert read_job(folder).names == ("cell",)


def test_labels_are_whole_numbers(tmp_path):
    slices = TrainingSlices(tmp_path, JOB, 2**20)
    for values in (LABELS.astype(np.float32), LABELS.astype(bool)):
        with pytest.raises(UserError, match="whole numbers"):
            slices.put(put("labels", 0, values), values)


def test_a_slice_that_was_not_sent_is_named(tmp_path):
    with pytest.raises(UserError, match="slice 2 of the training was not sent"):
        filled(tmp_path).write_job(asked_for(slices=3), Path("parent"))


@pytest.mark.parametrize("kind", ["image", "labels", "reviewed"])
def test_slices_of_different_sizes_are_refused(tmp_path, kind):
    slices = filled(tmp_path)
    slices.put(put(kind, 1, LABELS[1:]), LABELS[1:])
    with pytest.raises(UserError, match="different sizes"):
        slices.write_job(asked_for(), Path("parent"))


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "", "²", "one", "9" * 200, "../1"])
def test_a_label_value_is_a_whole_number(tmp_path, value):
    slices = filled(tmp_path)
    with pytest.raises(UserError, match="not a label value"):
        slices.write_job(asked_for(classes={value: "cell"}), Path("parent"))
    assert not (slices.folder / "job").exists()


# The process


@pytest.fixture
def process(tmp_path, monkeypatch):
    """Begins a training whose messages are those of a stand-in."""
    monkeypatch.setattr(training, "MODULE", "fake_training")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "helpers"))
    started: list[ServedTraining] = []

    def start(what: str) -> ServedTraining:
        monkeypatch.setenv("FAKE_TRAINING", what)
        started.append(ServedTraining(tmp_path))
        return started[-1]

    yield start
    for each in started:
        each.close()


def test_who_comes_late_hears_how_it_ended_and_not_each_step(process):
    run = process("worse")
    assert run.ended.wait(30)
    heard: list = []
    run.listen(lambda message, picture: heard.append((message["kind"], picture)))
    assert heard == [("started", None), ("done", None)]


def test_a_stop_reaches_the_process_and_nothing_comes_to_who_does_not_listen(process):
    run = process("waits")
    heard: list = []
    pictured = threading.Event()

    def take(message, picture):
        heard.append(message["kind"])
        if picture is not None:
            assert picture.shape == (32, 32, 3)
            pictured.set()

    run.listen(take)
    assert pictured.wait(30)
    run.ignore()
    count = len(heard)
    run.send("stop")
    assert run.ended.wait(30)
    assert len(heard) == count
    run.send("stop")  # it is gone; nothing happens
    assert run.checkpoint is None


def test_a_training_is_killed_with_its_session(process):
    run = process("waits")
    run.close()
    assert run.ended.is_set()
    assert run._process.poll() is not None


def test_a_line_that_is_no_message_is_passed_over(process):
    run = process("worse")
    assert run.ended.wait(30)
    run._pass_on("a library prints something\n")
    run._pass_on(json.dumps({"kind": "best", "report": {}}))
    heard: list = []
    run.listen(lambda message, _picture: heard.append(message["kind"]))
    assert heard == ["started", "done", "best"]


# What the engine does with them


@pytest.fixture
def engine(monkeypatch):
    """An engine without a network, a queue or a device."""

    class Bare(ServerEngine):
        def __init__(self) -> None:
            self.settings = type("Settings", (), {"limits": Limits(training_bytes=2**20)})
            self.sessions = []

    return Bare()


def test_the_slices_of_one_training_at_a_time_are_on_the_disk_of_the_server(engine):
    session = ClientSession()
    for number in range(3):
        request = put("image", 0, IMAGE).model_copy(update={"job": f"{number:032d}"})
        engine.put_training(session, request)
    assert len(list(session.folder.rglob("*.npy"))) == 1
    folder = session.folder
    session.close()
    assert not folder.exists()


def test_volumes_and_arrays_that_lie_are_no_slices(engine):
    session = ClientSession()
    cube = np.zeros((2, 3, 4), np.uint8)
    with pytest.raises(UserError, match="two axes"):
        engine.put_training(session, put("image", 0, cube))
    lying = put("labels", 0, LABELS)
    shape = {"shape": (19, 24)}
    lying = lying.model_copy(update={"array": lying.array.model_copy(update=shape)})
    with pytest.raises(UserError, match="damaged"):
        engine.put_training(session, lying)
    session.close()


def test_a_training_needs_slices_and_a_network_of_this_session(engine):
    session, other = ClientSession(), ClientSession()
    engine.put_training(other, put("image", 0, IMAGE))
    with pytest.raises(StateLostError, match="send them"):
        engine.training(session, asked_for())  # those of another client are not its own
    with pytest.raises(UserError, match="no checkpoint is loaded"):
        engine.training(other, asked_for())
    other.close()
    session.close()
