"""A citation leads to the document and the passage that it quotes, while they are there."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from bots.models import BotProfile
from chat.models import Chat, Citation, Message
from sources.models import Document
from tenants.models import Role, Tenant
from tenants.scope import tenant_scope
from tests.cast import person
from tests.sources.rows import make_chunk, make_document, make_source


@pytest.fixture
def console(tenant: Tenant) -> Client:
    client = Client()
    client.force_login(person(tenant, Role.OWNER))
    return client


@pytest.fixture
def citation(tenant: Tenant) -> Citation:
    with tenant_scope(tenant.pk):
        document = make_document(make_source(tenant), title="Guide")
        chunk = make_chunk(document)
        bot = BotProfile.objects.create(tenant=tenant, name="Bot", slug="bot")
        chat = Chat.objects.create(tenant=tenant, bot=bot)
        answer = Message.objects.create(tenant=tenant, chat=chat, ordinal=0, role="assistant")
        made: Citation = Citation.objects.create(
            tenant=tenant, message=answer, ordinal=0, marker=1, chunk_id=chunk.pk,
            document_id=document.pk, source_id=document.source_id, title="Guide", start=0, end=5,
            quote="First",
        )  # fmt: skip
        return made


def test_a_citation_leads_to_what_it_quotes(
    console: Client, citation: Citation, tenant: Tenant
) -> None:
    pages = (
        f"/console/chat/message/{citation.message_id}/change/",
        f"/console/chat/citation/{citation.pk}/change/",
        "/console/chat/citation/",
    )
    document = f'<a href="/console/sources/document/{citation.document_id}/change/">Guide</a>'
    passage = f'<a href="/console/sources/chunk/{citation.chunk_id}/change/">its passage</a>'
    for page in pages:
        shown = console.get(page).content.decode()
        assert document in shown and passage in shown, page
    with tenant_scope(tenant.pk):
        Document.objects.update(deleted_at=timezone.now())
    for page in pages:
        shown = console.get(page).content.decode()
        assert (
            "Guide, gone" in shown
            and "/console/sources/chunk/" + str(citation.chunk_id) not in shown
        )
