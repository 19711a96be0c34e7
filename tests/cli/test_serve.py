"""``scsam serve``: where it may listen, and what its token is."""

from __future__ import annotations

import os

import pytest

from napari_scsam.cli import main
from napari_scsam.errors import UserError
from napari_scsam.remote.address import TOKEN_VARIABLE
from napari_scsam.server.serving import Listening, choose_token, open_socket


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--host", "0.0.0.0"], "not encrypted"),  # noqa: S104  # refused
        (["--tls-cert", "cert.pem"], "belong together"),
        (["--checkpoints", "nowhere"], "no folder"),
    ],
)
def test_what_cannot_be_served_is_a_sentence(options, why, capsys):
    assert main(["serve", "--port", "0", *options]) == 2
    assert why in capsys.readouterr().err


def test_the_token_is_kept_in_a_file_of_its_owner(tmp_path, monkeypatch):
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    file = tmp_path / "folder" / "token"
    token, is_new = choose_token(file)
    assert is_new
    assert len(token) >= 32
    assert choose_token(file) == (token, False)
    if os.name == "posix":
        assert file.stat().st_mode & 0o777 == 0o600
        file.chmod(0o644)
        with pytest.raises(UserError, match="read by others"):
            choose_token(file)


def test_the_token_of_the_environment_wins_and_must_be_long(monkeypatch):
    monkeypatch.setenv(TOKEN_VARIABLE, "a long enough token")
    assert choose_token(None) == ("a long enough token", False)
    monkeypatch.setenv(TOKEN_VARIABLE, "short")
    with pytest.raises(UserError, match="at least"):
        choose_token(None)


def test_a_port_that_is_taken_is_a_sentence():
    with open_socket(Listening(port=0)) as sock, pytest.raises(UserError, match="--port"):
        open_socket(Listening(port=sock.getsockname()[1]))
