"""A row that is gone between its look-up and the deed: not found or a conflict, never a 500."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, models
from django.utils import timezone

from bots.models import BotProfile
from chat.models import Chat, Message
from ingestion.models import IngestJob
from sources.models import Chunk, Document, Source
from sources.services import add_uploads
from tenants.api_base import TenantView
from tenants.models import ApiToken, Membership
from tenants.scope import platform_scope
from tests.matrix.answers import check, content_of
from tests.matrix.bodies import PUBLIC, body_of, own, send
from tests.matrix.document import Operation, names, operations
from tests.matrix.world import World

MODELS: dict[str, type[models.Model]] = {
    "bot_profile_id": BotProfile,
    "chat_id": Chat,
    "chunk_id": Chunk,
    "document_id": Document,
    "job_id": IngestJob,
    "message_id": Message,
    "source_id": Source,
    "token_id": ApiToken,
    "user_id": Membership,
}
WITH_ROWS = [call for call in operations() if call.path_ids and call.id not in PUBLIC]
RETIRED = [call for call in WITH_ROWS if {"document_id", "source_id"} & {*call.path_ids}]


def erase(ids: dict[str, str]) -> None:
    for name, pk in ids.items():
        MODELS[name]._base_manager.filter(pk=pk).delete()


def retire(ids: dict[str, str]) -> None:
    for name, pk in ids.items():
        MODELS[name]._base_manager.filter(pk=pk).update(deleted_at=timezone.now())


def after_the_look(
    call: Operation, world: World, deed: Callable[[dict[str, str]], None], monkeypatch: Any
) -> Any:
    """The answer where ``deed`` happens once the rows of the path were found."""
    ids, body, initial = own(call, world), body_of(call, world), TenantView.initial

    def then(view: TenantView, request: Any, *args: Any, **kwargs: Any) -> None:
        initial(view, request, *args, **kwargs)
        with platform_scope("tests"):
            deed(ids)

    monkeypatch.setattr(TenantView, "initial", then)
    answer = send(world.clients["own full token"], call, ids, body)
    check(answer, call, world)
    return answer


@pytest.mark.parametrize("call", WITH_ROWS, ids=names(WITH_ROWS))
def test_erased(call: Operation, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = after_the_look(call, world, erase, monkeypatch)
    assert answer.status_code < 500, content_of(answer)
    if call.method == "patch" or call.id == "chats_delete":
        assert answer.status_code in (404, 409), content_of(answer)


@pytest.mark.parametrize("call", RETIRED, ids=names(RETIRED))
def test_retired(call: Operation, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = after_the_look(call, world, retire, monkeypatch)
    assert answer.status_code < 500, content_of(answer)
    if call.id == "sources_update":
        assert answer.status_code == 404, content_of(answer)


@pytest.mark.parametrize(("failures", "status"), [(1, 204), (4, 204), (5, 409)])
@pytest.mark.parametrize("call_id", ["bot_profiles_delete", "chats_delete"])
def test_what_grows_while_it_is_deleted(
    call_id: str, failures: int, status: int, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message that came between the look and the commit breaks the commit; it begins anew."""
    call = next(one for one in WITH_ROWS if one.id == call_id)
    ids, broken, delete = own(call, world), [IntegrityError()] * failures, models.QuerySet.delete

    def breaking(rows: Any) -> Any:
        if broken and rows.model in (BotProfile, Chat):
            raise broken.pop()
        return delete(rows)

    monkeypatch.setattr(models.QuerySet, "delete", breaking)
    answer = send(world.clients["own full token"], call, ids, {})
    check(answer, call, world)
    assert answer.status_code == status


def test_an_upload_to_a_source_that_is_deleted_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = next(one for one in WITH_ROWS if one.id == "sources_upload")
    ids = own(call, world)

    def then_deleted(*args: Any) -> Any:
        made = add_uploads(*args)
        retire(ids)
        return made

    monkeypatch.setattr("sources.api.add_uploads", then_deleted)
    answer = send(world.clients["own full token"], call, ids, body_of(call, world))
    check(answer, call, world)
    assert answer.status_code == 404
