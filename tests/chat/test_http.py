"""Chat and search over HTTP: the JSON body, the bytes of the stream, and who may see what."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse
from django.test import AsyncClient

from bots.models import BotProfile
from bots.selectors import bot_with_tenant
from chat import turns
from chat.event_logs import event_log
from chat.models import Chat, DailyWidgetCount
from chat.selectors import access_chat
from chat.services import Ask
from minirag.errors import ProviderMisconfigured
from sources.models import Chunk, Document, Source
from tenants import widget_tokens
from tenants.context import AuthContext
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.cast import client_for, token_of
from tests.chat.conftest import PARTS, House, SteeredModel

pytestmark = pytest.mark.usefixtures("quiet_end")
QUESTION = "Within how many days are fuel receipts handed in?"


class Api:
    """An ASGI client with a Bearer credential in every request."""

    def __init__(self, token: str) -> None:
        self.token = token
        self._client = AsyncClient(raise_request_exception=False)
        self._headers = {"authorization": f"Bearer {token}"}

    async def get(self, path: str, **headers: str) -> Any:
        return await self._client.get(path, headers={**self._headers, **headers})

    async def delete(self, path: str) -> Any:
        return await self._client.delete(path, headers=self._headers)

    async def post(
        self, path: str, data: Any, content_type: str = "application/json", **headers: str
    ) -> Any:
        return await self._client.post(
            path, data, content_type=content_type, headers={**self._headers, **headers}
        )


@pytest.fixture
def api(house: House) -> Api:
    return Api(token_of(house.tenant))


@pytest.fixture
def theirs(stranger: House) -> Api:
    return Api(token_of(stranger.tenant))


def body(house: House, **more: Any) -> dict[str, Any]:
    return {"bot_profile_id": str(house.bot.pk), "message": QUESTION, **more}


async def post(client: Api, path: str, data: Any, **headers: str) -> Any:
    return await client.post(f"/v1{path}", data, **headers)


async def read(response: Any) -> list[tuple[int, str, Any]]:
    """The frames of a stream, each line in its place."""
    assert isinstance(response, StreamingHttpResponse)
    raw = b"".join([part async for part in response])
    frames = []
    for block in raw.decode().split("\n\n")[:-1]:
        if block.startswith(":"):
            continue
        first, second, third = block.split("\n")
        data = json.loads(third.removeprefix("data: "))
        frames.append((int(first.removeprefix("id: ")), second.removeprefix("event: "), data))
    return frames


async def test_a_whole_answer(house: House, api: Api) -> None:
    house.chat.enqueue("Seven days [1].")
    response = await post(api, "/chat", body(house, external_user="ann"))
    assert response.status_code == 200, response.content
    answer = response.json()
    assert set(answer) == {
        "chat_id", "message_id", "answer", "refused", "finish_reason", "citations", "usage",
    }  # fmt: skip
    assert answer["answer"] == "Seven days [1]."
    message = (await api.get(f"/v1/messages/{answer['message_id']}")).json()
    assert message["citations"] == answer["citations"] and message["usage"] == answer["usage"]
    chat = (await api.get(f"/v1/chats/{answer['chat_id']}")).json()
    assert (chat["message_count"], chat["external_user"], chat["channel"]) == (2, "ann", "api")
    listed = (await api.get("/v1/chats?external_user=ann")).json()["results"]
    assert [one["id"] for one in listed] == [answer["chat_id"]]
    assert (await api.get("/v1/chats?external_user=bob")).json()["results"] == []
    messages = (await api.get(f"/v1/chats/{answer['chat_id']}/messages")).json()["results"]
    assert [(one["role"], one["status"]) for one in messages] == [
        ("user", "completed"), ("assistant", "completed"),
    ]  # fmt: skip
    cited = (await api.get(f"/v1/messages/{answer['message_id']}/citations/1")).json()
    assert cited["quote"] == PARTS[0] and cited["after"].startswith("\n\nThe tyre")
    missing = await api.get(f"/v1/messages/{answer['message_id']}/citations/4")
    assert missing.status_code == 404


async def test_the_stream_is_the_contracts(house: House, api: Api) -> None:
    house.chat.enqueue("Line\none ", "[1]\r\n", "data: x [8]")
    response = await post(api, "/chat", body(house, stream=True), accept="text/event-stream")
    assert response["Content-Type"] == "text/event-stream"
    assert response["Cache-Control"] == "no-cache, no-transform"
    assert response["X-Accel-Buffering"] == "no"
    frames = await read(response)
    assert [seq for seq, _, _ in frames] == list(range(1, len(frames) + 1))
    names = [name for _, name, _ in frames]
    assert names[:2] == ["start", "retrieval"] and names[-1] == "done"
    assert set(names[2:-1]) == {"delta"}
    text = "".join(data["text"] for _, name, data in frames if name == "delta")
    assert text == frames[-1][2]["answer"] == "Line\none [1]\r\ndata: x"


async def test_errors_before_the_start_are_json(house: House, api: Api) -> None:
    bad = await post(
        api, "/chat", body(house, message=" ", stream=True), accept="text/event-stream"
    )
    assert bad.status_code == 400 and bad["Content-Type"] == "application/json"
    assert "message" in bad.json()["error"]["fields"]
    for wrong in ({"message": 5}, {"more": 1}, {"message": "x" * 32_001}, {"stream": "yes"}):
        assert (await post(api, "/chat", body(house, **wrong))).status_code == 400
    for unknown in ({"bot_profile_id": str(uuid.uuid4())}, {"chat_id": str(uuid.uuid4())}):
        assert (await post(api, "/chat", body(house, **unknown))).status_code == 404
    assert (await post(api, "/chat", body(house, bot_profile_id="x"))).status_code == 400


async def test_a_provider_fault_has_its_own_status(house: House, api: Api) -> None:
    house.chat.enqueue(error=ProviderMisconfigured())
    response = await post(api, "/chat", body(house))
    assert response.status_code == 424
    assert response.json()["error"]["code"] == "provider_misconfigured"
    house.chat.enqueue(error=ProviderMisconfigured())
    frames = await read(await post(api, "/chat", body(house, stream=True)))
    assert frames[-1][1] == "error" and frames[-1][2]["code"] == "provider_misconfigured"


async def test_a_client_that_goes_away_loses_nothing(
    house: House, api: Api, steered: SteeredModel
) -> None:
    response = await post(api, "/chat", body(house, stream=True))
    frames = aiter(response)
    start = await anext(frames)
    message_id = json.loads(start.decode().split("data: ")[1])["message_id"]
    await frames.aclose()
    steered.say("Seven.")
    steered.finish()
    async for _ in turns.follow(house.tenant.pk, uuid.UUID(message_id), 5.0):
        pass
    message = (await api.get(f"/v1/messages/{message_id}")).json()
    assert (message["status"], message["content"]) == ("completed", "Seven.")


async def test_stop_over_http(house: House, api: Api, steered: SteeredModel) -> None:
    response = await post(api, "/chat", body(house, stream=True))
    frames = aiter(response)
    message_id = json.loads((await anext(frames)).decode().split("data: ")[1])["message_id"]
    await asyncio.wait_for(steered.asked.wait(), 5)
    stopped = await post(api, f"/messages/{message_id}/stop", None)
    assert stopped.status_code == 200, stopped.content
    last = [frame async for frame in frames][-1].decode()
    assert "event: done" in last and '"finish_reason":"stopped"' in last


async def test_stop_reads_its_body_as_strictly_as_cancel(house: House, api: Api) -> None:
    path = f"/messages/{(await post(api, '/chat', body(house))).json()['message_id']}/stop"
    for data, kind, status in (
        ({}, "application/json", 200), ("", "application/json", 200),
        ({"nope": 1}, "application/json", 400), ([], "application/json", 400),
        ("{bad", "application/json", 400), ("a=1", "text/plain", 415),
    ):  # fmt: skip
        answer = await post(api, path, data, content_type=kind)
        assert answer.status_code == status, (data, answer.content)


async def test_a_deleted_bot_ends_its_answer(house: House, api: Api, steered: SteeredModel) -> None:
    response = await post(api, "/chat", body(house, stream=True))
    await asyncio.wait_for(steered.asked.wait(), 5)
    gone = await api.delete(f"/v1/bot-profiles/{house.bot.pk}")
    assert gone.status_code == 204, gone.content
    await asyncio.wait_for(steered.closed.wait(), 5)
    assert (await read(response))[-1][1] == "error"


async def test_too_many_streams(
    house: House, api: Api, steered: SteeredModel, settings: Any
) -> None:
    settings.MINIRAG_MAX_STREAMS = 1
    first = await post(api, "/chat", body(house, stream=True))
    second = await post(api, "/chat", body(house, stream=True))
    assert second.status_code == 429 and second["Retry-After"]
    steered.finish()
    await read(first)
    steered.finish()
    third = await post(api, "/chat", body(house, stream=True))
    assert third.status_code == 200
    await read(third)


async def test_a_repeat_under_the_same_key_attaches(house: House, api: Api) -> None:
    house.chat.enqueue("Seven days [1].")
    key = {"Idempotency-Key": "k-1"}
    first = await read(await post(api, "/chat", body(house, stream=True), **key))
    again = await read(await post(api, "/chat", body(house, stream=True), **key))
    assert again == first and len(house.chat.history) == 1
    event_log.cache_clear()  # as after a restart: only the row is left, or what Redis has
    late = await read(await post(api, "/chat", body(house, stream=True), **key))
    assert late == first or [name for _, name, _ in late] == ["start", "delta", "done"]
    assert late[-1][2] == first[-1][2]
    other = await post(api, "/chat", body(house, stream=True, message="Else?"), **key)
    assert other.status_code == 422


async def test_feedback_and_delete(house: House, api: Api) -> None:
    answer = (await post(api, "/chat", body(house))).json()
    path = f"/messages/{answer['message_id']}/feedback"
    rated = await post(api, path, {"rating": "up", "comment": "good"})
    assert rated.json()["feedback"] == {"rating": "up", "comment": "good"}
    assert (await post(api, path, {"rating": "meh"})).status_code == 400
    assert (await api.delete(f"/v1/chats/{answer['chat_id']}")).status_code == 204
    assert (await api.get(f"/v1/chats/{answer['chat_id']}")).status_code == 404
    assert (await api.get(f"/v1/messages/{answer['message_id']}")).status_code == 404


async def test_who_only_chats_has_the_citations_of_its_own_answers(house: House, api: Api) -> None:
    def chatters() -> list[Api]:
        return [Api(token_of(house.tenant, ("chat",))) for _ in "ab"]

    mine, other = await sync_to_async(chatters)()
    own, foreign = [(await post(one, "/chat", body(house))).json() for one in (mine, other)]

    def path(answer: dict[str, Any], marker: int = 1) -> str:
        return f"/v1/messages/{answer['message_id']}/citations/{marker}"

    assert (await mine.get(path(own))).json()["quote"] == PARTS[0]
    refused, missing = await mine.get(path(foreign)), await mine.get(path(own, 9))
    for answer in (refused, missing, await other.get(path(own))):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    for answer in (own, foreign):
        assert (await api.get(path(answer))).status_code == 200


@pytest.mark.parametrize("deed", ["feedback", "stop"])
async def test_who_only_chats_rates_and_stops_its_own_answers(
    house: House, api: Api, deed: str
) -> None:
    """Either deed answers with the message, its text and its quotes."""

    def chatters() -> list[Api]:
        return [Api(token_of(house.tenant, ("chat",))) for _ in "ab"]

    mine, other = await sync_to_async(chatters)()
    answer = (await post(mine, "/chat", body(house))).json()
    path = f"/messages/{answer['message_id']}/{deed}"
    wanted = {"rating": "up"} if deed == "feedback" else {}
    refused = await post(other, path, wanted)
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "not_found")
    for client in (mine, api):
        assert (await post(client, path, wanted)).json()["content"] == answer["answer"]


async def test_a_question_to_a_chat_that_was_just_deleted(
    house: House, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = (await post(api, "/chat", body(house))).json()

    def then_gone(*args: Any) -> Any:
        chat = access_chat(*args)
        Chat.objects.filter(pk=chat.pk).delete()
        return chat

    monkeypatch.setattr("chat.services.access_chat", then_gone)
    refused = await post(api, "/chat", body(house, chat_id=answer["chat_id"]))
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "not_found")


async def test_a_question_to_a_bot_that_is_deleted_meanwhile(
    house: House, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its chat cannot be written any more; no other answer is under way."""

    def then_gone(auth: AuthContext, ask: Ask) -> BotProfile:
        bot = bot_with_tenant(auth, ask.bot_profile_id)
        BotProfile.objects.filter(pk=bot.pk).delete()
        return bot

    monkeypatch.setattr("chat.services._bot_for", then_gone)
    refused = await post(api, "/chat", body(house))
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "not_found")


