"""What SQLite is told when the database is migrated, and what it makes of it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import Model
from django.test import RequestFactory

from chat.models import Chat
from chat.selectors import list_chats
from sources.models import Chunk, Document, Source
from sources.selectors import list_sources
from tenants.console import console_site
from tenants.context import system_context
from tenants.models import AuditEvent
from tenants.models.base import TenantOwned
from tenants.scope import platform_scope, tenant_scope

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("model", "column"), [(Chunk, "document_id"), (Chunk, "id"), (Document, "id")]
)
@pytest.mark.parametrize("several", [2, 32, 500])
@pytest.mark.parametrize("owner", ["tenant_id", "source_id"])
def test_a_few_rows_are_found_by_what_names_them(
    model: type[Model], column: str, several: int, owner: str
) -> None:
    """Untold, the planner reads all rows of the tenant for thirty of them."""
    ids = [uuid.uuid4() for _ in range(several)]
    with platform_scope("a test"):
        rows = model._default_manager.filter(**{owner: uuid.uuid4(), f"{column}__in": ids})
        assert f"({column}=?)" in rows.explain()


def test_new_tables_are_told_too() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT tbl FROM sqlite_stat1")
        told = {table for (table,) in cursor.fetchall()}
    assert {"sources_document", "chat_message", "usage_usageevent", "ingestion_ingestjob"} <= told


def test_the_sums_of_a_list_of_sources_read_no_chunk() -> None:
    tenant_id = uuid.uuid4()
    with tenant_scope(tenant_id):
        plan = list_sources(system_context(tenant_id, "a test")).explain()
    steps = [step for step in plan.splitlines() if "sources_chu_" in step]
    assert len(steps) == 2 and all("USING COVERING INDEX" in step for step in steps)


LISTED = [
    model
    for model in apps.get_models()
    if issubclass(model, TenantOwned) and model._meta.ordering == TenantOwned.Meta.ordering
]


@pytest.mark.parametrize("model", [*LISTED, AuditEvent])
def test_a_page_of_a_tenants_list_is_read_off_its_end(model: type[TenantOwned]) -> None:
    """Neither other tenants' rows are read for it, nor all of the tenant's sorted."""
    with platform_scope("a test"):
        plan = model.objects.filter(tenant_id=uuid.uuid4())[:51].explain()
    assert "(tenant_id=?)" in plan
    assert "TEMP B-TREE" not in plan


def test_a_page_of_a_sources_documents_is_read_off_its_end() -> None:
    with platform_scope("a test"):
        plan = Document.objects.filter(source_id=uuid.uuid4(), deleted_at__isnull=True)[:51]
        assert "TEMP B-TREE" not in plan.explain()


def test_a_page_of_chats_counts_no_messages_but_its_own() -> None:
    auth = system_context(uuid.uuid4(), "tests")
    with tenant_scope(auth.tenant_id):
        assert "TEMP B-TREE" not in list_chats(auth)[:51].explain()


@pytest.mark.parametrize("model", [Source, Document, Chat])
def test_a_page_of_the_console_counts_for_its_own_rows(model: type[Model]) -> None:
    page, tenant_id = console_site._registry[model], uuid.uuid4()
    with tenant_scope(tenant_id):
        rows = page.get_queryset(RequestFactory().get("/")).order_by("-created_at", "-id")[:51]
        assert "TEMP B-TREE" not in rows.explain()


@pytest.mark.parametrize("model", [Source, Document, Chunk])
def test_a_list_of_the_console_reads_no_whole_texts(model: type[Model]) -> None:
    page = console_site._registry[model]
    related: Any = page.list_select_related
    with tenant_scope(uuid.uuid4()):
        rows = page.get_queryset(RequestFactory().get("/"))
        wanted = str(rows.select_related(*related).query if related else rows.query)
    for column in ('"sources_document"."text"', '"sources_source"."content"'):
        assert column not in wanted


def test_the_history_of_an_object_is_found_by_it() -> None:
    with platform_scope("a test"):
        told = AuditEvent.objects.filter(tenant_id=uuid.uuid4(), object_id__in=["1", "2"])
        assert "(object_id=?)" in told.explain()
