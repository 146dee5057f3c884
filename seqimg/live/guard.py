"""Who may ask for what: one wrapper about the whole application, which refuses whatever it is not sure of.

It decides on the scope, the request as it came, for HTTP and WebSocket alike, before any other code runs. A
request is let through when its host is one of ours, so that no foreign name can be bound to this address; when
it comes from our own page or from nowhere; and when it carries the cookie that the address with the token was
exchanged for.
"""

import hmac
import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias
from urllib.parse import parse_qs

__all__ = ["Guard", "fresh_secret"]

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(self), microphone=(), geolocation=()"),
    (b"cache-control", b"no-store"),
)
_METHODS = ("GET", "HEAD")
_REFUSED = (
    "Paste the address that seqimg live has printed into the address line of your browser: links of other pages and "
    "other names of this machine are not followed."
)
_COOKIE = re.compile(r"[\w-]+")


def fresh_secret() -> str:
    """Return 256 random bits as text.

    Example:
        >>> len(fresh_secret()), fresh_secret() == fresh_secret()
        (43, False)
    """
    return secrets.token_urlsafe(32)


class Guard:
    """Lets an application see only what may be asked of it.

    Args:
        app: What stands behind.
        token: What the address that is printed carries.
        names: Names that this server goes by, without a port.
        port: Its port.
    """

    def __init__(self, app: App, *, token: str, names: frozenset[str], port: int) -> None:
        self._app, self._token, self._port = app, token.encode(), port
        self._hosts = frozenset(f"{name}:{port}" for name in names)
        # What the cookie holds is not what the address holds: neither gives the other away.
        self._pass = fresh_secret().encode()
        self._cookie = f"seqimg-live-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            if self._is_ours(scope, origin_needed=True) and self._has_pass(scope):
                await self._app(scope, receive, send)
            else:
                await _refuse_socket(receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._is_ours(scope, origin_needed=False):
            await _answer(send, 403, _REFUSED)
        elif scope["method"] not in _METHODS:
            await _answer(send, 405, "Things can only be looked at here.", ((b"allow", b"GET, HEAD"),))
        elif self._has_token(scope):
            value = f"{self._cookie}={self._pass.decode()}; Path=/; HttpOnly; SameSite=Strict"
            await _answer(send, 303, "", ((b"location", b"/"), (b"set-cookie", value.encode())))
        elif not self._has_pass(scope):
            await _answer(send, 403, "Open the address that seqimg live has printed, with its token.")
        else:
            await self._app(scope, receive, _dressed(send))

    def _is_ours(self, scope: Scope, *, origin_needed: bool) -> bool:
        """Whether a request is for this server, and comes from its own page or from nowhere."""
        hosts, origins = _values(scope, b"host"), _values(scope, b"origin")
        if len(hosts) != 1 or len(origins) > 1:
            return False
        host = hosts[0].lower()
        if host not in self._hosts and host != _reached_at(scope, self._port):
            return False
        if origins:
            return origins[0] == f"http://{host}"
        site = _values(scope, b"sec-fetch-site")
        return not origin_needed and site in ([], ["none"], ["same-origin"])

    def _has_token(self, scope: Scope) -> bool:
        """Whether it is the printed address; the path is compared as it came."""
        if scope["path"] != "/" or not scope["query_string"]:
            return False
        try:
            given = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=8).get("token", [])
        except ValueError:  # too many fields
            return False
        return len(given) == 1 and hmac.compare_digest(given[0].encode(), self._token)

    def _has_pass(self, scope: Scope) -> bool:
        found = [
            value
            for header in _values(scope, b"cookie")
            for name, _, value in (part.strip().partition("=") for part in header.split(";"))
            if name == self._cookie
        ]
        given = found[0] if len(found) == 1 and _COOKIE.fullmatch(found[0]) else ""
        return hmac.compare_digest(given.encode(), self._pass)


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def _reached_at(scope: Scope, port: int) -> str | None:
    """Return the address at which the connection came in, as a host: a number, which no name can be bound to."""
    server = scope.get("server")
    if not server:
        return None
    return f"[{server[0]}]:{port}" if ":" in server[0] else f"{server[0]}:{port}"


def _dressed(send: Send) -> Send:
    """Return a `send` that adds the headers that everything has."""

    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *_HEADERS]
        await send(message)

    return sending


async def _answer(send: Send, status: int, text: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
    plain = (b"content-type", b"text/plain; charset=utf-8")
    await send({"type": "http.response.start", "status": status, "headers": [plain, *headers, *_HEADERS]})
    await send({"type": "http.response.body", "body": f"{text}\n".encode() if text else b""})


async def _refuse_socket(receive: Receive, send: Send) -> None:
    """Close before anything is accepted: the browser gets a 403."""
    await receive()
    await send({"type": "websocket.close", "code": 1008})
