"""A chat is locked before its messages, whoever comes: nobody waits for who waits for them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from bots.models import BotProfile
from bots.services import delete_bot
from chat.models import Chat, Message, MessageRole, MessageStatus
from chat.orchestrator import Outcome, Turn
from chat.services import delete_chat, finish_turn
from tenants.context import AuthContext, system_context
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]


def _finish(auth: AuthContext, bot: BotProfile, chat: Chat) -> object:
    answer = Message.objects.get(chat=chat)
    turn = Turn(Tenant.objects.get(pk=auth.tenant_id), bot, (), chat.pk, answer.pk, "?", ())
    return finish_turn(turn, Outcome("So.", MessageStatus.COMPLETED, "stop"))


DEEDS: dict[str, Callable[[AuthContext, BotProfile, Chat], object]] = {
    "the bot is deleted": lambda auth, bot, chat: delete_bot(auth, bot),
    "the chat is deleted": lambda auth, bot, chat: delete_chat(auth, chat),
    "the answer ends": _finish,
}


def is_free(chat: Chat) -> bool:
    """Whether another connection could lock the chat."""
    try:
        with tenant_scope(chat.tenant_id), transaction.atomic():
            Chat.objects.select_for_update(nowait=True).get(pk=chat.pk)
    except OperationalError:
        return False
    finally:
        connection.close()
    return True


@pytest.mark.parametrize("deed", DEEDS)
def test_the_chat_is_held_before_anything_below_it_is_touched(deed: str) -> None:
    with platform_scope("tests"):
        tenant = Tenant.objects.create(name="Acorn", slug="acorn")
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
