"""The chat over a WebSocket: handshake, frames, close codes."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.db import OperationalError

from chat.models import Message
from chat.routing import websocket_urlpatterns
from tenants import widget_tokens
from tenants.models import ApiToken
from tenants.scope import tenant_scope
from tests.cast import BearerAsyncClient, token_of
from tests.chat.conftest import House, SteeredModel

pytestmark = pytest.mark.usefixtures("quiet_end")
OWN = b"http://testserver"
QUESTION = "Within how many days are fuel receipts handed in?"


@pytest.fixture
def token(house: House) -> str:
    return token_of(house.tenant, ("chat",))


@pytest.fixture
def visitor(house: House) -> str:
    raw, _ = widget_tokens.issue(
        house.bot.pk, house.tenant.pk, uuid.uuid4(), "https://shop.example"
    )
    return raw


class Socket(WebsocketCommunicator):  # type: ignore[misc]
    """Waits as long as all else here does, not a second: other tests run beside."""

    async def receive_json_from(self) -> Any:
        return await super().receive_json_from(timeout=5)

    async def disconnect(self) -> None:
        await super().disconnect(timeout=5)


def dial(token: str, origin: bytes | None = None, *, offers: list[str] | None = None) -> Any:
    headers = [(b"host", b"testserver")]
    if origin is not None:
        headers.append((b"origin", origin))
    protocols = ["minirag.v1", f"bearer.{token}"] if offers is None else offers
    return Socket(
        URLRouter(websocket_urlpatterns), "/ws/v1/chat", headers=headers, subprotocols=protocols
    )


async def opened(token: str, origin: bytes | None = None) -> Any:
    socket = dial(token, origin)
    accepted, protocol = await socket.connect(timeout=5)
    assert (accepted, protocol) == (True, "minirag.v1")
    return socket


async def hear(socket: Any, until: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    frames = []
    while True:
        frame = json.loads(await socket.receive_from(timeout=5))
        frames.append(frame)
        if until(frame):
            return frames


def is_last(frame: dict[str, Any]) -> bool:
    return frame["type"] in ("done", "error")


def ask(house: House, **more: Any) -> dict[str, Any]:
    return {
        "type": "ask", "id": "c1", "bot_profile_id": str(house.bot.pk), "message": QUESTION, **more,
    }  # fmt: skip


async def closed_with(socket: Any) -> int:
    while True:
        output = await socket.receive_output(timeout=5)
        if output["type"] == "websocket.close":
            return int(output["code"])


async def test_a_question_and_its_events(house: House, token: str) -> None:
    house.chat.enqueue("Seven days", " [1].")
    socket = await opened(token)
    await socket.send_json_to(ask(house))
    frames = await hear(socket, is_last)
    assert [frame["type"] for frame in frames] == ["start", "retrieval", "delta", "delta", "done"]
    assert [frame["seq"] for frame in frames] == [1, 2, 3, 4, 5]
    assert {frame["id"] for frame in frames} == {"c1"}
    assert frames[-1]["answer"] == "Seven days [1]."
    await socket.send_json_to({"type": "ping"})
    assert await socket.receive_json_from() == {"type": "pong"}
    await socket.disconnect()


async def test_stop(house: House, token: str, steered: SteeredModel) -> None:
    socket = await opened(token)
    await socket.send_json_to(ask(house))
    start = (await hear(socket, lambda frame: frame["type"] == "retrieval"))[0]
    await asyncio.wait_for(steered.asked.wait(), 5)
    other = await opened(await sync_to_async(token_of)(house.tenant, ("chat",)))
    await other.send_json_to({"type": "stop", "message_id": start["message_id"]})
    assert (await other.receive_json_from())["code"] == "not_found"
    await other.disconnect()
    await socket.send_json_to({"type": "stop", "message_id": start["message_id"]})
    assert (await hear(socket, is_last))[-1]["finish_reason"] == "stopped"
    await socket.disconnect()


async def test_a_stop_says_the_same_as_over_http(house: House, token: str) -> None:
    """One that comes too late is none the worse for it; a question cannot be stopped."""
    house.chat.enqueue("Seven days.")
    socket, api = await opened(token), BearerAsyncClient(token)
    await socket.send_json_to(ask(house))
    done = (await hear(socket, is_last))[-1]
    question = await sync_to_async(question_of)(house, done["message_id"])
    for message_id, status, code in (
        (done["message_id"], 200, None),
        (question, 409, "conflict"),
        (str(uuid.uuid4()), 404, "not_found"),
    ):
        answer = await api.post(
            f"/v1/messages/{message_id}/stop", {}, content_type="application/json"
        )
        assert answer.status_code == status
        await socket.send_json_to({"type": "stop", "id": "s", "message_id": message_id})
        await socket.send_json_to({"type": "ping"})
        frames = await hear(socket, lambda frame: bool(frame["type"] == "pong"))
        assert [frame.get("code") for frame in frames[:-1]] == ([code] if code else [])
    await socket.disconnect()


def question_of(house: House, message_id: str) -> str:
    with tenant_scope(house.tenant.pk):
        answer = Message.objects.get(pk=message_id)
        return str(Message.objects.get(chat=answer.chat_id, role="user").pk)


@pytest.mark.parametrize("origin", [None, OWN, b"http://127.0.0.1:8000"])
async def test_origins_of_tokens(house: House, token: str, origin: bytes | None) -> None:
    await (await opened(token, origin)).disconnect()


@pytest.mark.parametrize(
    ("offers", "origin"),
    [
        (["minirag.v1"], None),
        (["minirag.v1", "bearer.mrag_nonsense"], None),
        (["bearer.{token}"], None),
        (["minirag.v1", "bearer.{token}", "bearer.{token}"], None),
        (["minirag.v1", "bearer.{token}"], b"https://evil.example"),
        (["minirag.v1", "bearer.{token}"], b"null"),
        (["minirag.v1", "bearer.{visitor}"], None),
        (["minirag.v1", "bearer.{visitor}"], b"https://shop.example"),
    ],
)
async def test_refused_in_the_handshake(
    house: House, token: str, visitor: str, offers: list[str], origin: bytes | None
) -> None:
    filled = [offer.format(token=token, visitor=visitor) for offer in offers]
    accepted, _ = await dial("", origin, offers=filled).connect(timeout=5)
    assert accepted is False


@pytest.mark.parametrize(
    ("offer", "origin", "code"),
    [
        ("bearer.nobody", None, "unauthenticated"),
        ("bearer.{token}", b"https://evil.example", "origin_refused"),
        ("bearer.{reader}", None, "forbidden"),
    ],
)
async def test_a_refusal_says_why_where_the_server_can(
    house: House, token: str, offer: str, origin: bytes | None, code: str
) -> None:
    reader = await sync_to_async(token_of)(house.tenant, ("read",))
    socket = dial("", origin, offers=["minirag.v1", offer.format(token=token, reader=reader)])
    socket.scope["extensions"] = {"websocket.http.response": {}}
    await socket.send_input({"type": "websocket.connect"})
    start, body = [await socket.receive_output(timeout=5) for _ in range(2)]
    error = json.loads(body["body"])["error"]
    assert (start["status"], error["code"]) == (403, code)
    assert dict(start["headers"])[b"x-request-id"].decode() == error["request_id"]


async def test_a_token_without_chat_is_refused(house: House) -> None:
    reader = await sync_to_async(token_of)(house.tenant, ("read",))
    accepted, _ = await dial(reader).connect(timeout=5)
    assert accepted is False


async def test_a_visitor_asks_from_our_frame(house: House, visitor: str) -> None:
    socket = await opened(visitor, OWN)
    await socket.send_json_to(ask(house))
    assert (await hear(socket, is_last))[-1]["type"] == "done"
    await socket.disconnect()


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"type": "sing", "id": "c1"}, "bad_request"),
        ({"type": "ask", "id": "c1"}, "invalid"),
        ({"type": "ask", "id": "c1", "bot_profile_id": str(uuid.uuid4()), "message": "x"},
         "not_found"),
        ({"type": "stop", "id": "c1", "message_id": str(uuid.uuid4())}, "not_found"),
        ({"type": "stop", "id": "c1", "message_id": 5}, "invalid"),
        ({"type": "\ud800", "id": "c1"}, "bad_request"),
        ({"type": "stop", "id": "c1", "message_id": "\ud800"}, "invalid"),
        ({"type": "ask", "id": "c1", "bot_profile_id": "\ud800", "message": "x"}, "invalid"),
        ({"type": "ask", "id": "c1", "bot_profile_id": str(uuid.uuid4()), "message": "\ud800"},
         "invalid"),
        ({"type": "ask", "id": "c1", "bot_profile_id": str(uuid.uuid4()), "message": "x",
          "external_user": "\ud800"}, "invalid"),
    ],
)  # fmt: skip
async def test_a_frame_that_cannot_be_served(
    house: House, token: str, frame: dict[str, Any], code: str
) -> None:
    socket = await opened(token)
    await socket.send_json_to(frame)
    answer = await socket.receive_json_from()
    assert (answer["type"], answer["id"], answer["code"]) == ("error", "c1", code)
    await socket.send_json_to({"type": "ping"})
    assert await socket.receive_json_from() == {"type": "pong"}
    await socket.disconnect()


async def test_a_frame_is_told_all_that_is_wrong_with_it(house: House, token: str) -> None:
    socket = await opened(token)
    for kind, named in (("ask", {"bot_profile_id", "message", "x"}), ("stop", {"message_id", "x"})):
        await socket.send_json_to({"type": kind, "message_id": 5, "x": 1})
        fields = (await socket.receive_json_from())["fields"]
        assert set(fields) >= named
    await socket.disconnect()


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"id": "c1"}', '{"type": 1}', '{"type": "ping", "type": "ask"}',
             '{"type": "ping", "id": {}}', r'{"type": "nope", "id": "\ud800"}',
             r'{"type": "ask", "id": "\udfff", "message": "x"}', r'{"type": "ask", "\ud800": 1}',
             '{"type":"ping","x":"' + "y" * 300_000 + '"}'],
    ids=lambda text: text[:12],
)  # fmt: skip
async def test_what_is_no_frame_closes(house: House, token: str, text: str) -> None:
    socket = await opened(token)
    await socket.send_to(text_data=text)
    assert await closed_with(socket) == 4409


async def test_binary_closes(house: House, token: str) -> None:
    socket = await opened(token)
    await socket.send_to(bytes_data=b"\x00")
    assert await closed_with(socket) == 4409


async def test_revoked(house: House, token: str, settings: Any) -> None:
    settings.MINIRAG_WS_RECHECK_SECONDS = 0.02

    def revoke() -> None:
        with tenant_scope(house.tenant.pk):
            ApiToken.objects.all().delete()

    socket = await opened(token)
    await sync_to_async(revoke)()
    assert await closed_with(socket) == 4401


async def test_origin_taken_off(house: House, visitor: str, settings: Any) -> None:
    settings.MINIRAG_WS_RECHECK_SECONDS = 0.02
    socket = await opened(visitor, OWN)
    await sync_to_async(house.change_bot)(widget_allowed_origins=[])
    assert await closed_with(socket) == 4403


async def test_who_cannot_be_looked_at_is_not_let_stay(
    house: House, token: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that is away is waited for; anything else ends the socket."""
    settings.MINIRAG_WS_RECHECK_SECONDS = 0.02
    looks: list[int] = []

    def look(auth: object) -> None:
        looks.append(1)
        raise OperationalError("away") if len(looks) < 3 else ValueError("a fault of ours")

    monkeypatch.setattr("chat.consumers.recheck", look)
    assert await closed_with(await opened(token)) == 1011
    assert len(looks) == 3


