"""A widget session that was issued rightly: what becomes of it when its widget changes."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient

from bots.models import BotProfile, BotSource
from tenants import widget_tokens
from tenants.scope import tenant_scope
from tests.chat.conftest import House
from tests.chat.test_http import Api, body, post

pytestmark = pytest.mark.usefixtures("quiet_end")
SITE = "https://shop.example"


def visitor_of(house: House, bot: BotProfile, visitor_id: uuid.UUID) -> Api:
    raw, _ = widget_tokens.issue(bot.pk, house.tenant.pk, visitor_id, SITE)
    return Api(raw)


@pytest.fixture
def visitor(house: House) -> Api:
    return visitor_of(house, house.bot, uuid.uuid4())


async def answers(visitor: Api, house: House) -> list[tuple[int, str | None]]:
    """What the visitor gets for reading, and for asking."""
    got = [await visitor.get("/v1/chats"), await post(visitor, "/chat", body(house))]
    return [(one.status_code, one.json().get("error", {}).get("code")) for one in got]


GONE = [(404, "not_found")] * 2
REFUSED = [(403, "origin_refused")] * 2
FINE = [(200, None)] * 2


@pytest.mark.parametrize(
    ("closed", "expected"),
    [
        ({"widget_enabled": False}, GONE),
        ({"is_active": False}, GONE),
        ({"widget_allowed_origins": []}, REFUSED),
        ({"widget_allowed_origins": ["https://other.example"]}, REFUSED),
    ],
)
async def test_it_ends_with_its_widget(
    house: House, visitor: Api, closed: dict[str, Any], expected: Any
) -> None:
    change = sync_to_async(house.change_bot)
    assert await answers(visitor, house) == FINE
    await change(**closed)
    assert await answers(visitor, house) == expected
    await change(widget_enabled=True, is_active=True, widget_allowed_origins=[SITE])
    assert await answers(visitor, house) == FINE


def second_bot(house: House) -> BotProfile:
    with tenant_scope(house.tenant.pk):
        bot: BotProfile = BotProfile.objects.create(
            name="Second", slug="second", model="fake/chat", score_threshold=0.2,
            widget_enabled=True, widget_allowed_origins=[SITE],
        )  # fmt: skip
        BotSource.objects.create(bot=bot, source=house.source)
        return bot


async def test_it_is_for_one_bot(house: House) -> None:
    """The same visitor of the same site, at another assistant: nothing of the first is told."""
    visitor_id = uuid.uuid4()
    first = visitor_of(house, house.bot, visitor_id)
    second = visitor_of(house, await sync_to_async(second_bot)(house), visitor_id)
    said = (await post(first, "/chat", body(house))).json()
    assert (await first.get(f"/v1/messages/{said['message_id']}")).status_code == 200
    for path in (f"/v1/messages/{said['message_id']}", f"/v1/chats/{said['chat_id']}"):
        assert (await second.get(path)).status_code == 404
    assert (await second.get("/v1/chats")).json()["results"] == []
    asked = await post(second, "/chat", body(house))
    assert asked.status_code == 404, "nor may it ask the other bot"


async def test_no_session_is_issued_where_the_bot_is_not_active(house: House) -> None:
    await sync_to_async(house.change_bot)(is_active=False)
    given = await AsyncClient().post(
        "/widget/v1/session",
        {"public_id": house.bot.widget_public_id},
        content_type="application/json",
        headers={"origin": SITE},
    )
    assert given.status_code == 404
