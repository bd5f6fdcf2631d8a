"""Tests that a call which an SDK retries is executed once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from localcloud.server import repeats
from localcloud.server.repeats import Repeats

Headers = dict[str, str]


class Counter:
    """An application that counts its calls and responds with the number."""

    def __init__(self, status: int = 200) -> None:
        self.calls = 0
        self.status = status

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.calls += 1
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b"call ", "more_body": True})
        await send({"type": "http.response.body", "body": str(self.calls).encode()})


def ask(
    app: Repeats,
    attempt: int,
    call: str | None = "c1",
    *,
    method: str = "POST",
    path: str = "/rules/r",
    key: str = "AKIA1",
    lost: bool = False,
) -> bytes:
    """Returns the response's body; with ``lost``, the connection breaks during the response."""
    headers: Headers = {"authorization": f"AWS4-HMAC-SHA256 Credential={key}/20260101/eu-west-1"}
    if call:
        headers |= {"amz-sdk-invocation-id": call, "amz-sdk-request": f"attempt={attempt}; max=3"}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    body = b""

    async def send(message: Any) -> None:
        nonlocal body
        if lost and message["type"] == "http.response.body" and not message.get("more_body"):
            raise ConnectionResetError
        body += message.get("body", b"")

    async def receive() -> Any:
        raise AssertionError("unexpected read of the request")

    asyncio.run(app(scope, receive, send))
    return body


def test_a_retry_gets_the_first_response() -> None:
    app = Counter()
    once = Repeats(app)
    with pytest.raises(ConnectionResetError):
        ask(once, 1, lost=True)
    assert ask(once, 2) == ask(once, 3) == b"call 1"
    assert app.calls == 1


@pytest.mark.parametrize(
    "other",
    [
        {"call": "c2"},
        {"call": None},
        {"path": "/rules/s"},
        {"key": "AKIA2"},
        {"method": "GET"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_another_call_is_executed(other: dict[str, Any]) -> None:
    once = Repeats(Counter())
    ask(once, 1)
    assert ask(once, **{"attempt": 2, **other}) == b"call 2"


def test_a_failed_call_is_executed_again() -> None:
    app = Counter(status=503)
    once = Repeats(app)
    assert ask(once, 1) == b"call 1"
    app.status = 200
    assert ask(once, 2) == b"call 2"


def test_a_first_attempt_is_always_executed() -> None:
    once = Repeats(Counter())
    assert ask(once, 1) == b"call 1"
    assert ask(once, 1) == b"call 2"


def test_responses_expire(monkeypatch: pytest.MonkeyPatch) -> None:
    once = Repeats(Counter())
    ask(once, 1)
    monkeypatch.setattr(repeats, "KEPT_SECONDS", 0.0)
    assert ask(once, 2) == b"call 2"
