"""A turn from its rows to its last event, with faults at every point."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from chat import turns
from chat.database import in_database
from chat.event_logs import event_log
from chat.events import Event, EventName
from chat.models import Chat, Citation, Message, MessageStatus
from chat.selectors import get_message
from chat.services import Ask, begin_turn, request_stop
from chat.tasks import interrupt_abandoned
from minirag.errors import (
    Conflict,
    ErrorCode,
    MiniRAGError,
    ProviderMisconfigured,
    ProviderRejected,
    ProviderUnavailable,
    RetrievalUnavailable,
)
from minirag.types import Delta, TokenUsage
from sources.models import Document
from tenants.scope import platform_scope, tenant_scope
from tests.chat.conftest import PARTS, House, SteeredModel
from usage.ledger import reserve_call, settle
from usage.models import UsageEvent, UsageKind, UsageStatus

pytestmark = pytest.mark.usefixtures("quiet_end")
QUESTION = "Within how many days are fuel receipts handed in?"


async def ask(house: House, message: str = QUESTION, chat_id: UUID | None = None) -> turns.Opened:
    opened = await turns.open_turn(house.auth, Ask(house.bot.pk, message, chat_id))
    opened.slot.release()
    return opened


async def events_of(house: House, message_id: UUID) -> list[Event]:
    return [
        logged.event
        async for logged in turns.follow(house.tenant.pk, message_id, 5.0)
        if logged is not None
    ]


async def row(house: House, message_id: UUID) -> Message:
    with tenant_scope(house.tenant.pk):
        found = await in_database(get_message, message_id)
    assert found is not None
    return found


async def in_tenant(house: House, work: Any) -> Any:
    with tenant_scope(house.tenant.pk):
        return await in_database(work)


async def test_an_answer_with_a_citation(house: House) -> None:
    house.chat.enqueue("Seven days", " [1]", "[7].", usage=TokenUsage(50, 4))
    opened = await ask(house)
    events = await events_of(house, opened.turn.message_id)
    assert [event.name for event in events[:2]] == ["start", "retrieval"]
    done = events[-1]
    assert done.name is EventName.DONE
    text = "".join(event.data["text"] for event in events if event.name is EventName.DELTA)
    assert text == done.data["answer"] == "Seven days [1]."
    assert done.data["finish_reason"] == "stop" and done.data["refused"] is False
    (citation,) = done.data["citations"]
    document = await in_tenant(house, lambda: Document.objects.get(pk=citation["document_id"]))
    assert document.text[citation["start"] : citation["end"]] == citation["quote"] == PARTS[0]
    assert citation["verified"] is False
    assert all("text" not in hit for hit in events[1].data["hits"])
    stored = await row(house, opened.turn.message_id)
    assert (stored.content, stored.status) == (text, MessageStatus.COMPLETED)
    assert stored.usage == done.data["usage"]
    kinds = [(call["kind"], call["output_tokens"]) for call in stored.usage["calls"]]
    assert kinds == [("embedding", 0), ("generation", 4)]


async def test_the_row_is_final_before_the_last_event(house: House, steered: SteeredModel) -> None:
    opened = await ask(house)
    steered.say("Seven.")
    steered.finish()
    async for logged in turns.follow(house.tenant.pk, opened.turn.message_id, 5.0):
        if logged is not None and logged.event.is_last:
            stored = await row(house, opened.turn.message_id)
            assert stored.status == MessageStatus.COMPLETED


async def test_a_second_question_while_streaming_is_a_conflict(
    house: House, steered: SteeredModel
) -> None:
    first = await ask(house)
    with pytest.raises(Conflict):
        await ask(house, "And the tyres?", first.turn.chat_id)
    steered.say("Seven.")
    steered.finish()
    await events_of(house, first.turn.message_id)
    second = await ask(house, "And the tyres of a van?", first.turn.chat_id)
    assert [turn.role for turn in second.turn.history] == ["user", "assistant"]
    steered.finish()  # the rewriting, which says nothing
    steered.finish()
    await events_of(house, second.turn.message_id)


FAULTS = [
    ProviderUnavailable(), ProviderMisconfigured(), ProviderRejected(), RetrievalUnavailable(),
]  # fmt: skip


@pytest.mark.parametrize("error", FAULTS, ids=lambda error: str(error.code))
@pytest.mark.parametrize("said", ["", "Seven [1] "])
async def test_a_fault_ends_in_its_code(
    house: House, steered: SteeredModel, error: MiniRAGError, said: str
) -> None:
    opened = await ask(house)
    if said:
        steered.say(said)
    steered.fail(error)
    events = await events_of(house, opened.turn.message_id)
    assert events[-1].name is EventName.ERROR
    assert events[-1].data["code"] == error.code
    assert events[-1].data["retryable"] == error.retryable
    stored = await row(house, opened.turn.message_id)
    assert stored.status == (MessageStatus.INTERRUPTED if said else MessageStatus.FAILED)
    assert stored.error == error.as_field()
    assert stored.content == "".join(
        event.data["text"] for event in events if event.name is EventName.DELTA
    )
    rows = await in_tenant(house, lambda: list(UsageEvent.objects.filter(kind="generation")))
    # Refused before its first word: nothing was bought. Cut later: paid, by our own count.
    assert [usage.status for usage in rows] == [
        UsageStatus.SETTLED if said else UsageStatus.RELEASED
    ]
    if said:
        assert rows[0].estimated and rows[0].output_tokens > 0
        assert len(stored.citations.all()) == 1


async def test_a_stream_without_a_finish_is_never_done(
    house: House, monkeypatch: pytest.MonkeyPatch, steered: SteeredModel
) -> None:
    async def cut(request: object) -> Any:
        for text in ("Seven",):
            yield Delta(text)

    monkeypatch.setattr(steered, "stream", cut)
    opened = await ask(house)
    events = await events_of(house, opened.turn.message_id)
    assert events[-1].data["code"] == ErrorCode.PROVIDER_UNAVAILABLE
    assert (await row(house, opened.turn.message_id)).status == MessageStatus.INTERRUPTED


async def test_a_fault_of_ours_says_internal(house: House, steered: SteeredModel) -> None:
    opened = await ask(house)
    steered.fail(RuntimeError("secret of the inside"))
    events = await events_of(house, opened.turn.message_id)
    assert events[-1].data["code"] == ErrorCode.INTERNAL
    assert "secret" not in events[-1].json()


async def test_stop_keeps_the_text_so_far(house: House, steered: SteeredModel) -> None:
    opened = await ask(house)
    steered.say("Seven days [1]")
    stream = turns.follow(house.tenant.pk, opened.turn.message_id, 5.0)
    async for logged in stream:
        if logged is not None and logged.event.name is EventName.DELTA:
            break
    await stop(house, opened.turn.message_id)
    events = await events_of(house, opened.turn.message_id)
    assert events[-1].name is EventName.DONE
    assert events[-1].data["finish_reason"] == "stopped"
    assert events[-1].data["answer"] == "Seven days [1]"
    assert len(events[-1].data["citations"]) == 1
    assert (await row(house, opened.turn.message_id)).status == MessageStatus.STOPPED
    assert steered.closed.is_set()


async def stop(house: House, message_id: UUID) -> None:
    message = await row(house, message_id)
    with tenant_scope(house.tenant.pk):
        await in_database(request_stop, house.auth, message)
    await event_log().ask_stop(message_id)


async def test_stop_ends_a_provider_that_hangs(house: House, steered: SteeredModel) -> None:
    opened = await ask(house)
    await asyncio.wait_for(steered.asked.wait(), 5)
    await stop(house, opened.turn.message_id)
    events = await events_of(house, opened.turn.message_id)
    assert events[-1].data["finish_reason"] == "stopped" and events[-1].data["answer"] == ""
    assert steered.closed.is_set()


async def test_a_stop_from_another_process_comes_with_the_heartbeat(
    house: House, steered: SteeredModel, settings: Any
) -> None:
    settings.MINIRAG_CHAT_LEASE_SECONDS = 0.3
    opened = await ask(house)
    await asyncio.wait_for(steered.asked.wait(), 5)
    message = await row(house, opened.turn.message_id)
    with tenant_scope(house.tenant.pk):
        await in_database(request_stop, house.auth, message)  # the row only
    events = await events_of(house, opened.turn.message_id)
    assert events[-1].data["finish_reason"] == "stopped"


async def test_a_silent_provider_is_given_up(
    house: House, steered: SteeredModel, settings: Any
) -> None:
    settings.MINIRAG_TOKEN_GAP_SECONDS = 0.05
    opened = await ask(house)
    events = await events_of(house, opened.turn.message_id)
    assert events[-1].data["code"] == ErrorCode.PROVIDER_UNAVAILABLE
    assert steered.closed.is_set()


async def test_an_endless_answer_is_cut_and_not_called_complete(
    house: House, steered: SteeredModel, settings: Any
) -> None:
    settings.MINIRAG_ANSWER_CHARS = 100
    opened = await ask(house)
    for _ in range(50):
        steered.say("and so on ")
    events = await events_of(house, opened.turn.message_id)
    assert events[-1].name is EventName.ERROR
    assert (await row(house, opened.turn.message_id)).status == MessageStatus.INTERRUPTED


async def test_shutdown_interrupts_and_says_so(house: House, steered: SteeredModel) -> None:
    opened = await ask(house)
    steered.say("Seven")
    await asyncio.wait_for(steered.asked.wait(), 5)
    await turns.shutdown()
    stored = await row(house, opened.turn.message_id)
    assert stored.status == MessageStatus.INTERRUPTED
    assert stored.error is not None and stored.error["code"] == ErrorCode.UNAVAILABLE


async def test_a_turn_whose_process_died_is_interrupted_by_the_sweeper(
    house: House, settings: Any
) -> None:
    settings.MINIRAG_CHAT_LEASE_SECONDS = -1  # run out at once
    with tenant_scope(house.tenant.pk):
        turn = await in_database(begin_turn, house.auth, Ask(house.bot.pk, QUESTION))

    def sweep() -> int:
        with platform_scope("tests"):
            return interrupt_abandoned()

    assert await in_database(sweep) == 1
    events = await events_of(house, turn.message_id)
    assert [event.name for event in events] == ["start", "error"]
    assert events[-1].data["code"] == ErrorCode.UNAVAILABLE


async def test_a_taken_over_answer_has_its_usage_as_estimated(house: House, settings: Any) -> None:
    settings.MINIRAG_CHAT_LEASE_SECONDS = 60
    with tenant_scope(house.tenant.pk):
        turn = await in_database(begin_turn, house.auth, Ask(house.bot.pk, QUESTION))

        def call_that_was_under_way() -> None:
            now = timezone.now()
            Message.objects.filter(pk=turn.message_id).update(
                content="word " * 20,
                created_at=now - timedelta(seconds=80),
                lease_until=now - timedelta(seconds=1),
            )
            done = reserve_one_call(house, turn.message_id, TokenUsage(9))
            settle(done, TokenUsage(7))
            reserve_one_call(house, turn.message_id, TokenUsage(100, 1024))

        await in_database(call_that_was_under_way)

    def sweep() -> int:
        with platform_scope("tests"):
            return interrupt_abandoned() + interrupt_abandoned()

    assert await in_database(sweep) == 1
    usage = (await row(house, turn.message_id)).usage
    assert usage is not None
    # 20 words in 19 seconds, and what may have come in the 10 seconds to the next beat.
    assert (usage["input_tokens"], usage["estimated"]) == (107, True)
    assert 30 <= usage["output_tokens"] <= 34
    assert [call["estimated"] for call in usage["calls"]] == [False, True]
    with tenant_scope(house.tenant.pk):
        calls = await in_database(lambda: list(UsageEvent.objects.values_list("status", flat=True)))
    assert calls == ["settled", "settled"], "none waits for the hourly round"


def reserve_one_call(house: House, message_id: UUID, estimate: TokenUsage) -> UsageEvent:
    return reserve_call(
        tenant_id=house.tenant.pk,
        kind=UsageKind.GENERATION,
        model="fake/chat",
        estimate=estimate,
        message_id=message_id,
    )


async def test_a_late_worker_writes_nothing(house: House, steered: SteeredModel) -> None:
    opened = await ask(house)
    await asyncio.wait_for(steered.asked.wait(), 5)
    await in_tenant(
        house,
        lambda: Message.objects.filter(pk=opened.turn.message_id).update(
            status="interrupted", error={"code": "unavailable", "message": "swept"}
        ),
    )
    steered.say("Too late")
    steered.finish()
    events = await events_of(house, opened.turn.message_id)
    assert events[-1].name is EventName.ERROR and events[-1].data["message"] == "swept"
    assert (await row(house, opened.turn.message_id)).content == ""


async def test_no_readable_source_refuses_without_any_call(house: House) -> None:
    with tenant_scope(house.tenant.pk):
        await in_database(lambda: house.bot.bot_sources.all().delete())
    opened = await ask(house)
    events = await events_of(house, opened.turn.message_id)
    assert events[-1].data["refused"] is True
    assert events[-1].data["finish_reason"] == "refused"
    assert events[-1].data["usage"]["calls"] == []
    assert house.chat.history == []


async def test_below_the_threshold_no_model_is_asked(house: House) -> None:
    await in_tenant(house, lambda: house.change_bot(score_threshold=0.99))
    opened = await ask(house)
    events = await events_of(house, opened.turn.message_id)
    assert events[-1].data["answer"] == house.bot.refusal_message
    assert (await row(house, opened.turn.message_id)).status == MessageStatus.REFUSED
    assert house.chat.history == []
    await in_tenant(house, lambda: house.change_bot(score_threshold=0))
    again = await ask(house, "Who sings about zebras?")
    assert (await events_of(house, again.turn.message_id))[-1].data["refused"] is False


@pytest.mark.parametrize(
    ("said", "back"),
    [
        ("Hi!", ""),
        ("Guten Tag", ""),
        ("Hello, thanks", ""),
        ("merci beaucoup!", "Je vous en prie."),
        ("谢谢", "不客气。"),
    ],
)
async def test_small_talk_costs_nothing(house: House, said: str, back: str) -> None:
    """``back`` is the bot's welcome where it is empty."""
    opened = await ask(house, said)
    done = (await events_of(house, opened.turn.message_id))[-1]
    assert done.data["answer"] == (back or house.bot.welcome_message) and not done.data["refused"]
    assert done.data["usage"]["calls"] == []


async def test_a_deleted_chat_ends_its_stream(house: House, steered: SteeredModel) -> None:
    opened = await ask(house)
    await asyncio.wait_for(steered.asked.wait(), 5)
    await in_tenant(house, lambda: Chat.objects.filter(pk=opened.turn.chat_id).delete())
    await event_log().ask_stop(opened.turn.message_id)
    logged = [one async for one in event_log().read(opened.turn.message_id, 0, 5.0) if one]
    assert logged[-1].event.data["code"] == ErrorCode.NOT_FOUND
    assert await in_tenant(house, lambda: Citation.objects.count()) == 0