async def test_nothing_of_another_tenant(
    house: House, stranger: House, api: Api, theirs: Api
) -> None:
    answer = (await post(api, "/chat", body(house))).json()
    for path in (
        f"/chats/{answer['chat_id']}", f"/chats/{answer['chat_id']}/messages",
        f"/messages/{answer['message_id']}", f"/messages/{answer['message_id']}/citations/1",
    ):  # fmt: skip
        assert (await api.get(f"/v1{path}")).status_code == 200, path
        assert (await theirs.get(f"/v1{path}")).status_code == 404, path
    for path in ("stop", "feedback"):
        found = await post(theirs, f"/messages/{answer['message_id']}/{path}", {"rating": "up"})
        assert found.status_code == 404
    taken = await post(theirs, "/chat", body(stranger, chat_id=answer["chat_id"]))
    assert taken.status_code == 404
    assert (await post(theirs, "/chat", body(house))).status_code == 404
    assert "gold" not in json.dumps([turn.content for turn in house.chat.history[-1].messages])


def search(house: House, data: dict[str, Any], scopes: tuple[str, ...] = ("read",)) -> Any:
    client = client_for(token_of(house.tenant, scopes))
    return client.post("/v1/search", data, content_type="application/json")


def test_search(house: House, stranger: House) -> None:
    found = search(house, {"query": QUESTION, "bot_profile_id": str(house.bot.pk)})
    assert found.status_code == 200, found.content
    assert found.json()["embedding_model"] == "fake/embedder"
    hit = found.json()["hits"][0]
    assert hit["text"] == PARTS[0] and hit["metadata"] == {"lang": "en"}
    assert house.document.text[hit["start"] : hit["end"]] == hit["text"]
    one = search(house, {"query": "van", "source_ids": [str(house.source.pk)], "top_k": 1})
    assert len(one.json()["hits"]) == 1
    assert search(house, {"query": "van", "source_ids": []}).json()["hits"] == []
    for source in (stranger.source.pk, uuid.uuid4()):
        assert search(house, {"query": "x", "source_ids": [str(source)]}).status_code == 404
    assert search(house, {"query": "x"}).status_code == 400
    both = {"query": "x", "source_ids": [], "bot_profile_id": str(house.bot.pk)}
    assert search(house, both).status_code == 400
    assert search(house, {"query": "van", "source_ids": []}, ("chat",)).status_code == 403


