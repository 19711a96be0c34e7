from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from at_once import AtOnce
from napari.components import ViewerModel

from napari_scsam.gui.project.hashes import CheckpointHashes
from napari_scsam.gui.session import Session


@pytest.fixture
def session(fake_engine) -> Session:
    return Session(ViewerModel(), fake_engine, AtOnce)


def test_a_checkpoint_is_hashed_once(session, info, tmp_path):
    hashes = CheckpointHashes(session)
    changes = []
    hashes.changed.connect(lambda: changes.append(hashes.current()))
    hashes.request()
    assert hashes.current() == ""
    path = tmp_path / "tiny.safetensors"
    path.write_bytes(b"weights")
    session.choices.choose_checkpoint(replace(info, path=path))
    hashes.request()
    hashes.request()
    assert changes == [hashlib.sha256(b"weights").hexdigest()]


def test_a_missing_file_is_not_hashed(session, info, tmp_path):
    hashes = CheckpointHashes(session)
    session.choices.choose_checkpoint(replace(info, path=tmp_path / "missing.safetensors"))
    hashes.request()
    assert hashes.known == {}
