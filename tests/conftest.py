"""Fixtures that every test may use."""

from __future__ import annotations

import copy
import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest

from napari_scsam.config import ClassSpec

if TYPE_CHECKING:
    from segment_anything.modeling import Sam

    from napari_scsam.model import ScSAM

os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # torch reads it when imported: several threads a process would wait for each other

ORGANELLES = (ClassSpec(1, "mitochondrion"), ClassSpec(2, "membrane"), ClassSpec(5, "vesicle"))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Keep all tests with windows in one process when several share the work: windows take each other's keys and mouse."""
    if item.get_closest_marker("gui"):
        item.add_marker(pytest.mark.xdist_group("window"))


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests out of the user's embeddings on disk; those of the cache make one of their own."""
    monkeypatch.setenv("NAPARI_SCSAM_CACHE_GB", "0")


@pytest.fixture(autouse=True)
def _own_recent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the tests out of the user's list of projects."""
    monkeypatch.setenv("NAPARI_SCSAM_USER", str(tmp_path / "user"))


@pytest.fixture(autouse=True)
def _own_checkpoints(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the tests out of the user's folder of checkpoints."""
    monkeypatch.setenv("NAPARI_SCSAM_CHECKPOINTS", str(tmp_path / "checkpoints of the user"))


@pytest.fixture(scope="session")
def emdata() -> Path:
    """Folder of the real electron-microscopy data, beside the project; the test is skipped without it."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the real electron-microscopy data are not in {folder}")
    return folder


@pytest.fixture(scope="session")
def random_model() -> ScSAM:
    """A tiny ScSAM with random weights everywhere, also where it starts at zero; tests must not change it."""
    from napari_scsam.gui.workarounds.torch_guard import import_torch_stack

    import_torch_stack()  # there may have been a window
    import torch

    from napari_scsam.model import ScSAM, ScSAMConfig

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = ScSAM(ScSAMConfig(nm_per_pixel=8.0, tile=128), ORGANELLES)
        for part in (
            model.fusion.out,
            model.detail.filters.layers[-1],
            model.detail.class_filters,
            model.click_path.out,
        ):
            part.reset_parameters()
        for name, buffer in model.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer.uniform_(0.5, 1.5)
    return model.eval()


@pytest.fixture
def model(random_model: ScSAM) -> ScSAM:
    """A copy of the random model, for tests that change it."""
    return copy.deepcopy(random_model)


@pytest.fixture(scope="session")
def checkpoint(random_model: ScSAM, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The random model as a checkpoint file."""
    from napari_scsam.checkpoints.checkpoint import save_checkpoint

    path = tmp_path_factory.mktemp("checkpoints") / "random.safetensors"
    save_checkpoint(
        path, random_model, summary="Random weights.", licence="BSD-3-Clause", training={"steps": 0}
    )
    return path


@pytest.fixture(scope="session")
def official_sam() -> Sam:
    """segment-anything's vit_b with random weights, also where it starts at zero; tests must not change it."""
    import torch
    from segment_anything import build_sam_vit_b

    with torch.random.fork_rng():
        torch.manual_seed(1)
        sam = build_sam_vit_b()
        for name, weights in sam.named_parameters():
            if "pos_embed" in name or "rel_pos" in name:
                torch.nn.init.normal_(weights, std=0.1)
    return sam


@pytest.fixture(scope="session")
def official_file(official_sam: Sam, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The random SAM in the official format; taken away afterwards, for it is large."""
    import torch

    path = tmp_path_factory.mktemp("official") / "sam_vit_b.pth"
    torch.save(official_sam.state_dict(), path)
    yield path
    path.unlink()


@pytest.fixture(scope="session")
def mobile_sam_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole SAM in MobileSAM's form, the smallest there is, with random weights."""
    from official_sam import write_mobile_sam

    from napari_scsam.gui.workarounds.torch_guard import import_torch_stack

    import_torch_stack()  # there may have been a window
    return write_mobile_sam(tmp_path_factory.mktemp("mobile_sam") / "tiny_sam.pt")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The address of an S3-compatible server on loopback, empty for each module."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def blobs() -> np.ndarray:
    """A smooth grey image, 160×200 in 0..255, of bright round things on dark."""
    y, x = np.mgrid[:160, :200]
    return np.rint(127.5 + 127.5 * np.sin(y / 9) * np.sin(x / 9)).astype(np.uint8)


COLLECT_AT = 500e6
"""Bytes that memory may grow by between two collections."""

_memory = psutil.Process()
_kept = [0]


def pytest_runtest_logfinish() -> None:
    """Spare the next test's collections all that exists: napari makes several for each window.

    What earlier tests left is collected once it is much: each window and network is a circle.
    """
    if _memory.memory_info().rss > _kept[0] + COLLECT_AT:
        gc.unfreeze()
        gc.collect()
        _kept[0] = _memory.memory_info().rss
    gc.freeze()