async def test_a_vector_of_another_length_is_the_providers_fault(house: House, api: Api) -> None:
    def widen() -> None:
        with tenant_scope(house.tenant.pk):
            tenant = Tenant.objects.get(pk=house.tenant.pk)
            Tenant.objects.filter(pk=tenant.pk).update(index_dimensions=tenant.index_dimensions + 1)

    await sync_to_async(widen)()
    answer = await post(api, "/chat", body(house))
    assert (answer.status_code, answer.json()["error"]["code"]) == (424, "provider_misconfigured")
    wanted = {"query": QUESTION, "bot_profile_id": str(house.bot.pk)}
    found = await sync_to_async(search)(house, wanted)
    assert (found.status_code, found.json()["error"]["code"]) == (424, "provider_misconfigured")


def test_search_sees_what_the_rows_say(house: House) -> None:
    wanted = {"query": QUESTION, "source_ids": [str(house.source.pk)]}
    with tenant_scope(house.tenant.pk):
        Chunk.objects.filter(pk=house.chunks[0].pk).update(enabled=False)
    assert PARTS[0] not in [hit["text"] for hit in search(house, wanted).json()["hits"]]
    with tenant_scope(house.tenant.pk):
        Chunk.objects.filter(pk=house.chunks[0].pk).update(enabled=True)
        Document.objects.filter(pk=house.document.pk).update(deleted_at="2026-01-01T00:00:00Z")
    assert search(house, wanted).json()["hits"] == []
    with tenant_scope(house.tenant.pk):
        Document.objects.filter(pk=house.document.pk).update(deleted_at=None)
        Source.objects.filter(pk=house.source.pk).update(deleted_at="2026-01-01T00:00:00Z")
    assert search(house, wanted).status_code == 404


