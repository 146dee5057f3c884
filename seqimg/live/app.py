"""What can be asked for: the page and its parts from a fixed table, one picture, and two WebSockets."""

import asyncio
import json
import re
from collections.abc import Coroutine
from concurrent.futures import Executor
from importlib.resources import files
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, Router, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from seqimg.errors import SeqimgError
from seqimg.live.browser_camera import LARGEST_PICTURE, BrowserCamera
from seqimg.live.hub import Viewer, packed
from seqimg.live.studio import Studio
from seqimg.live.words import read

__all__ = ["ASSETS", "ENDS", "FULL", "LiveApp"]

ASSETS = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/live.css": ("live.css", "text/css; charset=utf-8"),
    "/live.js": ("live.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
"""Everything that is read from a file: the address, the file beside this module, its type."""

FULL = 4008
"""WebSocket code: as many look as may."""

ENDS = 1012
"""WebSocket code: the server ends."""


class LiveApp:
    """The routes about a studio; nothing here checks who asks, which the guard has done.

    Args:
        studio: The work and its viewers.
        pool: Threads that encode.
        camera: What takes pictures of a viewer's camera, if that is the source.
    """

    def __init__(self, studio: Studio, pool: Executor, camera: BrowserCamera | None = None) -> None:
        self._studio, self._pool, self._camera = studio, pool, camera
        self._sharing = False
        self._tasks: set[asyncio.Task[None]] = set()
        page = files("seqimg.live") / "page"
        self._assets = {path: (page / name).read_bytes() for path, (name, _) in ASSETS.items()}

    def router(self) -> Router:
        """Return the application."""
        routes: list[BaseRoute] = [Route(path, self._asset, methods=["GET"]) for path in ASSETS]
        routes += [
            Route("/snapshot.png", self._snapshot, methods=["GET"]),
            WebSocketRoute("/watch", self._watch),
        ]
        if self._camera is not None:
            routes.append(WebSocketRoute("/camera", self._take))
        return Router(routes, redirect_slashes=False)

    async def _asset(self, request: Request) -> Response:
        path = request.scope["path"]
        return Response(self._assets[path], media_type=ASSETS[path][1])

    async def _snapshot(self, request: Request) -> Response:
        moment = self._studio.hub.latest
        if moment is None:
            return Response("No frame has come yet.\n", 404, media_type="text/plain; charset=utf-8")
        data = await asyncio.get_running_loop().run_in_executor(self._pool, moment.png)
        name = re.sub(r"[^a-z0-9_-]+", "-", self._studio.engine.task.name.lower())
        attached = f'attachment; filename="{name}-{moment.place}.png"'
        return Response(data, media_type="image/png", headers={"content-disposition": attached})

    async def _watch(self, socket: WebSocket) -> None:
        hub, viewer = self._studio.hub, Viewer()
        await socket.accept()
        if len(hub.viewers) >= hub.most:
            await socket.close(FULL, f"{hub.most} pages look already")
            return
        hub.viewers.add(viewer)
        sender = asyncio.create_task(self._send(socket, viewer))
        try:
            await self._hear(socket, viewer)
        finally:
            hub.viewers.discard(viewer)
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)

    async def _hear(self, socket: WebSocket, viewer: Viewer) -> None:
        while True:
            message = await socket.receive()
            if message["type"] != "websocket.receive":
                return
            text = message.get("text")
            if text is None:
                await socket.close(1003, "words are understood, bytes are not")
                return
            try:
                asked = read(text)
                self._studio.do(asked, viewer)
                if asked.do == "save":
                    self._begin(self._save(viewer))
            except SeqimgError as error:
                viewer.tell(_note(str(error), bad=True))

    async def _send(self, socket: WebSocket, viewer: Viewer) -> None:
        """Send what a viewer lacks, one after the other, as fast as it takes them."""
        loop, hub = asyncio.get_running_loop(), self._studio.hub
        try:
            await _say(socket, self._studio.hello())
            while True:
                await viewer.woken.wait()
                viewer.woken.clear()
                if viewer.leaving:
                    await socket.close(ENDS)
                    return
                while viewer.notes:
                    await _say(socket, viewer.notes.popleft())
                if viewer.status_due:
                    viewer.status_due = False
                    await _say(socket, self._studio.status(viewer))
                moment = hub.latest
                if moment is not None and viewer.free_for(moment):
                    parts, quality = viewer.parts, viewer.quality
                    viewer.sending(moment)
                    data = await loop.run_in_executor(self._pool, packed, moment, parts, quality)
                    await socket.send_bytes(data)
        except (WebSocketDisconnect, RuntimeError, OSError):
            return  # it has gone, which the one who hears it sees too

    async def _save(self, viewer: Viewer) -> None:
        loop = asyncio.get_running_loop()
        try:
            path = await loop.run_in_executor(self._pool, self._studio.save)
            viewer.tell(_note(f"Saved {path.name} in the folder where seqimg live runs"))
        except SeqimgError as error:
            viewer.tell(_note(str(error), bad=True))

    async def _take(self, socket: WebSocket) -> None:
        """Take the pictures of one viewer's camera; each is answered, so that the next one may come."""
        assert self._camera is not None, "there is a route for it only then"
        await socket.accept()
        if self._sharing:
            await socket.close(FULL, "another page shares its camera already")
            return
        self._sharing = True
        try:
            while True:
                message = await socket.receive()
                data = message.get("bytes")
                if message["type"] != "websocket.receive" or data is None or len(data) > LARGEST_PICTURE:
                    return
                self._camera.offer(data)
                await socket.send_text("{}")
        except (WebSocketDisconnect, RuntimeError, OSError):
            return
        finally:
            self._sharing = False

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _note(text: str, *, bad: bool = False) -> dict[str, object]:
    return {"kind": "note", "text": text, "bad": bad}


async def _say(socket: WebSocket, words: object) -> None:
    await socket.send_text(json.dumps(words, default=str))
