"""Answers kept under an Idempotency-Key do not outlive what they quote."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient, Client

from ingestion.services import schedule_delete, schedule_document_delete
from minirag.errors import Conflict
from tenants import idempotency
from tenants.scope import tenant_scope
from tests.cast import client_for, token_of
from tests.chat.conftest import PARTS, House

JSON = "application/json"
pytestmark = pytest.mark.usefixtures("quiet_end")


def delete_source(house: House, client: Client, chat_id: str) -> None:
    with tenant_scope(house.tenant.pk):
        schedule_delete(house.auth, house.source)


def delete_document(house: House, client: Client, chat_id: str) -> None:
    with tenant_scope(house.tenant.pk):
        schedule_document_delete(house.auth, house.document)


def take_out(house: House, client: Client, chat_id: str) -> None:
    path = f"/v1/chunks/{house.chunks[0].pk}"
    assert client.patch(path, {"enabled": False}, content_type=JSON).status_code == 200


def delete_bot(house: House, client: Client, chat_id: str) -> None:
    assert client.delete(f"/v1/bot-profiles/{house.bot.pk}").status_code == 204


def delete_chat(house: House, client: Client, chat_id: str) -> None:
    assert client.delete(f"/v1/chats/{chat_id}").status_code == 204


Deed = Callable[[House, Client, str], None]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "deed", [delete_source, delete_document, take_out, delete_bot, delete_chat]
)
async def test_no_repeat_gives_back_what_was_deleted(
    house: House, deed: Deed, stream: bool
) -> None:
    raw = await sync_to_async(token_of)(house.tenant)
    client = AsyncClient()
    ask = {"bot_profile_id": str(house.bot.pk), "message": "When are fuel receipts handed in?"}
    search = {"bot_profile_id": str(house.bot.pk), "query": "fuel receipts"}

    async def post(path: str, body: dict[str, Any], key: str) -> str:
        headers = {"authorization": f"Bearer {raw}", "idempotency-key": key}
        answer: Any = await client.post(path, body, content_type=JSON, headers=headers)
        if not answer.streaming:
            return str(answer.content.decode())
        return b"".join([part async for part in answer]).decode()

    house.chat.enqueue(f"{PARTS[0]} [1]")
    told = await post("/v1/chat", {**ask, "stream": stream}, "c")
    found = await post("/v1/search", search, "s")
    assert PARTS[0] in told and PARTS[0] in found
    assert PARTS[0] in await post("/v1/chat", {**ask, "stream": stream}, "c")
    chat_id = told.partition('"chat_id":')[2].split('"')[1]
    await sync_to_async(deed)(house, client_for(raw), chat_id)
    house.chat.enqueue("There is nothing.")
    assert PARTS[0] not in await post("/v1/chat", {**ask, "stream": stream}, "c")
    if deed is not delete_chat:
        assert PARTS[0] not in await post("/v1/search", search, "s")


def test_what_was_on_its_way_is_not_kept(house: House) -> None:
    """A search began before the deletion and ends behind it: its key stays its own, its text goes.

    So does one that began while the deletion was on its way to its commit.
    """
    with tenant_scope(house.tenant.pk):
        run = idempotency.begin(house.tenant.pk, "k", "POST /v1/search", "d")
        other = idempotency.begin(house.tenant.pk, "k2", "POST /v1/sources", "d")
        schedule_delete(house.auth, house.source)
        assert isinstance(run, idempotency.Run) and isinstance(other, idempotency.Run)
        run.keep(200, {"hits": [PARTS[0]]})
        other.keep(201, {"id": "x"})
        with pytest.raises(Conflict):
            idempotency.begin(house.tenant.pk, "k", "POST /v1/search", "d")
        kept = idempotency.begin(house.tenant.pk, "k2", "POST /v1/sources", "d")
        assert isinstance(kept, idempotency.Replay)