def test_a_document_being_replaced_is_never_missing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flip happens between the store's answer and the reading of the rows."""
    real = house.store.search
    looks: list[Any] = []

    def search_then_flip(*args: Any) -> Any:
        hits = real(*args)
        if not looks:
            with tenant_scope(house.tenant.pk):
                for chunk in house.chunks:
                    chunk.qdrant_point_id = uuid.uuid4()
                    chunk.save()
                    house.index(chunk)
        looks.append(hits)
        return hits

    monkeypatch.setattr(house.store, "search", search_then_flip)
    hits = search(house, {"query": QUESTION, "source_ids": [str(house.source.pk)]}).json()["hits"]
    assert {hit["text"] for hit in hits} == set(PARTS)
    assert len(looks) > 1


def test_stale_points_do_not_crowd_out_live_ones(house: House, settings: Any) -> None:
    settings.MINIRAG_SEARCH_OVERFETCH = 1
    for _ in range(8):
        chunk = house.chunks[0]
        old = Chunk(
            pk=chunk.pk, document_id=chunk.document_id, source_id=chunk.source_id,
            text=chunk.text, qdrant_point_id=uuid.uuid4(),
        )  # fmt: skip
        house.index(old)
    found = search(house, {"query": PARTS[0], "source_ids": [str(house.source.pk)], "top_k": 2})
    assert next(hit["text"] for hit in found.json()["hits"]) == PARTS[0]


