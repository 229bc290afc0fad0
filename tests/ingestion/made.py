"""One tenant with one file source whose ingest is queued: for programs that work it off and die."""

from __future__ import annotations

from collections.abc import Iterable

from django.core.files.base import ContentFile
from django.core.management import call_command

from ingestion.services import schedule_ingest
from sources.models import Source, SourceType
from sources.services import add_upload
from tenants.context import system_context
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope


def make_source() -> Source:
    """In a database without tables yet."""
    call_command("migrate", verbosity=0)
    with platform_scope("tests"):
        tenant = Tenant.objects.create(name="K", slug="k", embedding_model="fake/embedder")
    with tenant_scope(tenant.pk):
        source: Source = Source.objects.create(tenant=tenant, name="S", type=SourceType.FILE)
        return source


def upload(source: Source, texts: Iterable[str]) -> None:
    """The texts as ``d0.md``, ``d1.md`` and so on, and their ingest. In the tenant's scope."""
    auth = system_context(source.tenant_id, "tests")
    for number, text in enumerate(texts):
        add_upload(auth, source, ContentFile(text.encode(), name=f"d{number}.md"))
    schedule_ingest(auth, source)
