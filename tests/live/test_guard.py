"""Who may ask for what: every route, method and credential, generated from the application's own routes."""

import itertools
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.routing import Route, WebSocketRoute

from seqimg.live.guard import Guard
from tests.support.live import Serving, serving

GOOD, BAD = "good", "bad"
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE")
CREDENTIALS = ("none", "wrong", "token in the address", "another port's", "twice", "empty", "good")
PLACES = (
    "ours",
    "other host",
    "no host",
    "foreign origin",
    "null origin",
    "https origin",
    "other port",
    "cross-site",
)


@pytest.fixture(scope="module")
def served() -> Iterator[Serving]:
    """A page with all routes there can be."""
    with serving(browser=True) as running:
        yield running


def _headers(served: Serving, credential: str, place: str) -> dict[str, str]:
    cookie = _known(served)
    name, _, value = cookie.partition("=")
    cookies = {
        "wrong": f"{name}={value[:-1]}{'A' if value[-1] != 'A' else 'B'}",
        "another port's": f"seqimg-live-1={value}",
        "twice": f"{cookie}; {cookie}",
        "empty": f"{name}=",
        "good": cookie,
    }
    origin = f"http://{served.host}"
    places: dict[str, dict[str, str]] = {
        "ours": {"Origin": origin},
        "other host": {"Host": f"evil.example:{served.port}", "Origin": f"http://evil.example:{served.port}"},
        "no host": {"Host": "", "Origin": origin},
        "foreign origin": {"Origin": "http://evil.example"},
        "null origin": {"Origin": "null"},
        "https origin": {"Origin": f"https://{served.host}"},
        "other port": {"Origin": "http://127.0.0.1:1"},
        "cross-site": {"Sec-Fetch-Site": "cross-site"},
    }
    headers = places[place]
    return headers | ({"Cookie": cookies[credential]} if credential in cookies else {})


def _cases(served: Serving) -> Iterator[tuple[str, str, str, str]]:
    paths = [route.path for route in served.server.router.routes if isinstance(route, Route)]
    assert len(paths) >= 5
    yield from itertools.product([*paths, "/nothing", "//", "/live.css/.."], METHODS, CREDENTIALS, PLACES)