# --- the widget --------------------------------------------------------------------------------


async def session(house: House, origin: str | None, **more: Any) -> Any:
    headers = {"origin": origin} if origin else {}
    data = {"public_id": house.bot.widget_public_id, **more}
    return await AsyncClient().post(
        "/widget/v1/session", data, content_type="application/json", headers=headers
    )


async def test_a_widget_session_sees_its_own_chats_only(house: House, api: Api) -> None:
    given = await session(house, "https://shop.example")
    assert given.status_code == 200, given.content
    assert given["Access-Control-Allow-Origin"] == "https://shop.example"
    visitor = Api(given.json()["token"])
    answer = await post(visitor, "/chat", body(house), origin="https://shop.example")
    assert answer.status_code == 200, answer.content
    assert answer["Access-Control-Allow-Origin"] == "https://shop.example"
    mine = answer.json()["message_id"]
    foreign = (await post(api, "/chat", body(house))).json()
    assert (await visitor.get(f"/v1/messages/{mine}")).status_code == 200
    assert (await visitor.get(f"/v1/messages/{foreign['message_id']}")).status_code == 404
    listed = (await visitor.get("/v1/chats")).json()["results"]
    assert [one["channel"] for one in listed] == ["widget"]
    other = await session(house, "https://shop.example")
    somebody = Api(other.json()["token"])
    assert (await somebody.get(f"/v1/messages/{mine}")).status_code == 404
    assert (await visitor.get("/v1/bot-profiles")).status_code == 403


