"""The ASGI application of a server: one websocket, and a page that says that it lives."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from napari_scsam.remote.protocol import PATH
from napari_scsam.server.client import Client
from napari_scsam.server.engine import ServerEngine
from napari_scsam.server.pacing import Incoming
from napari_scsam.server.settings import ServerSettings

TIDY_SECONDS = 20.0

log = logging.getLogger(__name__)


def make_app(settings: ServerSettings) -> Starlette:
    """Create the application; its engine begins and ends with it."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        engine = ServerEngine(settings)
        app.state.engine = engine
        app.state.incoming = Incoming(settings.limits.incoming_bytes)
        app.state.clients = 0
        tidying = asyncio.create_task(drop_idle(engine))
        yield
        tidying.cancel()
        engine.close()

    routes = [WebSocketRoute(PATH, talk), Route("/", say_hello)]
    return Starlette(routes=routes, lifespan=lifespan)


async def drop_idle(engine: ServerEngine) -> None:
    """Drop the sessions of clients that stay away, now and then."""
    while True:
        await asyncio.sleep(TIDY_SECONDS)
        await asyncio.to_thread(engine.sessions.drop_idle)


async def say_hello(_request: Request) -> Response:
    """Answer a browser or a monitor, which needs no token and learns nothing."""
    return PlainTextResponse("napari-scsam server\n")


async def talk(socket: WebSocket) -> None:
    """Serve one client, if it has the token and there is room."""
    state = socket.app.state
    settings: ServerSettings = state.engine.settings
    refusal = why_refused(socket, settings, state.clients)
    if refusal is not None:
        host = socket.client.host if socket.client else "?"
        log.warning("a client at %s is refused: %s", host, refusal[1])
        await socket.send_denial_response(Response(status_code=refusal[0]))
        return
    await socket.accept()
    state.clients += 1
    try:
        await Client(socket, state.engine, state.incoming).talk()
    finally:
        state.clients -= 1


def why_refused(
    socket: WebSocket, settings: ServerSettings, clients: int
) -> tuple[int, str] | None:
    """Return the HTTP status and the reason why a client is refused; None when it is not."""
    if not has_token(socket.headers.get("authorization", ""), settings.token):
        return 401, "wrong token"
    if "origin" in socket.headers:
        return 403, "it is a web page"
    if clients >= settings.limits.connections:
        return 503, "too many connections"
    return None


def has_token(header: str, token: str) -> bool:
    """Whether a header holds the token; takes as long for any wrong one."""
    expected = f"Bearer {token}".encode()
    return hmac.compare_digest(header.encode("utf-8", "replace"), expected)