def _code(served: Serving, path: str, method: str, headers: dict[str, str]) -> int:
    """Ask over a plain socket, so that nothing is made better on the way."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if "Host" not in headers:
        lines.insert(1, f"Host: {served.host}")
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as raw:
        raw.sendall(("\r\n".join([*lines, "Connection: close", "", ""])).encode())
        answer = b""
        while piece := raw.recv(65536):
            answer += piece
    return int(answer.split(b" ", 2)[1])


def test_every_route_is_refused_without_all_that_is_needed(served: Serving) -> None:
    """A route that is added is in this matrix at once, and fails if it answers to anybody."""
    app = served.server.app
    wrong = []
    for path, method, credential, place in _cases(served):
        query = b"token=wrong" if credential == "token in the address" else b""
        code = _asked(app, path, method, query, _scope_headers(served, _headers(served, credential, place)))
        allowed = credential == GOOD and place == "ours" and method in ("GET", "HEAD")
        if allowed != (code in (200, 404)):
            wrong.append((path, method, credential, place, code))
    assert wrong == []


def test_nothing_is_served_but_through_the_guard(served: Serving) -> None:
    assert isinstance(served.server.app, Guard)
    assert served.server._server.config.app is served.server.app


ANY = st.binary(max_size=40)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["http", "websocket"]),
    st.text(max_size=30),
    st.sampled_from(METHODS),
    ANY | st.just(b"token=" * 3) | st.just(b"a=1&" * 50),
    st.lists(
        st.tuples(st.sampled_from([b"host", b"origin", b"cookie", b"sec-fetch-site", b"x"]), ANY), max_size=6
    ),
    st.booleans(),
)
def test_whatever_is_asked_for_is_refused_and_nothing_breaks(
    served: Serving,
    kind: str,
    path: str,
    method: str,
    query: bytes,
    headers: list[tuple[bytes, bytes]],
    ours: bool,
) -> None:
    if ours:
        headers = [*headers, (b"host", served.host.encode()), (b"origin", f"http://{served.host}".encode())]
    if kind == "websocket":
        assert _socket_said(served.server.app, path, headers) == ["websocket.close"]
    else:
        assert _asked(served.server.app, path, method, query, headers) in (403, 405)


def test_every_websocket_is_refused_without_all_that_is_needed(served: Serving) -> None:
    paths = [route.path for route in served.server.router.routes if isinstance(route, WebSocketRoute)]
    assert sorted(paths) == ["/camera", "/watch"]
    for path, credential, place in itertools.product([*paths, "/nothing"], CREDENTIALS, PLACES):
        if credential == GOOD and place == "ours":
            continue
        headers = _headers(served, credential, place)
        said = _socket_said(served.server.app, path, _scope_headers(served, headers))
        assert said == ["websocket.close"], (path, credential, place)
    # Without an origin, which browsers always send, there is no WebSocket either.
    headers = {"Cookie": served.cookie()}
    assert _socket_said(served.server.app, "/watch", _scope_headers(served, headers)) == ["websocket.close"]


def test_the_same_over_the_wire(served: Serving) -> None:
    good = _headers(served, GOOD, "ours")
    assert _code(served, "/", "GET", good) == 200
    assert _code(served, "/", "GET", {"Cookie": good["Cookie"]}) == 200
    for headers in (_headers(served, "none", "ours"), _headers(served, GOOD, "other host")):
        assert _code(served, "/", "GET", headers) == 403
    assert _code(served, "/", "POST", good | {"Content-Length": "0"}) == 405
    # An absolute address, or one that says another path than it has, is judged by the path that came.
    assert _code(served, "http://evil.example/", "GET", good) in (400, 404)
    assert _code(served, "/../live.css", "GET", good) == 404
    assert _code(served, "/%2e%2e/etc/passwd", "GET", good) == 404


def test_the_token_is_exchanged_for_a_cookie_that_is_no_token(served: Serving) -> None:
    status, headers, body = served.ask(f"/?token={served.server.token}")
    assert (status, headers["location"], body) == (303, "/", b"")
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert served.server.token not in cookie
    assert len(served.server.token) >= 43, "256 bits"
    for query in (
        "token=",
        "token=x",
        f"token={served.server.token}&token={served.server.token}",
        "token=%00",
    ):
        assert served.ask(f"/?{query}")[0] == 403
    assert served.ask(f"/live.js?token={served.server.token}")[0] == 403, "it is good at one place alone"


def test_every_answer_has_the_headers_that_protect_it(served: Serving) -> None:
    for path, headers in (
        ("/", {"Cookie": served.cookie()}),
        ("/", {}),
        ("/nothing", {"Cookie": served.cookie()}),
    ):
        _, answered, _ = served.ask(path, headers=headers)
        policy = answered["content-security-policy"]
        assert policy.startswith("default-src 'self'")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answered["x-content-type-options"] == "nosniff"
        assert answered["referrer-policy"] == "no-referrer"
        assert answered["cache-control"] == "no-store"
        assert not any(name.startswith("access-control") for name in answered)
        assert "server" not in answered


def test_the_page_names_no_other_place(served: Serving) -> None:
    for path in ("/", "/live.css", "/live.js"):
        body = served.ask(path, headers={"Cookie": served.cookie()})[2].decode()
        assert "http://" not in body.replace("http://www.w3.org", "")
        assert "https://" not in body
        assert " style=" not in body
        assert "onclick=" not in body
        assert "innerHTML" not in body


def test_ranges_are_not_served(served: Serving) -> None:
    status, headers, _ = served.ask("/live.js", headers={"Cookie": served.cookie(), "Range": "bytes=0-9"})
    assert status == 200
    assert "accept-ranges" not in headers


def test_connections_that_ask_for_nothing_are_ended_and_others_go_on(
    served: Serving, monkeypatch: Any
) -> None:
    monkeypatch.setattr("seqimg.live.serving._SILENT", 0.5)
    silent = []
    for _ in range(150):
        raw = socket.create_connection(("127.0.0.1", served.port), timeout=10)
        raw.settimeout(10)
        silent.append(raw)
    try:
        assert served.ask("/", headers={"Cookie": _known(served)})[0] == 200
        assert silent[0].recv(10) == b"", "it was closed"
    finally:
        for raw in silent:
            raw.close()


def _known(served: Serving) -> str:
    """The cookie, without asking for it."""
    app: Any = served.server.app
    return f"{app._cookie}={app._pass.decode()}"


def _scope_headers(served: Serving, headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    given = {"Host": served.host, **headers}
    return [(name.lower().encode(), value.encode()) for name, value in given.items() if value]


def _asked(app: Any, path: str, method: str, query: bytes, headers: list[tuple[bytes, bytes]]) -> int:
    import asyncio

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": headers,
        "server": ("127.0.0.1", 1),
        "client": ("127.0.0.1", 2),
        "scheme": "http",
        "root_path": "",
        "http_version": "1.1",
        "extensions": {},
    }
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return int(sent[0]["status"])


def _socket_said(app: Any, path: str, headers: list[tuple[bytes, bytes]]) -> list[str]:
    import asyncio

    scope = {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
        "server": ("127.0.0.1", 1),
        "client": ("127.0.0.1", 2),
        "scheme": "ws",
        "root_path": "",
        "subprotocols": [],
    }
    sent: list[str] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    asyncio.run(app(scope, receive, send))
    return sent


def test_a_message_is_words_that_are_known(served: Serving) -> None:
    with served.socket() as socket_:
        for text in (
            "{",
            "[]",
            '{"do": "rm"}',
            '{"path": "/etc/passwd"}',
            '{"do": "pause", "x": 1}',
            "[" * 3000,
            "x" * 5000,
        ):
            socket_.send(text)
        notes = []
        while len(notes) < 7:
            said = socket_.recv(10)
            if isinstance(said, str) and json.loads(said)["kind"] == "note":
                notes.append(json.loads(said))
        assert all(note["bad"] for note in notes)
