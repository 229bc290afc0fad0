"""The database disposes: which of the store's proposals may be shown."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sources.selectors import readable_chunks, tenant_has_chunks
from sources.services import retire_document, retire_source, set_chunk_enabled
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.sources.rows import acting, make_chunk, make_document, make_source


def test_a_live_enabled_chunk_comes_with_document_and_source_in_one_query(
    in_tenant: Tenant,
) -> None:
    source = make_source(in_tenant, metadata={"a": 1})
    chunks = [make_chunk(make_document(source), n) for n in range(4)]
    wanted = [chunk.qdrant_point_id for chunk in chunks]
    with CaptureQueriesContext(connection) as seen:
        found = readable_chunks([*wanted, uuid4()])
        shown = [
            (row.document.title, row.source.name, row.source.metadata) for row in found.values()
        ]
    assert set(found) == set(wanted)
    assert shown == [("Document", "Source", {"a": 1})] * 4
    assert len(seen) == 1


@pytest.mark.parametrize("status", ["pending", "processing", "failed"])
def test_the_old_version_answers_whatever_becomes_of_the_next(
    in_tenant: Tenant, status: str
) -> None:
    chunk = make_chunk(make_document(make_source(in_tenant), status=status))
    assert readable_chunks([chunk.qdrant_point_id])


def test_deleted_disabled_and_foreign_ones_are_not_readable(
    in_tenant: Tenant, other_tenant: Tenant
) -> None:
    auth = acting(in_tenant)
    chunks = [make_chunk(make_document(make_source(in_tenant))) for _ in range(4)]
    kept, disabled, in_document, in_source = chunks
    set_chunk_enabled(auth, disabled, False)
    retire_document(auth, in_document.document)
    retire_source(auth, in_source.source)
    with tenant_scope(other_tenant.pk):
        foreign = make_chunk(make_document(make_source(other_tenant)))
    ids = [chunk.qdrant_point_id for chunk in (*chunks, foreign)]
    assert list(readable_chunks(ids)) == [kept.qdrant_point_id]
    set_chunk_enabled(auth, disabled, True)
    assert len(readable_chunks(ids)) == 2


def test_no_ids_find_nothing(in_tenant: Tenant) -> None:
    make_chunk(make_document(make_source(in_tenant)))
    assert readable_chunks([]) == {}


def test_whether_a_tenant_has_chunks(in_tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant_scope(other_tenant.pk):
        make_chunk(make_document(make_source(other_tenant)))
    assert not tenant_has_chunks()
    document = make_document(make_source(in_tenant), deleted_at=timezone.now())
    make_chunk(document)
    assert tenant_has_chunks()
