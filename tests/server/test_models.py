"""The checkpoints that a server offers, and networks that share their weights."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
from served import TINY, write_tiny
from small_networks import write_onnx

from napari_scsam.checkpoints import checkpoint
from napari_scsam.checkpoints.find import DEFAULT
from napari_scsam.checkpoints.imported.importing import NetworkCard, import_network
from napari_scsam.config import UserError
from napari_scsam.infer.device import choose_device
from napari_scsam.infer.predictor import Predictor
from napari_scsam.project.project import file_hash
from napari_scsam.remote.asked import Load, PutFile
from napari_scsam.remote.line import NeedFilesError
from napari_scsam.remote.parts import FileRef
from napari_scsam.server.loaded_model import share_weights
from napari_scsam.server.models import ModelStore
from napari_scsam.server.session import ClientSession

IMAGE = np.random.default_rng(0).integers(0, 255, (32, 40), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path, random_model):
    """A folder with one checkpoint, which others lie beside."""
    path = tmp_path / "offered"
    path.mkdir()
    return write_tiny(path, random_model)


def store_of(folder, most: int = 4) -> ModelStore:
    return ModelStore(choose_device("cpu"), folder, most)


def found(store, name: str, session: ClientSession | None = None, **more):
    """The card of what a client asks for."""
    return store.find(Load(id=1, checkpoint=name, **more), session or ClientSession())


def test_checkpoints_of_the_folder_alone_are_offered_by_names(folder, tmp_path):
    private = tmp_path / "private.safetensors"
    shutil.copy(folder / f"{TINY}.safetensors", private)
    (folder / "damaged.safetensors").write_bytes(b"junk")
    (folder / "linked.safetensors").symlink_to(private)
    infos = store_of(folder).infos()
    assert next(iter(infos)) == DEFAULT
    assert TINY in infos
    assert not {"linked", "damaged", "private"} & set(infos)
    assert not [name for name in infos if "/" in name or name.endswith(".safetensors")]


@pytest.mark.parametrize(
    "name", ["", "..", "../private", "/etc/passwd", "tiny.safetensors", "TINY\x00", "x" * 300]
)
def test_a_name_that_is_not_on_the_list_is_refused_and_the_list_is_shown(folder, name):
    with pytest.raises(UserError, match=f"choose one of: .*{TINY}"):
        found(store_of(folder), name)


def test_a_checkpoint_of_the_session_is_found_by_it_alone(folder, tmp_path):
    tuned = tmp_path / "tuned.safetensors"
    shutil.copy(folder / f"{TINY}.safetensors", tuned)
    store = store_of(folder)
    session = ClientSession()
    session.tuned["mine"] = tuned
    assert found(store, "mine", session).path == tuned
    with pytest.raises(UserError, match="no checkpoint"):
        found(store, "mine")


def test_a_file_that_the_server_has_is_not_sent_and_any_other_is_asked_for(folder, tmp_path):
    store = store_of(folder)
    file = folder / f"{TINY}.safetensors"
    ref = FileRef(sha256=file_hash(file), bytes=file.stat().st_size)
    known = found(store, "my own name", files={"my own name": ref})
    assert (known.name, known.path) == ("my own name", file.resolve())
    assert store.load(known).sha256 == ref.sha256
    assert store.load(known) is store.load(found(store, TINY))  # one copy of the weights
    other = FileRef(sha256="0" * 64, bytes=ref.bytes)
    with pytest.raises(NeedFilesError) as asked:
        found(store, TINY, files={TINY: other})
    assert asked.value.hashes == ("0" * 64,)


def write_imported(path, name: str = "ER") -> None:
    """Write an imported network that finds bright things."""
    file = write_onnx(path.with_suffix(".onnx"), [(8.0, -4.0)])
    import_network(file, path, NetworkCard((f"{name}=7",), nm_per_pixel=8.0, probabilities=False))


def test_an_imported_network_of_the_server_works_beside_and_a_sent_one_does_not(folder, tmp_path):
    write_imported(folder / "er.safetensors")
    store = store_of(folder)
    info = found(store, TINY, beside=("er",))
    assert [one.name for one in info.beside] == ["er"]
    network = store.load(info)
    assert [one.name for one in network.copy().beside] == ["er"]
    assert store.load(found(store, TINY)) is not network
    own = tmp_path / "own.safetensors"
    write_imported(own, "golgi")
    ref = FileRef(sha256=file_hash(own), bytes=own.stat().st_size)
    session = ClientSession()
    put = PutFile(id=1, file=ref, offset=0, data=own.read_bytes())
    session.sent.put(put, session.folder)
    with pytest.raises(UserError, match="imported network, and a server runs none"):
        found(store, TINY, session, beside=("own",), files={"own": ref})
    session.close()


@pytest.fixture
def quick(monkeypatch, random_model):
    """Networks are copied, and not read from their files."""
    monkeypatch.setattr(checkpoint, "load_network", lambda _info: share_weights(random_model))


def test_a_network_is_loaded_once_and_again_when_its_file_changed(folder, quick):
    store = store_of(folder)
    info = found(store, TINY)
    first = store.load(info)
    assert store.load(info) is first
    stamp = info.path.stat().st_mtime_ns
    os.utime(info.path, ns=(stamp + 10**9, stamp + 10**9))
    assert store.load(info) is not first


def test_of_many_networks_the_last_used_stay(folder, quick):
    for name in ("second", "third"):
        shutil.copy(folder / f"{TINY}.safetensors", folder / f"{name}.safetensors")
    store = store_of(folder, most=2)
    first, second, third = (found(store, name) for name in (TINY, "second", "third"))
    kept = store.load(first)
    dropped = store.load(second)
    store.load(first)
    store.load(third)
    assert store.load(first) is kept
    assert store.load(second) is not dropped


def test_clients_share_weights_and_nothing_that_strokes_change(random_model):
    one, other = share_weights(random_model), share_weights(random_model)
    own = {id(each) for each in random_model.class_prompt.parameters()}
    pairs = list(zip(one.parameters(), random_model.parameters(), strict=True))
    assert all(mine is theirs for mine, theirs in pairs if id(theirs) not in own)
    assert all(mine is not theirs for mine, theirs in pairs if id(theirs) in own)
    before = [each.clone() for each in random_model.state_dict().values()]
    taught = Predictor(one, "cpu")
    taught.set_image(IMAGE)
    strokes = np.zeros(IMAGE.shape, bool)
    strokes[4:7, 5:30] = True
    taught.teach("granule", strokes, replace_earlier=True)
    assert [spec.name for spec in other.classes] == [spec.name for spec in random_model.classes]
    assert not other.lessons
    after = random_model.state_dict().values()
    assert all(bool((mine == theirs).all()) for mine, theirs in zip(before, after, strict=True))
