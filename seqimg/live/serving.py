"""The server: a port, the limits on what is read from it, and a clean end."""

import asyncio
import errno
import os
import socket
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from seqimg.errors import SeqimgError, UsageError
from seqimg.live.app import LiveApp
from seqimg.live.browser_camera import LARGEST_PICTURE, BrowserCamera
from seqimg.live.guard import Guard, Receive, Scope, Send, fresh_secret
from seqimg.live.studio import Studio

__all__ = ["LOOPBACK", "LiveServer", "Place", "listen"]

LOOPBACK = "127.0.0.1"
_HOME = ("127.0.0.1", "localhost", "[::1]")
_TRIES = 20  # ports after a taken one
_MESSAGE = 64 * 1024  # bytes of a WebSocket message
_CONNECTIONS = 64
_SILENT = 10.0  # seconds that a connection may stand without asking for anything
_TICK = 0.5  # seconds between looks at how things stand
_FAREWELL = 0.7  # seconds that pages have to take in that it ends
_GRACE = 1  # seconds that connections have to end after that


@dataclass(frozen=True)
class Place:
    """Where a server listens.

    Attributes:
        listener: The socket, bound.
        host: What it was bound to.
        port: Its port.
    """

    listener: socket.socket
    host: str
    port: int

    @property
    def names(self) -> frozenset[str]:
        """Names that requests may call it by; addresses in numbers are known from each connection."""
        if self.host in ("0.0.0.0", "::"):
            return frozenset({*_HOME, socket.gethostname().lower()})
        if self.host in (LOOPBACK, "localhost", "::1"):
            return frozenset(_HOME)
        return frozenset({f"[{self.host}]" if ":" in self.host else self.host.lower()})

    def url(self, token: str) -> str:
        """Return the address to open."""
        host = self.host if self.host not in ("0.0.0.0", "::") else socket.gethostname()
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/?token={token}"


def listen(host: str, port: int | None, default: int) -> Place:
    """Bind a port.

    Args:
        host: Name or address of this machine.
        port: The port that was asked for; None for the first free one from `default` on.
        default: Where to begin to look.

    Raises:
        SeqimgError: The port is taken, or there is no such host.
    """
    for candidate in range(default, default + _TRIES) if port is None else [port]:
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            listener = socket.create_server((host, candidate), family=family, backlog=128)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                continue
            raise UsageError(
                f"cannot listen at {host}:{candidate}",
                why=os.strerror(error.errno) if error.errno else str(error),
                hint="--host 127.0.0.1",
            ) from error
        return Place(listener, host, listener.getsockname()[1])
    if port is None:
        raise SeqimgError(f"ports {default} to {default + _TRIES - 1} are all taken", hint="--port 0")
    raise SeqimgError(f"port {port} is taken", hint="leave --port out for the next free one")


class LiveServer:
    """Serves a studio until it is told to stop.

    Args:
        studio: The work and its viewers.
        place: Where to listen.
        camera: What takes pictures of a viewer's camera, if that is the source.
        tell: Says on the terminal what goes wrong.

    Attributes:
        token: What the address carries.
        app: The application behind its guard.
    """

    def __init__(
        self,
        studio: Studio,
        place: Place,
        *,
        camera: BrowserCamera | None = None,
        tell: Callable[[str], object] = lambda text: None,
    ) -> None:
        self._studio, self._place, self._tell = studio, place, tell
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="seqimg-live-encode")
        self.token = fresh_secret()
        self.router = LiveApp(studio, self._pool, camera).router()
        self.app = Guard(self._reported, token=self.token, names=place.names, port=place.port)
        self._server = _Server(
            self._dismiss,
            uvicorn.Config(
                self.app,
                http=_Limited,
                ws="websockets-sansio",
                lifespan="off",
                ws_max_size=_MESSAGE if camera is None else LARGEST_PICTURE,
                ws_max_queue=8,
                ws_ping_interval=10.0,
                ws_ping_timeout=10.0,
                ws_per_message_deflate=False,
                access_log=False,
                log_config=None,
                log_level="critical",
                proxy_headers=False,
                server_header=False,
                limit_concurrency=2 * _CONNECTIONS,
                timeout_keep_alive=5,
                timeout_graceful_shutdown=_GRACE,
                h11_max_incomplete_event_size=16 * 1024,
            ),
        )

    @property
    def url(self) -> str:
        """The address to open."""
        return self._place.url(self.token)

    def run(self) -> None:
        """Serve until `stop`, or a signal, which is raised again when all has ended."""
        studio = self._studio
        studio.hub.hearers.append(studio.recorder.hear)
        studio.engine.start()
        try:
            asyncio.run(self._serve())
        finally:
            studio.recorder.close()
            studio.engine.stop()
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._place.listener.close()

    def stop(self) -> None:
        """End soon; may be called from any thread."""
        self._server.should_exit = True

    def _dismiss(self) -> None:
        """Let the work end while viewers are told that it does."""
        self._studio.engine.end()
        self._studio.hub.dismiss()

    async def _serve(self) -> None:
        self._studio.hub.attach(asyncio.get_running_loop())
        ticker = asyncio.create_task(self._tick())
        try:
            await self._server.serve(sockets=[self._place.listener])
        finally:
            ticker.cancel()

    async def _tick(self) -> None:
        """Have viewers told how things stand, the terminal told of failures, and silent connections ended."""
        told: SeqimgError | None = None
        while True:
            await asyncio.sleep(_TICK)
            self._studio.hub.wake_for_status()
            error = self._studio.engine.error
            if error is not None and error is not told:
                self._tell("; ".join(str(error).splitlines()))
            told = error
            for connection in list(self._server.server_state.connections):
                if isinstance(connection, _Limited) and connection.silent_for() > _SILENT:
                    connection.transport.close()

    async def _reported(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.router(scope, receive, send)
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            self._tell(f"the page's server failed: {type(error).__name__}: {error} ({where.name})")
            raise


class _Server(uvicorn.Server):
    """A server that lets pages answer its farewell.

    Uvicorn closes a WebSocket's connection right after its closing frame. What a page has sent and nobody has read
    turns that into a reset, by which the page loses the frame, and takes the end for a failure of the network.
    """

    def __init__(self, dismiss: Callable[[], object], config: uvicorn.Config) -> None:
        super().__init__(config)
        self._dismiss = dismiss

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._dismiss()
        end = time.monotonic() + _FAREWELL
        while (
            time.monotonic() < end
            and not self.force_exit
            and not all(isinstance(connection, H11Protocol) for connection in self.server_state.connections)
        ):
            await asyncio.sleep(0.01)
        await super().shutdown(sockets)


class _Limited(H11Protocol):
    """HTTP connections, of which there are not too many at once: a new one takes the place of the longest silent."""

    def silent_for(self) -> float:
        """Return for how many seconds it has stood without ever asking for anything."""
        waits = getattr(self, "cycle", None) is None and not self.transport.is_closing()
        return time.monotonic() - self._since if waits else 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._since = time.monotonic()
        super().connection_made(transport)  # type: ignore[arg-type]  # any transport that sockets have
        if len(self.connections) > _CONNECTIONS:
            others = [one for one in self.connections if isinstance(one, _Limited) and one is not self]
            silent = max(others, key=_Limited.silent_for, default=self)
            (silent if silent.silent_for() > 0 else self).transport.abort()
