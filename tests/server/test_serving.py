"""Where a server listens, how its line is protected, and where its token comes from."""

from __future__ import annotations

import logging
import os
import socket
from pathlib import Path

import pytest
from starlette.applications import Starlette

from napari_scsam.errors import UserError
from napari_scsam.remote.address import TOKEN_VARIABLE
from napari_scsam.remote.frames import FRAME_BYTES
from napari_scsam.server.serving import (
    LEAST_TOKEN,
    Listening,
    _is_no_denial,
    choose_token,
    make_config,
    open_socket,
    write_token,
)

CERTIFICATE = Path("cert.pem")
KEY = Path("key.pem")
OUTSIDE = "0.0.0.0"  # noqa: S104  # never listened on


@pytest.fixture(autouse=True)
def _no_token(monkeypatch):
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)


@pytest.mark.parametrize(
    "listening",
    [
        Listening(),
        Listening(host="localhost"),
        Listening(host="::1"),
        Listening(host=OUTSIDE, certificate=CERTIFICATE, key=KEY),
        Listening(host=OUTSIDE, behind_proxy=True),
    ],
)
def test_a_line_of_this_computer_or_one_that_is_encrypted_is_allowed(listening):
    listening.check()


@pytest.mark.parametrize(
    ("listening", "why"),
    [
        (Listening(host=OUTSIDE), "the line is not encrypted; add --tls-cert"),
        (Listening(host="192.168.0.2"), "the line is not encrypted"),
        (Listening(certificate=CERTIFICATE), "give both"),
        (Listening(key=KEY), "give both"),
        (Listening(host=OUTSIDE, behind_proxy=True, key=KEY), "give both"),
    ],
)
def test_a_line_that_others_can_read_is_refused(listening, why):
    with pytest.raises(UserError, match=why):
        listening.check()


def test_the_scheme_says_whether_the_line_is_encrypted():
    assert Listening().scheme == "ws"
    assert Listening(behind_proxy=True).scheme == "ws"
    assert Listening(certificate=CERTIFICATE, key=KEY).scheme == "wss"


def test_without_a_file_each_token_is_another_one():
    first, made = choose_token(None)
    second, _ = choose_token(None)
    assert made
    assert first != second
    assert min(len(first), len(second)) >= 32


@pytest.mark.parametrize("letters", [LEAST_TOKEN, LEAST_TOKEN + 1])
def test_a_token_that_is_long_enough_is_taken_without_its_line_end(tmp_path, letters):
    write_token(tmp_path / "token", "x" * letters)
    assert choose_token(tmp_path / "token") == ("x" * letters, False)


@pytest.mark.parametrize("token", ["x" * (LEAST_TOKEN - 1), "ä" * LEAST_TOKEN, "x" * 8 + "\t" * 9])
def test_a_token_that_is_short_or_of_other_letters_is_refused(tmp_path, token):
    write_token(tmp_path / "token", token + "x" * token.count("\t"))
    with pytest.raises(UserError, match=f"at least {LEAST_TOKEN} plain letters"):
        choose_token(tmp_path / "token")


def test_a_token_of_the_environment_leaves_the_file_alone(tmp_path, monkeypatch):
    monkeypatch.setenv(TOKEN_VARIABLE, " " + "y" * LEAST_TOKEN + "\n")
    assert choose_token(tmp_path / "token") == ("y" * LEAST_TOKEN, False)
    assert not (tmp_path / "token").exists()


def test_a_file_that_is_there_is_never_written_over(tmp_path):
    (tmp_path / "token").write_text("kept")
    with pytest.raises(FileExistsError):
        write_token(tmp_path / "token", "z" * LEAST_TOKEN)
    assert (tmp_path / "token").read_text() == "kept"


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")
@pytest.mark.parametrize(("mode", "refused"), [(0o600, False), (0o640, True), (0o602, True)])
def test_a_file_that_others_may_read_or_write_is_refused(tmp_path, mode, refused):
    file = tmp_path / "token"
    write_token(file, "x" * LEAST_TOKEN)
    file.chmod(mode)
    if not refused:
        assert choose_token(file)[0] == "x" * LEAST_TOKEN
        return
    with pytest.raises(UserError, match="chmod 600"):
        choose_token(file)


def test_a_socket_listens_on_its_host_alone():
    with open_socket(Listening(port=0)) as sock:
        assert sock.getsockname()[0] == "127.0.0.1"
        with socket.create_connection(sock.getsockname(), 5):
            pass


def test_a_host_that_is_not_of_this_computer_is_a_sentence():
    with pytest.raises(UserError, match=r"port 0 of 192\.0\.2\.1 cannot be used"):
        open_socket(Listening(host="192.0.2.1", port=0))
    with pytest.raises(UserError, match=r"port 65536 of .* numbers up to 65535"):
        open_socket(Listening(port=65536))


def test_a_server_reads_no_more_than_a_frame_and_says_nothing_of_itself():
    config = make_config(Starlette(), Listening(certificate=CERTIFICATE, key=KEY))
    assert config.ws_max_size == FRAME_BYTES + 1
    assert not config.ws_per_message_deflate
    assert not config.server_header
    assert not config.access_log
    assert (config.ssl_certfile, config.ssl_keyfile) == (CERTIFICATE, KEY)


@pytest.mark.parametrize(
    ("line", "kept"),
    [("ASGI callable returned without completing handshake.", False), ("Started server", True)],
)
def test_clients_that_were_refused_are_logged_once(line, kept):
    record = logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, line, (), None)
    assert _is_no_denial(record) is kept
