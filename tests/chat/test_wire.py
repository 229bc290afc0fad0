"""A real provider on the wire, gone wrong in every way, as clients of each transport see it.

Whatever the provider does, a client gets one end with its code, what was sent is what is kept, and
the ledger has each call of the provider once.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from chat import turns
from chat.models import Message
from tenants.scope import tenant_scope
from tests.cast import token_of
from tests.chat.conftest import House
from tests.chat.test_http import Api, body, read
from tests.chat.test_websocket import ask, hear, is_last, opened
from tests.doubles.openai_server import OpenAIDouble
from usage.models import UsageEvent, UsageKind, UsageStatus

pytest_plugins = ["tests.provider_fixtures"]
pytestmark = pytest.mark.usefixtures("quiet_end", "provider_limits")

# A stored answer, an error's code, or how it ended; and the row's status.
REFUSED = {
    "fault-400": ("provider_rejected", "failed"),
    "fault-401": ("provider_misconfigured", "failed"),
    "fault-403": ("provider_misconfigured", "failed"),
    "fault-404": ("provider_rejected", "failed"),
    "fault-408": ("provider_unavailable", "failed"),
    "fault-429-retry": ("provider_unavailable", "failed"),
    "fault-500": ("provider_unavailable", "failed"),
    "fault-503-retry": ("provider_unavailable", "failed"),
    "fault-redirect": ("provider_misconfigured", "failed"),
    "fault-html": ("provider_unavailable", "failed"),
    "fault-hang-headers": ("provider_unavailable", "failed"),
    "fault-reset-headers": ("provider_unavailable", "failed"),
    "fault-nothing": ("provider_unavailable", "failed"),
    "fault-eof-0": ("provider_unavailable", "failed"),
    "fault-only-usage": ("provider_unavailable", "failed"),
}
BROKEN = {
    "fault-hang-mid": ("provider_unavailable", "interrupted"),
    "fault-reset": ("provider_unavailable", "interrupted"),
    "fault-eof-3": ("provider_unavailable", "interrupted"),
    "fault-half-json": ("provider_unavailable", "interrupted"),
    "fault-error-frame": ("provider_unavailable", "interrupted"),
    "fault-no-finish": ("provider_unavailable", "interrupted"),
    "fault-failed": ("provider_unavailable", "interrupted"),
    "fault-big-chunk": ("provider_unavailable", "interrupted"),
}
ENDED = {
    "fault-length": ("length", "completed"),
    "fault-filter": ("content_filter", "completed"),
    "fault-empty-answer": ("stop", "completed"),
    "fault-duplicate-final": ("stop", "completed"),
    "fault-split-utf8": ("stop", "completed"),
    "normal": ("stop", "completed"),
}
ALL = {**REFUSED, **BROKEN, **ENDED}
HTTP_STATUS = {
    "provider_rejected": 424, "provider_misconfigured": 424, "provider_unavailable": 503,
}  # fmt: skip
KEY = "sk-CANARY-wire-0123456789"
# Data and keys of one answer, whatever the transport: (the end's word, chat id, text sent).
Heard = tuple[str, str, str]


@pytest.fixture(scope="module")
def double() -> Iterator[OpenAIDouble]:
    with OpenAIDouble() as server:
        yield server


@pytest.fixture
def wired(house: House, double: OpenAIDouble, settings: Any) -> House:
    """The bot asks the double; wherever a fault hangs, it is given up soon."""
    settings.MINIRAG_RATE_CHAT = 0
    double.meters.clear()
    double.history.clear()
    with tenant_scope(house.tenant.pk):
        house.bot.credentials = {"api_key": KEY, "api_base": double.base_url}
        house.bot.query_rewrite = "off"
        house.bot.score_threshold = 0
        house.bot.save()
    return house


async def use_model(house: House, fault: str) -> None:
    await sync_to_async(house.change_bot)(model=f"openai/{fault}")


async def by_sse(house: House, api: Api) -> Heard:
    frames = await read(await api.post("/v1/chat", body(house, stream=True)))
    assert [number for number, _, _ in frames] == list(range(1, len(frames) + 1))
    return _heard([{"type": name, **data} for _, name, data in frames])


async def by_websocket(house: House, api: Api) -> Heard:
    socket = await opened(api.token)
    await socket.send_json_to(ask(house))
    frames = await hear(socket, is_last)
    await socket.disconnect()
    assert [frame.pop("seq") for frame in frames] == list(range(1, len(frames) + 1))
    assert {frame.pop("id") for frame in frames} == {"c1"}
    return _heard(frames)


def _heard(frames: list[dict[str, Any]]) -> Heard:
    names = [frame["type"] for frame in frames]
    assert names[:2] == ["start", "retrieval"] and set(names[2:-1]) <= {"delta"}
    assert set(frames[0]) == {"type", "chat_id", "message_id", "bot_profile_id"}
    assert KEY not in json.dumps(frames)
    text = "".join(frame["text"] for frame in frames[2:-1])
    last = frames[-1]
    if last["type"] == "error":
        assert set(last) == {"type", "code", "message", "retryable", "message_id"}
        return last["code"], frames[0]["chat_id"], text
    assert last["answer"] == text
    return last["finish_reason"], frames[0]["chat_id"], text


async def by_json(house: House, api: Api) -> Heard:
    name = uuid.uuid4().hex
    answer = await api.post("/v1/chat", body(house, external_user=name))
    assert KEY not in answer.content.decode()
    chat = (await api.get(f"/v1/chats?external_user={name}")).json()["results"][0]["id"]
    if answer.status_code == 200:
        return answer.json()["finish_reason"], chat, answer.json()["answer"]
    code = answer.json()["error"]["code"]
    assert answer.status_code == HTTP_STATUS[code]
    assert ("Retry-After" in answer) is (answer.status_code == 503)
    kept = (await api.get(f"/v1/chats/{chat}/messages")).json()["results"][1]
    return code, chat, kept["content"]


async def _same_end(
    house: House, api: Api, faults: dict[str, tuple[str, str]],
    transport: Callable[[House, Api], Awaitable[Heard]],
) -> None:  # fmt: skip
    seen = {}
    for fault in faults:
        await use_model(house, fault)
        word, chat, text = await transport(house, api)
        kept = (await api.get(f"/v1/chats/{chat}/messages")).json()["results"][1]
        assert kept["content"] == text, fault
        assert (kept["error"] or {}).get("code", word) == word, fault
        seen[fault] = (word, kept["status"])
    assert seen == faults


@pytest.fixture
def api(wired: House) -> Api:
    return Api(token_of(wired.tenant))


TRANSPORTS = pytest.mark.parametrize("transport", [by_sse, by_websocket, by_json])


@TRANSPORTS
async def test_each_fault_has_one_end(
    wired: House, api: Api, double: OpenAIDouble, transport: Any
) -> None:
    """A third of the faults by each transport; all by all of them in the long tier."""
    number = [by_sse, by_websocket, by_json].index(transport)
    share = {name: end for at, (name, end) in enumerate(ALL.items()) if at % 3 == number}
    await _same_end(wired, api, share, transport)
    await sync_to_async(_ledger_is_the_meter)(wired, double)


@pytest.mark.long
@TRANSPORTS
async def test_every_fault_has_one_end(
    wired: House, api: Api, double: OpenAIDouble, transport: Any
) -> None:
    await _same_end(wired, api, ALL, transport)
    await sync_to_async(_ledger_is_the_meter)(wired, double)


@pytest.mark.long
async def test_an_answer_cut_at_any_byte_is_never_complete(wired: House, api: Api) -> None:
    for cut in range(0, 1_200, 7):
        await use_model(wired, f"fault-bytes-{cut}")
        word, _, _ = await by_sse(wired, api)
        assert word == "provider_unavailable", cut


async def test_a_providers_own_wait_is_handed_on(wired: House, api: Api) -> None:
    for fault, seconds in (("fault-429-retry", "7"), ("fault-503-retry", "11")):
        await use_model(wired, fault)
        answer = await api.post("/v1/chat", body(wired))
        assert (answer.status_code, answer["Retry-After"]) == (503, seconds)


async def test_a_huge_piece_comes_in_frames_of_bounded_size(wired: House, api: Api) -> None:
    await use_model(wired, "fault-big-chunk")
    frames = await read(await api.post("/v1/chat", body(wired, stream=True)))
    sizes = [len(data["text"]) for _, name, data in frames if name == "delta"]
    assert sum(sizes) == 100_000 and max(sizes) <= 8_192


async def test_prompts_hold_nothing_of_others_and_no_key(
    wired: House, stranger: House, api: Api, double: OpenAIDouble
) -> None:
    await use_model(wired, "normal")
    await by_sse(wired, api)
    prompt = json.dumps([seen.body for seen in double.history])
    assert "Fuel receipts" in prompt
    assert "gold" not in prompt and KEY not in prompt and "Birch" not in prompt


# --- usage -------------------------------------------------------------------------------------


def _ledger_is_the_meter(house: House, double: OpenAIDouble) -> None:
    """One row for each call; what the provider charged stands there to the token."""
    meter = double.meters[KEY]
    with tenant_scope(house.tenant.pk):
        rows = UsageEvent.objects.exclude(kind=UsageKind.EMBEDDING)
        assert rows.count() == sum(seen.path.endswith("completions") for seen in double.history)
        assert not rows.filter(status=UsageStatus.RESERVED).exists()
        exact = [row for row in rows if row.status == UsageStatus.SETTLED and not row.estimated]
    sums = (len(exact), sum(r.input_tokens for r in exact), sum(r.output_tokens for r in exact))
    # What the double charges for an answer that we gave up is in its meter, estimated with us.
    assert sums[0] <= meter.calls and sums[1] <= meter.input_tokens
    if meter.calls == sums[0]:
        assert sums == (meter.calls, meter.input_tokens, meter.output_tokens)


async def test_rewrites_and_answers_are_metered_as_the_provider_charges(
    wired: House, api: Api, double: OpenAIDouble
) -> None:
    await sync_to_async(wired.change_bot)(model="openai/normal", query_rewrite="always")
    first = (await api.post("/v1/chat", body(wired))).json()
    again = (await api.post("/v1/chat", body(wired, chat_id=first["chat_id"]))).json()
    kinds = [call["kind"] for call in again["usage"]["calls"]]
    assert sorted(kinds) == ["embedding", "generation", "rewrite"]
    meter = double.meters[KEY]
    calls = [
        call
        for answer in (first, again)
        for call in answer["usage"]["calls"]
        if call["kind"] != "embedding"
    ]
    assert meter.calls == len(calls)
    assert meter.input_tokens == sum(call["input_tokens"] for call in calls)
    assert meter.output_tokens == sum(call["output_tokens"] for call in calls)
    await sync_to_async(_ledger_is_the_meter)(wired, double)


async def test_a_stopped_answer_is_metered_once_and_says_estimated(
    wired: House, api: Api, double: OpenAIDouble, settings: Any
) -> None:
    settings.MINIRAG_PROVIDER_TOKEN_TIMEOUT = 60.0
    await use_model(wired, "fault-hang-mid")
    response = await api.post("/v1/chat", body(wired, stream=True))
    frames = aiter(response)
    start = json.loads((await anext(frames)).decode().split("data: ")[1])
    while b"event: delta" not in await anext(frames):
        pass
    double.hung_up.clear()
    for _ in range(2):
        stopped = await api.post(f"/v1/messages/{start['message_id']}/stop", None)
        assert stopped.status_code == 200
    done = json.loads([part async for part in frames][-1].decode().split("data: ")[1])
    assert done["finish_reason"] == "stopped" and done["usage"]["estimated"] is True
    assert await asyncio.to_thread(double.hung_up.wait, 5), "the provider's request is ended"
    generation = [call for call in done["usage"]["calls"] if call["kind"] == "generation"]
    assert len(generation) == 1 and generation[0]["output_tokens"] > 0
    late = await api.post(f"/v1/messages/{start['message_id']}/stop", None)
    assert (late.status_code, late.json()["status"]) == (200, "stopped")
    await sync_to_async(_ledger_is_the_meter)(wired, double)


# --- clients that go away ------------------------------------------------------------------------


async def _leave_sse(house: House, api: Api, after: int) -> None:
    frames = aiter(await api.post("/v1/chat", body(house, stream=True)))
    for _ in range(after):
        await anext(frames)
    await frames.aclose()


async def _leave_websocket(house: House, api: Api, after: int) -> None:
    socket = await opened(api.token)
    await socket.send_json_to(ask(house))
    for _ in range(max(1, after)):
        await socket.receive_from(timeout=5)
    await socket.disconnect()


async def _leave_json(house: House, api: Api, after: int) -> None:
    begun = asyncio.Event()
    start = turns.start

    def tell(turn: Any, *rest: Any) -> None:
        start(turn, *rest)
        begun.set()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turns, "start", tell)
        asking = asyncio.create_task(api.post("/v1/chat", body(house)))
        await asyncio.wait_for(begun.wait(), 5)
    asking.cancel()
    await asyncio.wait([asking])


def _answers(house: House) -> list[Message]:
    with tenant_scope(house.tenant.pk):
        return list(Message.objects.filter(role="assistant"))


@pytest.mark.parametrize("leave", [_leave_sse, _leave_websocket, _leave_json])
async def test_who_goes_away_at_any_moment_loses_nothing(
    wired: House, api: Api, double: OpenAIDouble, leave: Any
) -> None:
    await use_model(wired, "normal")
    moments = (0, 1, 2, 5) if leave is not _leave_json else (0,)
    for moment in moments:
        await leave(wired, api, moment)
    rows = await sync_to_async(_answers)(wired)
    assert len(rows) == len(moments)
    for row in rows:
        async for _ in turns.follow(wired.tenant.pk, row.pk, 5.0):
            pass
    for row in await sync_to_async(_answers)(wired):
        assert row.status == "completed" and row.content.startswith("You asked")
    assert double.meters[KEY].calls == len(moments)
    await sync_to_async(_ledger_is_the_meter)(wired, double)
