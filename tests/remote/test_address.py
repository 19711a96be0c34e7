"""Addresses of servers, and their tokens."""

from __future__ import annotations

import pytest

from napari_scsam.errors import UserError
from napari_scsam.remote import address as addresses
from napari_scsam.remote.address import TOKEN_VARIABLE, find_token, parse_address


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("127.0.0.1:8765", "ws://127.0.0.1:8765/v1"),
        ("localhost:1", "ws://localhost:1/v1"),
        ("http://[::1]:80/", "ws://[::1]:80/v1"),
        ("gpu.lab.org", "wss://gpu.lab.org/v1"),
        ("https://gpu.lab.org/scsam/", "wss://gpu.lab.org/scsam/v1"),
    ],
)
def test_an_address_is_read_as_people_write_it(text, url):
    assert parse_address(text).url == url


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not an address"),
        ("ftp://127.0.0.1", "ws://"),
        ("ws://127.0.0.1:99999", "not an address"),
        ("ws://127.0.0.1/?token=x", "not an address"),
        ("ws://me:secret@127.0.0.1", "no token"),
        ("ws://gpu.lab.org", "not encrypted"),
        ("http://10.0.0.7:8765", "not encrypted"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_in_a_sentence(text, why):
    with pytest.raises(UserError, match=why):
        parse_address(text)


def test_the_token_of_the_environment_wins_over_the_keyring(monkeypatch):
    monkeypatch.setattr(addresses, "stored_token", lambda _address: "kept")
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    assert find_token("127.0.0.1:1") == "kept"
    monkeypatch.setenv(TOKEN_VARIABLE, " given ")
    assert find_token("127.0.0.1:1") == "given"


def test_without_any_token_it_is_said_where_it_comes_from(monkeypatch):
    monkeypatch.setattr(addresses, "stored_token", lambda _address: None)
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    with pytest.raises(UserError, match=TOKEN_VARIABLE):
        find_token("127.0.0.1:1")
