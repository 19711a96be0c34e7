"""The list of published weights, and fetching one of them from a server on this machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from napari_scsam.checkpoints import registry
from napari_scsam.checkpoints.registry import download_weights, list_downloads
from napari_scsam.config import UserError
from napari_scsam.io.download import RemoteFile
from napari_scsam.model.image_encoder import SAM_ENCODERS
from napari_scsam.paths import user_folder, weights_folder

DIGITS = {"sha256": 64, "xxh128": 32}


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server for the files in ``www``; downloads go to ``mine``."""
    (tmp_path / "www").mkdir()
    monkeypatch.setenv("NAPARI_SCSAM_CHECKPOINTS", str(tmp_path / "mine"))
    http = ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "www"))
    )
    Thread(target=http.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    http.server_close()


def test_every_entry_says_all_that_a_user_must_know() -> None:
    downloads = {d.name: d for d in list_downloads()}
    assert {"sam_vit_b", "sam_vit_l", "sam_vit_h", "mobile_sam"} < set(downloads)
    assert {f"vit_{size}_em_organelles" for size in "tbl"} < set(downloads)
    assert len({d.file.name for d in downloads.values()}) == len(downloads), (
        "one would overwrite the other"
    )
    for entry in downloads.values():
        assert entry.encoder in SAM_ENCODERS, entry.name
        assert all((entry.about, entry.licence, entry.source)), entry.name
        assert entry.file.url.startswith("https://")
        assert entry.file.name.endswith((".pth", ".pt"))
        assert (
            len(bytes.fromhex(entry.file.hash.partition(":")[2])) * 2
            == DIGITS[entry.file.algorithm]
        )


def test_only_what_has_no_known_size_goes_by_its_hash_alone() -> None:
    for entry in list_downloads():
        alone = entry.name.endswith("_em_organelles")
        assert entry.file.checks == (
            "xxh128 only, because its size is unknown" if alone else "size and sha256"
        )


def test_no_key_of_the_list_is_overlooked() -> None:
    for entry in json.loads((weights_folder() / "registry.json").read_text(encoding="utf-8")):
        assert set(entry) == {"name", "about", "encoder", "licence", "source", "file"}
        assert set(entry["file"]) in (
            {"name", "url", "size", "sha256"},
            {"name", "url", "size", "xxh128"},
        )


def test_metas_files_bear_the_size_of_their_encoder() -> None:
    """Four bytes for each of a SAM's parameters, and under a thousandth for names and index."""
    parameters = {"vit_b": 93_735_472, "vit_l": 312_342_832, "vit_h": 641_090_608}
    for entry in list_downloads():
        if entry.name.startswith("sam_"):
            assert 1 < entry.file.size / (4 * parameters[entry.encoder]) < 1.001, entry.name


def test_weights_are_fetched_by_name_into_the_users_folder(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "www" / "sam.pth").write_bytes(b"weights")
    file = RemoteFile(
        f"{address}/sam.pth", 7, hashlib.sha256(b"weights").hexdigest(), "sam_small.pth"
    )
    entry = replace(list_downloads()[0], name="small", file=file)
    monkeypatch.setattr(registry, "list_downloads", lambda: (entry,))
    *_, last = download_weights("small")
    assert last.what == "sam_small.pth is whole by size and sha256"
    assert (user_folder() / "sam_small.pth").read_bytes() == b"weights"
    assert user_folder() == tmp_path / "mine"


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(
        UserError,
        match=r"no weights are called 'sam_vit_x'; choose from sam_vit_b, sam_vit_l, sam_vit_h, mobile_sam, vit_t_em",
    ):
        next(download_weights("sam_vit_x"))
