"""A page offers what one's role may do, and no more: the rest is neither shown nor answered."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.test import Client

from bots.models import BotProfile
from ingestion.models import IngestJob
from tenants.models import Membership, Role, Tenant
from tenants.scope import platform_scope, tenant_scope
from tests.cast import person, token_of
from tests.sources.rows import make_document, make_source

LISTS = (
    "sources/source", "sources/document", "sources/chunk", "bots/botprofile", "chat/chat",
    "chat/message", "ingestion/ingestjob", "ingestion/indexcheck", "usage/usageevent",
    "tenants/tenant",
)  # fmt: skip
FOR_ADMINS = ("tenants/membership", "tenants/apitoken", "tenants/auditevent")
LOWER = pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])


def as_role(tenant: Tenant, role: str) -> Client:
    client = Client()
    client.force_login(person(tenant, role))
    return client


def shown(client: Client, path: str) -> str:
    answer = client.get(f"/console/{path}/" if path else "/console/")
    assert answer.status_code == 200, path
    return answer.content.decode()


@pytest.fixture
def source_id(tenant: Tenant) -> UUID:
    """Of a source with a document and a job."""
    with tenant_scope(tenant.pk):
        source = make_source(tenant)
        make_document(source, key="guide.md")
        IngestJob.objects.create(tenant=tenant, source_id=source.pk)
        return source.pk


@LOWER
def test_people_tokens_and_the_audit_are_for_admins(tenant: Tenant, role: str) -> None:
    client = as_role(tenant, role)
    owner = as_role(tenant, Role.OWNER)
    token_of(tenant)
    first = shown(client, "")
    with platform_scope("tests"):
        someone = Membership.objects.get(tenant=tenant, role=Role.OWNER)
    for path in FOR_ADMINS:
        assert f"/console/{path}/" not in first
        assert f"/console/{path}/" in shown(owner, "")
        for page in (f"/console/{path}/", f"/console/{path}/add/"):
            assert client.get(page).status_code == 403, page
    assert client.get(f"/console/tenants/membership/{someone.pk}/change/").status_code == 403


def test_a_viewer_is_offered_no_deed(tenant: Tenant, source_id: UUID) -> None:
    client = as_role(tenant, Role.VIEWER)
    for path in (*LISTS, f"sources/source/{source_id}/change"):
        page = shown(client, path)
        assert 'name="action"' not in page, path
        for sign in ("addlink", "deletelink", 'name="_save"', "preview/", "Check now"):
            assert sign not in page, (path, sign)


def test_an_editor_is_offered_sources_and_bots_but_no_keys(tenant: Tenant, source_id: UUID) -> None:
    client = as_role(tenant, Role.EDITOR)
    for path in ("sources/source", "sources/document"):
        assert "delete_selected" in shown(client, path)
    page = shown(client, f"sources/source/{source_id}/change")
    assert 'name="_save"' in page and "preview/" in page and "historylink" not in page
    assert 'name="_save"' not in shown(client, f"tenants/tenant/{tenant.pk}/change")
    admin = as_role(tenant, Role.ADMIN)
    with tenant_scope(tenant.pk):
        bot = BotProfile.objects.create(tenant=tenant, name="Bot", slug="bot")
    for path in ("bots/botprofile/add", f"bots/botprofile/{bot.pk}/change"):
        assert 'name="api_key"' not in shown(client, path)
        assert 'name="api_key"' in shown(admin, path)


def test_a_key_that_an_editor_sends_is_refused(tenant: Tenant) -> None:
    form = {
        "name": "Keyed", "slug": "", "model": "openai/gpt-4o-mini", "is_active": "on",
        "top_k": "5", "query_rewrite": "auto", "refusal_message": "No.", "widget_theme": "auto",
        "widget_daily_message_limit": "10", "api_key": "sk-1",
    }  # fmt: skip
    answer = as_role(tenant, Role.EDITOR).post("/console/bots/botprofile/add/", form)
    assert answer.status_code == 200 and "Only an admin may set" in answer.content.decode()
    with tenant_scope(tenant.pk):
        assert not BotProfile.objects.exists()
