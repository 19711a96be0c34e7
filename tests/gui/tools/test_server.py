"""Choosing a server: what new windows begin with, and what is never written."""

from __future__ import annotations

import json

import pytest

from napari_scsam.config import UserError
from napari_scsam.gui.preferences import list_file, recent_servers, remember_server, server_in_use
from napari_scsam.gui.tools import server
from napari_scsam.gui.tools.server import ServerChoice

ADDRESS = "ws://127.0.0.1:9"
TOKEN = "a token that nobody may read"  # noqa: S105  # of no server


@pytest.fixture
def choice(session, monkeypatch, qapp) -> ServerChoice:
    monkeypatch.setattr(server, "known_token", lambda _address: "")
    monkeypatch.setattr(server, "keep_token", lambda *_: False)
    choice = session.part(ServerChoice)
    choice._aside.run = lambda function, receiver: receiver(function())
    yield choice
    session.network._drop_line()


def test_a_server_is_remembered_and_its_token_is_in_no_file(choice, session) -> None:
    choice.use(ADDRESS, TOKEN)
    assert session.network.server == ADDRESS
    assert choice.chosen() == ADDRESS
    assert server_in_use() == ADDRESS
    folder = list_file("servers").parent
    texts = [file.read_text() for file in folder.rglob("*") if file.is_file()]
    assert [json.loads(text) for text in texts]
    assert not any(TOKEN in text for text in texts)
    assert session.engine.line is session.network.line.connection


def test_this_computer_is_chosen_for_new_windows_too(choice, session) -> None:
    choice.use(ADDRESS, TOKEN)
    choice.use_computer("cpu")
    assert session.network.server == ""
    assert session.engine.line is None
    assert server_in_use() == ""
    assert recent_servers() == [ADDRESS], "it is proposed again"


def test_a_window_says_when_the_token_is_not_known(choice, said, session) -> None:
    remember_server(ADDRESS)
    choice.resume()
    assert said[-1].startswith(f"The token of {ADDRESS} is not known")
    assert session.network.server == ""


def test_a_wrong_address_changes_nothing(choice, session) -> None:
    choice.use("http://[", TOKEN)
    assert session.network.server == ""
    assert server_in_use() == ""


def test_nobody_who_answers_is_said_in_a_sentence() -> None:
    with pytest.raises(UserError, match="no server answers"):
        server.try_server(ADDRESS, TOKEN)
