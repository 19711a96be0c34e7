"""What a server is started with."""

from __future__ import annotations

from dataclasses import fields

from napari_scsam.remote.frames import FRAME_BYTES
from napari_scsam.remote.protocol import BEAT_SECONDS, DEAD_SECONDS
from napari_scsam.server.settings import Limits, ServerSettings

LIMITS = Limits()


def test_a_token_is_never_shown():
    settings = ServerSettings("a very secret token")
    assert "secret" not in repr(settings)
    assert "secret" not in str(settings)


def test_settings_with_nothing_but_a_token_offer_what_this_computer_has():
    settings = ServerSettings("a very secret token")
    assert (settings.device, settings.checkpoints) == ("auto", None)
    assert settings.limits == LIMITS


def test_every_limit_is_positive():
    assert all(getattr(LIMITS, field.name) > 0 for field in fields(LIMITS))


def test_limits_fit_each_other():
    assert FRAME_BYTES < LIMITS.message_bytes < LIMITS.incoming_bytes
    assert LIMITS.embedding_bytes < LIMITS.memory_bytes
    assert LIMITS.pixels * 8 <= LIMITS.memory_bytes // 2
    assert LIMITS.messages_a_second < LIMITS.burst
    assert LIMITS.connections < LIMITS.sessions


def test_a_line_that_is_alive_is_never_taken_for_silent():
    assert BEAT_SECONDS < DEAD_SECONDS < LIMITS.silence_seconds < LIMITS.idle_seconds