async def test_idle(house: House, token: str, settings: Any) -> None:
    settings.MINIRAG_WS_RECHECK_SECONDS = 0.02
    settings.MINIRAG_WS_IDLE_SECONDS = 0
    assert await closed_with(await opened(token)) == 4408


async def test_flood(house: House, token: str) -> None:
    socket = await opened(token)
    for _ in range(301):
        await socket.send_json_to({"type": "ping"})
    assert await closed_with(socket) == 4429


async def test_too_many_questions(house: House, token: str, settings: Any) -> None:
    settings.MINIRAG_RATE_CHAT = 1
    socket = await opened(token)
    await socket.send_json_to(ask(house))
    await hear(socket, is_last)
    await socket.send_json_to(ask(house))
    assert (await hear(socket, is_last))[-1]["code"] == "rate_limited"
    await socket.disconnect()


async def test_the_answer_outlives_the_socket(
    house: House, token: str, steered: SteeredModel
) -> None:
    socket = await opened(token)
    await socket.send_json_to(ask(house))
    await hear(socket, lambda frame: frame["type"] == "retrieval")
    await asyncio.wait_for(steered.asked.wait(), 5)
    await socket.disconnect()
    assert not steered.closed.is_set()
    steered.say("Seven.")
    steered.finish()
    await asyncio.wait_for(steered.closed.wait(), 5)
