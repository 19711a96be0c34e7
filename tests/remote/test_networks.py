"""The networks that a client names to a server."""

from __future__ import annotations

import hashlib

import pytest

from napari_scsam.config import UserError
from napari_scsam.remote import networks
from napari_scsam.remote.networks import name_networks
from napari_scsam.steps import drive


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a+b.safetensors"
    path.write_bytes(bytes(range(200)))
    return path


def test_names_are_those_of_the_server_and_paths_are_files_of_this_computer(file):
    named = name_networks(f"{file}+er+mito")
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    assert (named.checkpoint, named.beside) == ("a+b", ("er", "mito"))
    assert {name: ref.sha256 for name, ref in named.files.items()} == {"a+b": sha256}
    request = named.request(())
    assert request.files["a+b"].bytes == 200
    plain = name_networks("default")
    assert (plain.checkpoint, plain.beside, plain.files) == ("default", (), {})


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("/home/ada/weights/scsam_tiny.safetensors", "scsam_tiny"),
        ("/w/v1.2.safetensors+/w/er.safetensors", "v1.2"),
        ("v1.2", "v1.2"),
    ],
)
def test_a_server_may_know_the_name_of_a_file_that_is_not_here(reference, name):
    named = name_networks(reference)
    assert (named.checkpoint, named.files) == (name, {})


def test_a_file_is_read_in_parts_and_one_that_is_gone_is_named(file, monkeypatch):
    monkeypatch.setattr(networks, "FILE_PART_BYTES", 64)
    named = name_networks(str(file))
    (sha256,) = named.paths
    parts = list(named.parts(sha256))
    assert [part.offset for part in parts] == [0, 64, 128, 192]
    assert b"".join(part.data for part in parts) == file.read_bytes()
    file.unlink()
    with pytest.raises(UserError, match=r"a\+b.safetensors cannot be read any more"):
        list(named.parts(sha256))


def test_a_checkpoint_of_this_computer_runs_on_a_server_and_is_sent_once(
    server, random_model, tmp_path, monkeypatch
):
    """The labels are those of this computer; after a cut the session still has the file."""
    import numpy as np
    from served import line_to

    from napari_scsam.checkpoints.checkpoint import load_checkpoint, save_checkpoint
    from napari_scsam.infer.predictor import Predictor
    from napari_scsam.remote.predictor import RemotePredictor

    own = tmp_path / "own.safetensors"
    save_checkpoint(own, random_model, summary="own", licence="none", training={})
    image = np.random.default_rng(1).integers(0, 255, (40, 48), dtype=np.uint8)
    sent = []
    read = networks.NamedNetworks.parts
    monkeypatch.setattr(
        networks.NamedNetworks, "parts", lambda *given: sent.append(given) or read(*given)
    )
    with line_to(server) as line:
        predictor = RemotePredictor(line)
        drive(predictor.load_steps(str(own)))
        assert predictor.session.loaded.checkpoint == "own"
        drive(predictor.load_steps(str(own)))
        predictor.set_image(image)
        alone = Predictor(load_checkpoint(own), "cpu")
        alone.set_image(image)
        np.testing.assert_array_equal(predictor.segment(), alone.segment())
    assert len(sent) == 1