@pytest.mark.parametrize(
    "origin",
    [None, "https://evil.example", "http://shop.example", "https://shop.example:8443",
     "https://shop.example.evil.example", "null", "https://shop.example/path"],
)  # fmt: skip
async def test_other_origins_are_refused(house: House, origin: str | None) -> None:
    refused = await session(house, origin)
    assert refused.status_code == 403
    assert refused.json()["error"]["code"] == "origin_refused"
    assert "Access-Control-Allow-Origin" not in refused


async def test_our_own_page_and_closed_widgets(house: House) -> None:
    assert (await session(house, "http://testserver")).status_code == 200
    house_bot = house.change_bot
    await asyncio.to_thread(house_bot, widget_enabled=False)
    assert (await session(house, "https://shop.example")).status_code == 404


async def test_preflight_needs_no_credential_and_names_only_allowed_origins(house: House) -> None:
    for path in ("/widget/v1/session", "/v1/chat", "/v1/chats"):
        for origin, expected in (("https://shop.example", True), ("https://evil.example", False)):
            answer = await AsyncClient().options(
                path, headers={"origin": origin, "access-control-request-method": "POST"}
            )
            assert answer.status_code == 204
            assert (answer.get("Access-Control-Allow-Origin") == origin) is expected


async def test_the_page_reads_why_it_got_no_session(house: House) -> None:
    page = "https://shop.example"
    for data in ({}, {"public_id": house.bot.widget_public_id, "x": 1}, {"public_id": "nobody"}):
        answer = await AsyncClient().post(
            "/widget/v1/session", data, content_type="application/json", headers={"origin": page}
        )
        assert answer.status_code in (400, 404)
        assert answer["Access-Control-Allow-Origin"] == page and "Origin" in answer["Vary"]
    refused = await session(house, "https://evil.example", x=1)
    assert refused.status_code == 400 and "Access-Control-Allow-Origin" not in refused


async def test_the_page_reads_that_its_session_has_ended(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = "https://shop.example"
    monkeypatch.setattr(widget_tokens, "LIFETIME", timedelta(minutes=-1))
    token = (await session(house, page)).json()["token"]
    for answer in (
        await Api(token).get("/v1/chats", origin=page),
        await post(Api(token), "/chat", body(house), origin=page),
    ):
        assert answer.status_code == 401, answer.content
        assert answer["Access-Control-Allow-Origin"] == page
    for raw, origin in ((token[:-4] + "AAAA", page), (token, "https://evil.example")):
        refused = await Api(raw).get("/v1/chats", origin=origin)
        assert refused.status_code == 401 and "Access-Control-Allow-Origin" not in refused


async def test_a_widgets_day_is_bounded_and_no_visitor_spends_it_all(house: House) -> None:
    await asyncio.to_thread(house.change_bot, widget_daily_message_limit=12)
    first = Api((await session(house, "https://shop.example")).json()["token"])
    codes = [(await post(first, "/chat", body(house))).status_code for _ in range(6)]
    assert codes == [200] * 5 + [429]
    second = Api((await session(house, "https://shop.example")).json()["token"])
    answer = await post(second, "/chat", body(house))
    assert answer.status_code == 200
    refused = await post(first, "/chat", body(house))
    assert refused.json()["error"]["code"] == "quota_exceeded" and refused["Retry-After"]
    await asyncio.to_thread(_check_counts, house)


def _check_counts(house: House) -> None:
    with tenant_scope(house.tenant.pk):
        assert DailyWidgetCount.objects.get(bucket="").count == 6
