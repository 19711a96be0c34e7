"""A real napari window with the widget in it, and a stand-in for the network where only the window is tested."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from at_once import AtOnce
from napari.components import ViewerModel

from napari_scsam.checkpoints.card import CheckpointInfo
from napari_scsam.config import ClassSpec, UserError
from napari_scsam.gui.jobs.engine import Engine
from napari_scsam.gui.session import Session
from napari_scsam.steps import Progress

CLASSES = (
    ClassSpec(1, "mitochondrion", "#e6553c", "The power plant"),
    ClassSpec(2, "membrane", "#3ca0e6", "Where cells end"),
    ClassSpec(3, "vesicle", "#46c864", "A small round one"),
)


class FakePredictor:
    """Calls the brightest third of the pixels vesicle and the darkest mitochondrion, slowly, tile by tile."""

    classes = CLASSES
    device = "cpu"
    count = 3
    tta = False
    seconds_per_tile = 0.005

    def augmented(self, slice_) -> list[tuple]:
        return [slice_] * (4 if self.tta else 1)

    def tiles(self, slice_) -> list[int]:  # noqa: ARG002  # all slices are alike
        return [0, 1, 2]

    def __init__(self) -> None:
        self.asked: list[tuple] = []
        self.prefetched: list[tuple] = []
        self.closed = 0
        self.embeddings = SimpleNamespace(has_room=lambda count: count <= self.room)

    room = 9
    """Tiles that fit into its memory."""

    def prepare(self, image, voxel_size=None, *, contrast=None, key=None) -> tuple:
        assert image.ndim == 2
        return (key, voxel_size), image, contrast

    def restore_taught(self, taught) -> None:
        self.recalled = tuple(taught)

    def set_slice(self, slice_) -> None:
        asked, self.image, self.contrast = slice_
        self.asked.append(asked)

    def embed_steps(self, slice_=((), None, None)):
        for done in range(3):
            yield Progress(done, 3, "embedding")
            time.sleep(self.seconds_per_tile)
        self.prefetched.append(slice_[0])

    def segment_steps(self, names=None, threshold_offsets=None):
        try:
            for done in range(self.count):
                yield Progress(done, self.count, "embedding")
                time.sleep(self.seconds_per_tile)
        except GeneratorExit:
            self.closed += 1
            raise
        self.threshold_offsets = threshold_offsets
        wanted = [spec.id for spec in CLASSES if spec.name in names]
        low, high = np.quantile(self.image, (1 / 3, 2 / 3))
        labels = np.select([self.image <= low, self.image >= high], [1, 3], 2).astype(np.uint8)
        return np.where(np.isin(labels, wanted), labels, 0)


class FakeEngine(Engine):
    """The engine with the stand-in for a network; the rest is real."""

    damaged = False

    def __init__(self) -> None:
        super().__init__()
        self.predictor = FakePredictor()

    def is_loaded(self, checkpoint: str) -> bool:  # noqa: ARG002  # it always is
        return True

    def ready_steps(self, checkpoint: str):
        yield Progress(0, 1, "loading")
        if self.damaged:
            raise UserError(f"{checkpoint} is damaged; fetch it again")
        return self.predictor


@pytest.fixture(autouse=True)
def _no_widget_outlives_its_test(request):
    """Fail a test that leaves a widget of ours, or any window, behind."""
    from left_widgets import count_widgets, left_since

    before = count_widgets()
    yield
    if getattr(request.node, "rep_call", None) is None or request.node.rep_call.failed:
        return  # the traceback holds what the test made
    request.node.funcargs.clear()  # pytest does so after the last fixture, and they may be widgets
    left = left_since(before)
    assert left == [], "these widgets outlive the test"


@pytest.fixture(scope="session")
def classes() -> tuple[ClassSpec, ...]:
    return CLASSES


@pytest.fixture
def info() -> CheckpointInfo:
    return CheckpointInfo(
        "tiny", Path("tiny.safetensors"), CLASSES, 5.0, 22_000_000, "BSD-3", "A tiny one.", {}, {}
    )


@pytest.fixture
def fake_engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def predictor(model):
    """A network that sees bright things."""
    from blob_predictor import BlobPredictor

    return BlobPredictor(model, "cpu")


@pytest.fixture
def wait(qtbot):
    """Wait until something is true, with the event loop running."""

    def until(check, timeout: int = 30_000) -> None:
        qtbot.waitUntil(lambda: bool(check()), timeout=timeout)

    return until


@pytest.fixture
def window(make_napari_viewer, monkeypatch, info, wait):
    """Open the widget on a viewer of its own; gives viewer, widget, session, engine and `finish`, which waits for the work."""
    from napari_scsam.gui import session, widget

    monkeypatch.setattr(session, "Engine", FakeEngine)
    monkeypatch.setattr(widget, "list_checkpoints", lambda: (info,))

    def open_window(*layers, viewer=None):
        viewer = viewer or make_napari_viewer(show=True)
        for layer in layers:
            viewer.add_layer(layer)
        panel = widget.ScSAMWidget(viewer)
        viewer.window.add_dock_widget(panel, name="ScSAM")
        chosen = session.Session.of(viewer)
        worker = chosen.jobs.worker

        def finish() -> None:
            wait(lambda: not (worker._small or any(not r.idle for r in worker._open)))

        return SimpleNamespace(
            viewer=viewer, widget=panel, session=chosen, engine=chosen.engine, finish=finish
        )

    return open_window


@pytest.fixture
def stack() -> np.ndarray:
    """Four slices of smooth noise."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(40, 220, (4, 12, 16)).astype(np.uint8)
    return np.kron(coarse, np.ones((1, 8, 8), np.uint8))


@pytest.fixture
def viewer() -> ViewerModel:
    """A viewer without a window."""
    return ViewerModel()


@pytest.fixture
def session(viewer, fake_engine, info) -> Session:
    """A session without a window, whose work is done at once."""
    session = Session(viewer, fake_engine, AtOnce)
    session.choices.choose_checkpoint(info)
    return session


@pytest.fixture
def said(session) -> list[str]:
    """What the session says."""
    sentences: list[str] = []
    session.status.connect(sentences.append)
    return sentences
