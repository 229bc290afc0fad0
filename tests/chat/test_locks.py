"""Bot, chat, messages: locked in this order, whoever comes, so that no two wait for each other."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection, transaction

from bots.models import BotProfile
from bots.services import delete_bot
from chat.models import Chat, Message, MessageRole, MessageStatus
from chat.orchestrator import Outcome, Turn
from chat.services import Ask, begin_turn, delete_chat, finish_turn
from tenants.context import AuthContext, WidgetVisitor, system_context
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]
ORIGIN = "https://shop.example"


def _finish(auth: AuthContext, bot: BotProfile, chat: Chat) -> object:
    answer = Message.objects.get(chat=chat)
    turn = Turn(Tenant.objects.get(pk=auth.tenant_id), bot, (), chat.pk, answer.pk, "?", ())
    return finish_turn(turn, Outcome("So.", MessageStatus.COMPLETED, "stop"))


DEEDS: dict[str, Callable[[AuthContext, BotProfile, Chat], object]] = {
    "the bot is deleted": lambda auth, bot, chat: delete_bot(auth, bot),
    "the chat is deleted": lambda auth, bot, chat: delete_chat(auth, chat),
    "the answer ends": _finish,
}


def is_free(row: BotProfile | Chat) -> bool:
    """Whether another connection could lock the row."""
    try:
        with tenant_scope(row.tenant_id), transaction.atomic():
            type(row).objects.select_for_update(nowait=True).get(pk=row.pk)
    except OperationalError:
        return False
    finally:
        connection.close()
    return True


@pytest.fixture
def tenant() -> Tenant:
    with platform_scope("tests"):
        made: Tenant = Tenant.objects.create(name="Acorn", slug="acorn")
        return made


def test_the_bot_is_held_before_its_messages_of_a_day_are_counted(tenant: Tenant) -> None:
    free: list[bool] = []

    def looking(execute: Any, sql: str, *args: Any) -> Any:
        if not free and "chat_dailywidgetcount" in sql:
            free.append(pool.submit(is_free, bot).result())
        return execute(sql, *args)

    with tenant_scope(tenant.pk), ThreadPoolExecutor(1) as pool:
        bot = BotProfile.objects.create(
            tenant=tenant,
            name="Bot",
            slug="bot",
            widget_enabled=True,
            widget_allowed_origins=[ORIGIN],
        )
        visitor = WidgetVisitor(bot.pk, uuid4(), ORIGIN)
        auth = replace(system_context(tenant.pk, "tests"), widget=visitor)
        with connection.execute_wrapper(looking):
            begin_turn(auth, Ask(bot.pk, "Hello"))
    assert free == [False]


@pytest.mark.parametrize("deed", DEEDS)
def test_the_chat_is_held_before_anything_below_it_is_touched(deed: str, tenant: Tenant) -> None:
    free: list[bool] = []

    def looking(execute: Any, sql: str, *args: Any) -> Any:
        if not free and sql.startswith(('UPDATE "chat_message"', "DELETE")):
            free.append(pool.submit(is_free, chat).result())
        return execute(sql, *args)

    with tenant_scope(tenant.pk), ThreadPoolExecutor(1) as pool:
        bot = BotProfile.objects.create(tenant=tenant, name="Bot", slug="bot")
        chat = Chat.objects.create(tenant=tenant, bot=bot)
        Message.objects.create(
            tenant=tenant,
            chat=chat,
            ordinal=1,
            role=MessageRole.ASSISTANT,
            status=MessageStatus.STREAMING,
        )
        with connection.execute_wrapper(looking):
            DEEDS[deed](system_context(tenant.pk, "tests"), bot, chat)
    assert free == [False]
